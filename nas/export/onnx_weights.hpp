// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"

namespace tilewake {

/// The weights in an ONNX model, of every layer that has any: float tensors of Conv, Gemm and
/// MatMul. Other nodes with float parameters are refused (but for bounds of Clip): their values
/// would be missing. So are quantized models, functions, and weights in other files.
///   @param bytes  of the file; untrusted
///   @param path   for errors
///   @param read   read_onnx() of the same bytes
/// Throws InputError "PATH: node 'NAME' (OP): what".
LayerWeights onnx_weights(const std::string& bytes, const std::string& path,
                          const OnnxNetwork& read);

}  // namespace tilewake
