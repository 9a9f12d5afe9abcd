// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/network_builder.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/network/limits.hpp"
#include "simulator/network/plain_names.hpp"

namespace tilewake {
void check_name(const std::string& name, const std::string& key) {
  if (name.empty()) throw LayerError(key, "must not be empty");
  if (name.size() > kMaxNameLength) {
    throw LayerError(key, fmt::format("is longer than {} characters", kMaxNameLength));
  }
  if (!std::all_of(name.begin(), name.end(), is_name_char)) {
    throw LayerError(key, "may contain only letters, digits, inner spaces and _.-/:+()[]@#%=");
  }
  // No leading '=', '+', '-' or '@': a spreadsheet would evaluate the CSV field as a formula.
  if (!is_first_name_char(name.front())) {
    throw LayerError(key, "must start with a letter, a digit, '_' or '/'");
  }
  if (name.back() == ' ') throw LayerError(key, "must not end with a space");
}

NetworkBuilder::NetworkBuilder(const std::string& name, const Shape& input) {
  check_name(name, "name");
  for (const std::int64_t size : {input.channels, input.height, input.width}) {
    if (size < 1 || size > kMaxDimension) {
      throw LayerError("input", fmt::format("sizes must be from 1 to {}", kMaxDimension));
    }
  }
  if (input.num_elements() > kMaxFeatureMap) {
    throw LayerError("input", fmt::format("has more than {} elements", kMaxFeatureMap));
  }
  network_.name = name;
  network_.input = input;
}

void NetworkBuilder::check_inputs(const Layer& layer) const {
  const auto index = static_cast<int>(network_.layers.size());
  std::vector<int> sorted = layer.inputs;
  std::sort(sorted.begin(), sorted.end());
  for (const int input : sorted) {
    if (input < kNetworkInput || input >= index) {
      throw LayerError("inputs", "an input is not an earlier layer");
    }
  }
  const bool may_repeat = layer.is_elementwise() || layer.op == Op::kConcat ||
                          layer.op == Op::kMatmul || layer.op == Op::kHost;
  if (!may_repeat && std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw LayerError("inputs", "lists the same input twice");
  }
}

void NetworkBuilder::check_weights_of(const Layer& layer) const {
  if (layer.weights_of < 0) {
    if (layer.own_bias) throw LayerError("own_bias", "needs weights_of");
    return;
  }
  const auto index = static_cast<std::size_t>(layer.weights_of);
  const bool is_earlier = index < network_.layers.size();
  const Layer* owner = is_earlier ? &network_.layers[index] : nullptr;
  if (owner == nullptr || owner->weights_of >= 0 || !layer.can_share_weights() ||
      owner->op != layer.op || owner->num_weights() != layer.num_weights() ||
      (layer.bias && !layer.own_bias && !owner->bias) || owner->shift != layer.shift ||
      (layer.is_norm() && owner->bias != layer.bias) ||
      (!layer.has_weights() &&
       (owner->ofm.channels != layer.ofm.channels || owner->groups != layer.groups ||
        owner->extent != layer.extent || layer.own_bias))) {
    throw LayerError("weights_of",
                     "must be an earlier layer of the same op with as many weights of its own");
  }
}

int NetworkBuilder::add(Layer layer, const PaddingRule& padding) {
  const auto index = static_cast<int>(network_.layers.size());
  if (index >= kMaxLayers) throw LayerError("", fmt::format("more than {} layers", kMaxLayers));
  check_name(layer.name, "name");
  if (layer.name == "input")
    throw LayerError("name", "'input' is reserved for the network's input");
  if (!layer.block.empty()) check_name(layer.block, "block");
  check_inputs(layer);
  std::vector<Shape> shapes;
  for (const int input : layer.inputs) shapes.push_back(shape_of(input));
  infer_shapes(layer, padding, shapes);
  check_weights_of(layer);
  num_macs_ += layer.num_macs();  // at most twice kMaxMacs
  if (num_macs_ > kMaxMacs) {
    throw LayerError("", fmt::format("the network needs more than {} MACs", kMaxMacs));
  }
  if (!index_of_.emplace(layer.name, index).second) {
    throw LayerError("name", fmt::format("a layer '{}' exists already", layer.name));
  }
  network_.layers.push_back(std::move(layer));
  return index;
}

int NetworkBuilder::find(const std::string& name) const {
  const auto found = index_of_.find(name);
  return found == index_of_.end() ? kNoLayer : found->second;
}

Network NetworkBuilder::build() {
  if (network_.layers.empty()) throw LayerError("layers", "must not be empty");
  return std::exchange(network_, {});
}

}  // namespace tilewake
