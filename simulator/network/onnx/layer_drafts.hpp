// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
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
    const OnnxNode* node;         // that it comes from
    std::int64_t weights = -1;    // a constant, by number; -1: weights that no other layer has
    std::int64_t bias = kNoBias;  // the same of the bias, or the shifts of a norm
  };
  static constexpr std::int64_t kNoBias = -2;

  explicit LayerDrafts(const Shape& input) : input_(input) {}

  /// Appends a layer, as NetworkBuilder::add does, and returns its index. Throws LayerError.
  int add(Layer layer, const PaddingRule& padding, const OnnxNode& node);

  const Shape& shape_of(int index) const;
  Layer& at(int index) { return drafts_[static_cast<std::size_t>(index)].layer; }
  /// The weights, the bias, or both are no longer those of the constant: others take part in them.
  void change_weights(int index, std::int64_t by) {
    std::int64_t& weights = drafts_[static_cast<std::size_t>(index)].weights;
    weights = changed(weights, by);
  }
  void change_bias(int index, std::int64_t by) {
    std::int64_t& bias = drafts_[static_cast<std::size_t>(index)].bias;
    bias = changed(bias, by);
  }
  Draft& back() { return drafts_.back(); }
  /// Layers of one op with the same weights use those of the first.
  void share_weights();

  const Shape& input() const { return input_; }
  const std::vector<Draft>& drafts() const { return drafts_; }

 private:
  /// Number of what a constant becomes by another; equal for equal ones.
  std::int64_t changed(std::int64_t constant, std::int64_t by) {
    if (constant == -1 || by < 0) return -1;
    constexpr std::int64_t kFirst = std::int64_t{1} << 32;  // after all constants of a file
    const auto next = kFirst + static_cast<std::int64_t>(changed_.size());
    return changed_.try_emplace({constant, by}, next).first->second;
  }

  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> changed_;
  Shape input_;
  std::vector<Draft> drafts_;
};

}  // namespace tilewake
