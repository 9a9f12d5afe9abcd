// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

// at::parallel_for is a template: compiled without OpenMP, it silently runs on one thread.
#if !defined(INTRA_OP_PARALLEL)
#error "compile with OpenMP (OpenMP::OpenMP_CXX): at::parallel_for would run on one thread"
#endif
