// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "simulator/network/onnx/onnx_values.hpp"

namespace tilewake {

/// Reads one node: defines its first output. Throws InputError that says what of the node is not
/// understood.
using OnnxOperator = void (*)(OnnxValues& values, const OnnxNode& node);

/// Null where the operator is not understood at all.
OnnxOperator find_layer_operator(std::string_view op);        // makes layers
OnnxOperator find_elementwise_operator(std::string_view op);  // makes layers, or belongs to one
OnnxOperator find_channel_operator(std::string_view op);      // makes layers that move channels
OnnxOperator find_shape_operator(std::string_view op);        // moves and computes nothing

/// One axis of a Slice: elements `begin` to `end`, as the node says it.
struct OnnxSlice {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t axis = 0;
  std::int64_t step = 1;
};

/// A Slice of a map: a channel_split, or nothing where it takes all.
void slice_map(OnnxValues& values, const OnnxNode& node, const std::vector<OnnxSlice>& slices);

/// A Transpose of 1 x groups x n x H x W that swaps groups and n: the middle of a channel_shuffle,
/// which a Reshape back to a map ends. False: it is none.
bool begin_shuffle(OnnxValues& values, const OnnxNode& node, const std::vector<std::size_t>& order);
void end_shuffle(OnnxValues& values, const OnnxNode& node, const Dims& dims);

/// An attribute of `node`, or `fallback`. Throw InputError where it has another type.
std::int64_t integer_attribute(const OnnxNode& node, std::string_view name, std::int64_t fallback);
double real_attribute(const OnnxNode& node, std::string_view name, double fallback);
std::string_view text_attribute(const OnnxNode& node, std::string_view name,
                                std::string_view fallback);
std::optional<std::vector<std::int64_t>> integers_attribute(const OnnxNode& node,
                                                            std::string_view name);

/// A list that opsets had as an attribute first and have as an input now; nothing where the node
/// has neither.
std::optional<std::vector<std::int64_t>> integers_of_node(OnnxValues& values, const OnnxNode& node,
                                                          std::string_view attribute,
                                                          std::size_t input);

/// The zeros that a window finds around a map of `shape`, after pads, auto_pad, ceil_mode and
/// `around`, the zeros of a Pad before. Sets the layer's window fields. Source: ONNX operators Conv
/// and MaxPool; windows that begin in the padding at the far end are left out of ceil_mode, as in
/// PyTorch.
PaddingRule read_window(const OnnxNode& node, Layer& layer, const Shape& shape,
                        const Padding& around);

}  // namespace tilewake
