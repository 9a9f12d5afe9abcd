// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_writer.hpp"

#include <cstddef>
#include <set>
#include <string>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("ONNX: layer '{}': {}", layer.name, what));
}

/// Checks that there is one output, the last layer, and that `weights` are of layers with weights.
void check_parts(const Network& network, const LayerWeights& weights) {
  std::set<int> used;
  std::set<std::string> with_weights;
  for (const Layer& layer : network.layers) {
    used.insert(layer.inputs.begin(), layer.inputs.end());
    if (layer.has_weights()) with_weights.insert(layer.name);
  }
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i < last; ++i) {
    if (!used.contains(i)) {
      fail(network.layers[static_cast<std::size_t>(i)],
           fmt::format("is a second output besides '{}'; only one is supported",
                       network.layers.back().name));
    }
  }
  for (const auto& [name, values] : weights) {
    if (!with_weights.contains(name)) {
      throw InputError(
          fmt::format("ONNX: weights given for '{}', which is not a layer with weights", name));
    }
  }
}

}  // namespace

std::string onnx_model(const Network& network, const LayerWeights& weights) {
  check_parts(network, weights);
  return write_onnx(network, [&](const Layer& layer) -> OnnxWeights {
    const auto found = weights.find(layer.name);
    if (found == weights.end()) fail(layer, "no weights given");
    return {found->second.weight, found->second.bias};
  });
}

}  // namespace tilewake
