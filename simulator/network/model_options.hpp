// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tilewake {

/// How much of a model (ONNX, TensorFlow Lite) is read, and in which sizes.
struct ModelOptions {
  struct InputShape {
    std::string name;  // of an input; empty: the first that is used
    std::vector<std::int64_t> sizes;
  };

  ModelOptions() = default;
  /// Sizes of the first input; none: those of the file.
  ModelOptions(std::vector<std::int64_t> sizes) {  // NOLINT(google-explicit-constructor)
    if (!sizes.empty()) input_shapes.push_back({"", std::move(sizes)});
  }

  bool is_default() const {
    return input_shapes.empty() && until.empty() && from.empty() && !skip_unsupported;
  }

  std::vector<InputShape> input_shapes;  // they bind what the model leaves free
  /// Nodes, or values that they give: these become the outputs of the network.
  std::vector<std::string> until;
  /// Nodes: the feature maps that they read become inputs of the network.
  std::vector<std::string> from;
  bool skip_unsupported = false;  // nodes that cannot be read become `host` layers
};

}  // namespace tilewake
