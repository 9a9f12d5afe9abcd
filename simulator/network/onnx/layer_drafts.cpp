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
  drafts_.push_back({std::move(layer), padding, &node, -1});
  return static_cast<int>(drafts_.size()) - 1;
}

void LayerDrafts::share_weights() {
  std::map<std::tuple<std::int64_t, Op, std::int64_t, bool>, int> owners;
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    Layer& layer = drafts_[i].layer;
    if (drafts_[i].weights < 0 || !layer.has_weights()) continue;
    const auto [owner, is_new] = owners.try_emplace(
        {drafts_[i].weights, layer.op, layer.weight_bytes(), layer.bias}, static_cast<int>(i));
    if (!is_new) layer.weights_of = owner->second;
  }
}

const Shape& LayerDrafts::shape_of(int index) const {
  return index == kNetworkInput ? input_ : drafts_[static_cast<std::size_t>(index)].layer.ofm;
}

}  // namespace tilewake
