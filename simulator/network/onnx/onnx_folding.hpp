// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/network/onnx/onnx_values.hpp"

namespace tilewake {

/// Whether `node` reads constants, and nothing else.
bool reads_constants_only(OnnxValues& values, const OnnxNode& node);

/// Defines what an operator on maps gives where all that it reads is constant, as positions that
/// are resized to an image: constants of the same dims, whose values are not known. False: the
/// operator cannot read such maps.
bool fold_dims(OnnxValues& values, const OnnxNode& node);

/// Reads the branch of an If whose condition is constant. Throws InputError where it is not, or
/// what of the branch is not understood.
void read_if(OnnxValues& values, const OnnxNode& node);

}  // namespace tilewake
