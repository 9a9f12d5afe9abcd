// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/layer_drafts.hpp"

#include <utility>

namespace tilewake {

int LayerDrafts::add(Layer layer, const PaddingRule& padding, const OnnxNode& node) {
  std::vector<Shape> shapes;
  for (const int input : layer.inputs) shapes.push_back(shape_of(input));
  infer_shapes(layer, padding, shapes);
  drafts_.push_back({std::move(layer), padding, &node});
  return static_cast<int>(drafts_.size()) - 1;
}

const Shape& LayerDrafts::shape_of(int index) const {
  return index == kNetworkInput ? input_ : drafts_[static_cast<std::size_t>(index)].layer.ofm;
}

}  // namespace tilewake
