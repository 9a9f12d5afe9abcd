// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// The nodes of a model by the values that they give and read, for the search of patterns.
class OnnxNodeIndex {
 public:
  explicit OnnxNodeIndex(OnnxModel& model);

  /// The node whose first output is `value`, if it is one of `ops`; otherwise null.
  OnnxNode* made_by(std::string_view value, std::initializer_list<std::string_view> ops) const;
  /// The only node that reads `value`, if it is one of `ops` and nothing else reads the value.
  OnnxNode* only_reader(std::string_view value, std::initializer_list<std::string_view> ops) const;
  int num_uses(std::string_view value) const;

  /// A tensor of the file, an initializer or of a Constant node; null: computed.
  const OnnxTensor* tensor(std::string_view value) const;
  /// Whether the value is one number known before the network runs.
  bool is_number(std::string_view value) const;
  /// That number, where the file has it.
  std::optional<double> number(std::string_view value) const;
  /// Whether it is such a number, and near `expected` where the file has it.
  bool is_number_near(std::string_view value, double expected) const;
  /// Which of two inputs is a number; -1: none, or both.
  int number_input(const OnnxNode& node) const;
  /// A list of integers, where the file has it.
  std::optional<std::vector<std::int64_t>> integers(std::string_view value) const;
  /// The axes of a reduction that keeps its dimensions, where the file has them.
  std::optional<std::vector<std::int64_t>> reduced_axes(const OnnxNode& reduction) const;

 private:
  std::optional<double> number(std::string_view value, int depth) const;

  std::unordered_map<std::string_view, OnnxNode*> makers_;
  std::unordered_map<std::string_view, OnnxNode*> readers_;  // the last one
  std::unordered_map<std::string_view, int> num_uses_;
  std::unordered_map<std::string_view, const OnnxTensor*> tensors_;
};

/// Whether a constant is the one of a formula, but for its rounding.
bool is_near(double value, double expected);

/// The nodes of one pattern, and how often these read what each of them gives.
class OnnxPattern {
 public:
  explicit OnnxPattern(const OnnxNodeIndex& index) : index_(index) {}

  /// Adds a read of `node` within the pattern.
  void add(OnnxNode* node) { ++reads_[node]; }
  bool contains(OnnxNode* node) const { return reads_.contains(node); }
  std::size_t size() const { return reads_.size(); }
  /// Whether nothing else reads what the nodes give.
  bool is_closed() const;
  /// Makes `last` a node of `op` that stands for the whole pattern. The others have no operator,
  /// inputs and outputs afterwards.
  void replace(OnnxNode& last, std::string_view op, std::vector<std::string_view> inputs,
               std::vector<OnnxAttribute> attributes = {});

 private:
  const OnnxNodeIndex& index_;
  std::unordered_map<OnnxNode*, int> reads_;
};

/// Merges a norm, or a softmax, that ends in `last`; see merge_onnx_patterns.
bool merge_norm_pattern(OnnxNode& last, const OnnxNodeIndex& index);

}  // namespace tilewake
