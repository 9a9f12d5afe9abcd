// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// Replaces operators that exporters write as several nodes by one node of the ONNX operator that
/// computes the same, with the inputs of that operator and the outputs of the last node. Only where
/// no other node reads what is between. README.md of this directory lists the forms. Parameters may
/// be C x 1 x 1 instead of C; a norm over other axes than the last has an attribute `axes`. Linear
/// time.
void merge_onnx_patterns(OnnxModel& model);

}  // namespace tilewake
