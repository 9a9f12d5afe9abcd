// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// What a Slice takes of a dimension of `size`: elements `begin` to `end`.
struct Piece {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool is_whole(std::int64_t size) const { return begin == 0 && end == size; }
};

/// Bounds count from the end where they are negative, and reach no further than the dimension.
Piece piece_of(const OnnxSlice& slice, std::int64_t size) {
  const auto bound = [size](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  };
  return {bound(slice.begin), bound(slice.end)};
}

/// A map, or a vector of channels, with nothing pending.
OnnxValue channels_of(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue value = values.map(node, 0);
  const Shape& shape = values.shape_of(value);
  const bool is_vector =
      shape.height == 1 && shape.width == 1 && value.dims == Dims{1, shape.channels};
  return is_vector ? value : values.image(node, 0);  // which refuses other shapes
}

void define_split(OnnxValues& values, const OnnxNode& node, const OnnxValue& x, const Piece& piece,
                  std::size_t output) {
  Layer layer;
  layer.op = Op::kChannelSplit;
  layer.first_channel = piece.begin;
  layer.ofm.channels = piece.end - piece.begin;
  values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(),
                      /*is_vector=*/x.dims.size() == 2, output);
}

/// Sizes of the parts along an axis of `whole`: given, or equal.
std::vector<std::int64_t> part_sizes(OnnxValues& values, const OnnxNode& node, std::int64_t whole) {
  const auto num_outputs = static_cast<std::int64_t>(node.outputs.size());
  const auto given = integers_of_node(values, node, "split", 1);
  if (!given) {
    if (num_outputs == 0 || whole % num_outputs != 0) {
      throw InputError(fmt::format("cuts {} into {} equal parts", whole, num_outputs));
    }
    return std::vector<std::int64_t>(node.outputs.size(), whole / num_outputs);
  }
  const bool all_positive = std::all_of(given->begin(), given->end(),
                                        [&](auto size) { return size > 0 && size <= whole; });
  if (given->size() != node.outputs.size() || !all_positive ||
      std::accumulate(given->begin(), given->end(), std::int64_t{0}) != whole) {
    throw InputError(
        fmt::format("has {} sizes for {} outputs that do not add up to the {} there are",
                    given->size(), num_outputs, whole));
  }
  return *given;
}

/// Several channel_splits, one an output that somebody reads.
void read_split(OnnxValues& values, const OnnxNode& node) {
  if (values.is_constant(node, 0)) throw InputError("cuts a constant into pieces");
  const OnnxValue x = channels_of(values, node);
  const std::int64_t axis = integer_attribute(node, "axis", 0);
  if (axis_of(axis, x.dims.size()) != 1) {
    throw InputError(fmt::format("splits along axis {}; only channels, axis 1, are split", axis));
  }
  Piece piece;
  const std::vector<std::int64_t> sizes = part_sizes(values, node, x.dims[1]);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    piece = {piece.end, piece.end + sizes[i]};
    if (values.num_uses(node.outputs[i]) > 0) define_split(values, node, x, piece, i);
  }
}

constexpr auto kOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Split", read_split},
});

}  // namespace

OnnxOperator find_channel_operator(std::string_view op) {
  for (const auto& [name, read] : kOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

void slice_map(OnnxValues& values, const OnnxNode& node, const std::vector<OnnxSlice>& slices) {
  const OnnxValue x = channels_of(values, node);
  Piece channels = {0, x.dims[1]};
  for (const OnnxSlice& slice : slices) {
    const std::size_t axis = axis_of(slice.axis, x.dims.size());
    if (slice.step != 1) {
      throw InputError(fmt::format("takes every element, not steps of {}", slice.step));
    }
    const Piece piece = piece_of(slice, x.dims[axis]);
    if (axis == 1) {
      channels = piece;
    } else if (!piece.is_whole(x.dims[axis])) {
      throw InputError(
          fmt::format("cuts a piece out of axis {} of a {} map; only channels, axis 1, are cut",
                      axis, text_of(x.dims)));
    }
  }
  if (channels.begin >= channels.end) throw InputError("takes no channels");
  const bool is_copy = hint_in(node.doc, kOpHint) == to_string(Op::kChannelSplit);
  if (channels.is_whole(x.dims[1]) && !is_copy) return values.define_same(node, x, x.dims);
  define_split(values, node, x, channels, 0);
}

bool begin_shuffle(OnnxValues& values, const OnnxNode& node,
                   const std::vector<std::size_t>& order) {
  const OnnxValue& before = values.any(node, 0);
  if (order != std::vector<std::size_t>{0, 2, 1, 3, 4}) return false;
  const Shape& shape = values.shape_of(before);
  const Dims& dims = before.dims;  // 1 x groups x channels of a group x H x W
  if (dims[0] != 1 || dims[1] * dims[2] != shape.channels || dims[3] != shape.height ||
      dims[4] != shape.width) {
    return false;
  }
  const bool moves = dims[1] > 1 && dims[2] > 1;
  if (!moves && hint_in(node.doc, kOpHint) != to_string(Op::kChannelShuffle)) return false;
  OnnxValue value = values.map(node, 0);
  value.shuffle = &node;
  value.shuffle_groups = value.dims[1];
  Dims swapped = value.dims;
  std::swap(swapped[1], swapped[2]);
  values.define_same(node, std::move(value), std::move(swapped));
  return true;
}

void end_shuffle(OnnxValues& values, const OnnxNode& node, const Dims& dims) {
  const OnnxValue& x = values.any(node, 0);
  const Shape& shape = values.shape_of(x);
  if (dims != Dims{1, shape.channels, shape.height, shape.width}) {
    throw InputError(
        fmt::format("makes {} of what {} gives; a map must come back for a channel "
                    "shuffle",
                    text_of(dims), text_of(*x.shuffle)));
  }
  Layer layer;
  layer.op = Op::kChannelShuffle;
  layer.groups = x.shuffle_groups;
  values.define_layer(node, std::move(layer), {x});
}

}  // namespace tilewake
