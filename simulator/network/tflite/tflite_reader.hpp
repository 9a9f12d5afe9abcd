// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/onnx/onnx_reader.hpp"

namespace tilewake {

/// Size limit of a model file, that of FlatBuffers.
inline constexpr std::size_t kMaxTfliteBytes = (std::size_t{1} << 31) - 2;

/// The network of a TensorFlow Lite model: the first subgraph, float or quantized.
/// README.md of this directory lists the operators; any other is refused with InputError
/// "PATH: operator INDEX OPERATOR 'TENSOR': what". What is left out is in the warnings.
///   @param text         bytes of the file; weights are not looked at
///   @param path         stands in errors; its stem names the network
///   @param options      as for ONNX; sizes are images, channels, height, width; values have the
///                       names of tensors
OnnxNetwork read_tflite(const std::string& text, const std::string& path,
                        const ModelOptions& options = {});

}  // namespace tilewake
