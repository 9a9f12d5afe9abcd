// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/layer_drafts.hpp"

#include <map>
#include <tuple>
#include <utility>

namespace tilewake {

int LayerDrafts::add(Layer layer, const PaddingRule& padding, const OnnxNode& node) {
  std::vector<Shape> shapes;
  for (const int input : layer.inputs) shapes.push_back(shape_of(input));
  infer_shapes(layer, padding, shapes);
  drafts_.push_back({std::move(layer), padding, &node});
  return static_cast<int>(drafts_.size()) - 1;
}

void LayerDrafts::share_weights() {
  using Key = std::tuple<std::int64_t, Op, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  std::map<Key, std::size_t> owners;
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    const Draft& draft = drafts_[i];
    Layer& layer = drafts_[i].layer;
    if (draft.weights < 0 || !layer.can_share_weights()) continue;
    const bool is_part_of_norm = layer.is_norm() && draft.bias == -1;  // shifts of its own
    if (is_part_of_norm || (layer.is_norm() && !layer.bias)) continue;
    const std::int64_t shifts = layer.is_norm() ? draft.bias : 0;
    const auto [owner, is_new] =
        owners.try_emplace({draft.weights, layer.op, layer.num_weights(), layer.ofm.channels,
                            layer.is_norm() ? layer.groups : 0, shifts},
                           i);
    if (is_new) continue;
    layer.weights_of = static_cast<int>(owner->second);
    const std::int64_t bias = drafts_[owner->second].bias;
    layer.own_bias = layer.has_weights() && layer.bias && (draft.bias < 0 || draft.bias != bias);
  }
}

const Shape& LayerDrafts::shape_of(int index) const {
  return index == kNetworkInput ? input_ : drafts_[static_cast<std::size_t>(index)].layer.ofm;
}

}  // namespace tilewake
