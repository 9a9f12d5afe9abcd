// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network_builder.hpp"
#include "simulator/network/shape_inference.hpp"

namespace tilewake {

struct OnnxNode;

/// Layers that are still being put together: shapes are known, but an activation or a bias may yet
/// come from a later node. NetworkBuilder has the last word on them.
class LayerDrafts {
 public:
  struct Draft {
    Layer layer;
    PaddingRule padding;
    const OnnxNode* node;       // that it comes from
    std::int64_t weights = -1;  // a constant, by number; -1: weights that no other layer has
  };

  explicit LayerDrafts(const Shape& input) : input_(input) {}

  /// Appends a layer, as NetworkBuilder::add does, and returns its index. Throws LayerError.
  int add(Layer layer, const PaddingRule& padding, const OnnxNode& node);

  const Shape& shape_of(int index) const;
  Layer& at(int index) { return drafts_[static_cast<std::size_t>(index)].layer; }
  /// The weights are no longer those of the constant.
  void change_weights(int index) { drafts_[static_cast<std::size_t>(index)].weights = -1; }
  Draft& back() { return drafts_.back(); }
  /// Layers of one op with the same weights use those of the first.
  void share_weights();

  const Shape& input() const { return input_; }
  const std::vector<Draft>& drafts() const { return drafts_; }

 private:
  Shape input_;
  std::vector<Draft> drafts_;
};

}  // namespace tilewake
