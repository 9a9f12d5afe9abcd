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
///   @param input_shape  binds free dimensions: images, channels, height, width, as for ONNX
OnnxNetwork read_tflite(const std::string& text, const std::string& path,
                        const std::vector<std::int64_t>& input_shape = {});

}  // namespace tilewake
