// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Opsets of ONNX's own operators that the reader knows.
inline constexpr std::int64_t kMinOnnxOpset = 7;
inline constexpr std::int64_t kMaxOnnxOpset = 17;

struct OnnxModel;

struct OnnxNetwork {
  Network network;
  std::vector<std::string> warnings;  // what of the model is left out, for people
};

/// The network of an ONNX model, for one image. README.md of this directory has what is understood
/// and how; whatever is not is refused with InputError "PATH: node 'NAME' (OP): what", never left
/// out silently.
///   @param text         bytes of the file; weights are not looked at
///   @param path         stands in errors; its stem names the network, unless Tilewake wrote the
///   file
///   @param input_shape  binds the free dimensions of the model's input; empty: a free batch is 1
OnnxNetwork read_onnx(const std::string& text, const std::string& path,
                      const std::vector<std::int64_t>& input_shape = {});

/// The same from a model in memory, which may come from another format.
OnnxNetwork read_onnx_model(const OnnxModel& model, const std::string& path,
                            const std::vector<std::int64_t>& input_shape);

}  // namespace tilewake
