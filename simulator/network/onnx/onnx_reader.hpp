// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/network/model_options.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Opsets of ONNX's own operators that the reader knows. A later one is read by the rules of the
/// last, with a warning.
inline constexpr std::int64_t kMinOnnxOpset = 7;
inline constexpr std::int64_t kMaxOnnxOpset = 24;

struct OnnxModel;

/// The node that a layer comes from.
struct OnnxOrigin {
  std::string op;
  std::vector<std::string> inputs;  // names of values
};

struct OnnxNetwork {
  Network network;
  std::vector<OnnxOrigin> origins;    // of the layers
  std::vector<std::string> warnings;  // what of the model is left out, for people
};

/// The network of an ONNX model, for one image. README.md of this directory has what is understood
/// and how; whatever is not is refused with InputError "PATH: node 'NAME' (OP): what", never left
/// out silently.
///   @param text     bytes of the file; weights are not looked at
///   @param path     stands in errors; its stem names the network, unless Tilewake wrote the file
///   @param options  sizes of inputs, and how much of the model is read
OnnxNetwork read_onnx(const std::string& text, const std::string& path,
                      const ModelOptions& options = {});

/// The same from a model in memory, which may come from another format.
OnnxNetwork read_onnx_model(OnnxModel model, const std::string& path, const ModelOptions& options);

}  // namespace tilewake
