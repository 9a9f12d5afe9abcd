// SPDX-License-Identifier: Apache-2.0
// Operators of detectors, segmentation and transformers: resizing, transposed convolutions, matrix
// products, reductions, padding, stacks of maps.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/tflite/tflite_operators.hpp"

namespace tilewake {
namespace {

using Code = tfl::BuiltinOperator;
using Options = tfl::OptionsType;
using Fused = tfl::FusedActivation;

const Dims& map_dims(const TfliteGraph& graph, int tensor) {
  const Dims& dims = graph.tensor(tensor).dims;
  if (dims.size() != 4) {
    throw InputError(
        fmt::format("has a tensor of {}, expected a map of 4 dimensions", text_of(dims)));
  }
  return dims;
}

void read_tflite_resize(TfliteGraph& graph, const TfliteOperator& op) {
  const std::int64_t channels = map_dims(graph, graph.input(op, 0))[3];
  const std::vector<std::int64_t> size = graph.integers(op, 1);
  if (size.size() != 2) throw InputError("must have a size of rows and columns");
  const std::string_view sizes = graph.new_integers({1, channels, size[0], size[1]});
  OnnxNode& node =
      graph.add(op, "Resize", {graph.map(op, 0), {}, {}, sizes}, {graph.name_of(graph.output(op))});
  set_text(node, "mode", op.code == Code::RESIZE_BILINEAR ? "linear" : "nearest");
}

/// Inputs and options of a transposed convolution. Weights are out x rows x columns x in.
struct TransposedConvolution {
  std::size_t map = 0;
  std::size_t weights = 1;
  std::size_t bias = 2;
  std::int64_t stride_height = 1;
  std::int64_t stride_width = 1;
  Fused activation = Fused::NONE;
};

void add_transposed(TfliteGraph& graph, const TfliteOperator& op, const TransposedConvolution& c) {
  const Dims& in = map_dims(graph, graph.input(op, c.map));
  const Dims& out = map_dims(graph, graph.output(op));
  const Dims& weights = graph.constant_dims(op, c.weights);
  if (weights.size() != 4) {
    throw InputError(fmt::format("has weights of {}, expected 4 dimensions", text_of(weights)));
  }
  std::vector<std::int64_t> pads(4, 0);
  std::vector<std::int64_t> added(2, 0);
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t stride = axis == 0 ? c.stride_height : c.stride_width;
    const std::int64_t kernel = weights[axis + 1];
    const std::int64_t before = in[axis + 1];
    if (stride < 1 || stride > kMaxStride || kernel < 1 || kernel > kMaxKernel || before < 1 ||
        before > kMaxDimension || out[axis + 1] < 1 || out[axis + 1] > kMaxDimension) {
      throw InputError("has a size out of range");
    }
    const std::int64_t cut = (before - 1) * stride + kernel - out[axis + 1];
    pads[axis] = std::max<std::int64_t>(cut, 0) / 2;
    pads[axis + 2] = std::max<std::int64_t>(cut, 0) - pads[axis];
    added[axis] = std::max<std::int64_t>(-cut, 0);
  }
  // ONNX has them as in x out x rows x columns; their values do not matter.
  std::vector<std::string_view> inputs = {
      graph.map(op, c.map),
      graph.constant(op, c.weights, {weights[3], weights[0], weights[1], weights[2]})};
  if (TfliteGraph::has_input(op, c.bias)) {
    inputs.push_back(graph.constant(op, c.bias, graph.constant_dims(op, c.bias)));
  }
  OnnxNode& node = graph.add_layer(op, "ConvTranspose", std::move(inputs), c.activation);
  set_integers(node, "strides", {c.stride_height, c.stride_width});
  set_integers(node, "pads", std::move(pads));
  set_integers(node, "output_padding", std::move(added));
}

void read_tflite_transpose_conv(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::TransposeConv>(op, Options::TRANSPOSE_CONV);
  if (options == nullptr) throw InputError("has no options, which hold its strides");
  add_transposed(
      graph, op,
      {2, 1, 3, options->stride_height(), options->stride_width(), options->activation()});
}

/// Of MediaPipe, with its bias. Strides are those that its output has been enlarged by.
void read_tflite_transpose_conv_bias(TfliteGraph& graph, const TfliteOperator& op) {
  const Dims& in = map_dims(graph, graph.input(op, 0));
  const Dims& out = map_dims(graph, graph.output(op));
  if (in[1] < 1 || in[2] < 1) throw InputError("has a size out of range");
  add_transposed(graph, op, {0, 1, 2, out[1] / in[1], out[2] / in[2], Fused::NONE});
}

void read_tflite_block_move(TfliteGraph& graph, const TfliteOperator& op) {
  const bool is_to_space = op.code == Code::DEPTH_TO_SPACE;
  const auto* options = graph.model().options_of<tfl::BlockSize>(
      op, is_to_space ? Options::DEPTH_TO_SPACE : Options::SPACE_TO_DEPTH);
  if (options == nullptr) throw InputError("has no options, which hold its block size");
  OnnxNode& node = graph.add(op, is_to_space ? "DepthToSpace" : "SpaceToDepth", {graph.map(op, 0)},
                             {graph.name_of(graph.output(op))});
  set_integer(node, "blocksize", options->size());
}

void read_tflite_batch_matmul(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::BatchMatmul>(op, Options::BATCH_MATMUL);
  std::vector<std::string_view> inputs;
  for (const std::size_t index : {0U, 1U}) {
    const bool swaps =
        options != nullptr && (index == 0 ? options->swaps_first() : options->swaps_second());
    std::string_view operand = graph.in_file_order(op, index);
    if (swaps) {
      const std::size_t rank = graph.rank(graph.input(op, index));
      if (rank < 2) throw InputError("multiplies a vector");
      std::vector<std::int64_t> order;
      for (std::size_t axis = 0; axis < rank; ++axis)
        order.push_back(static_cast<std::int64_t>(axis));
      std::swap(order[rank - 1], order[rank - 2]);
      const std::string_view swapped = graph.new_name(graph.input(op, index));
      set_integers(graph.add(op, "Transpose", {operand}, {swapped}), "perm", std::move(order));
      operand = swapped;
    }
    inputs.push_back(operand);
  }
  const std::string_view product = graph.new_name(graph.output(op));
  graph.add(op, "MatMul", std::move(inputs), {product});
  graph.define_from_file_order(op, product);
}

void read_tflite_reduce(TfliteGraph& graph, const TfliteOperator& op) {
  constexpr auto kNames = std::to_array<std::pair<Code, std::string_view>>({
      {Code::MEAN, "ReduceMean"},
      {Code::SUM, "ReduceSum"},
      {Code::REDUCE_MAX, "ReduceMax"},
      {Code::REDUCE_MIN, "ReduceMin"},
      {Code::REDUCE_PROD, "ReduceProd"},
  });
  const auto* name = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == op.code; });
  const auto* options = graph.model().options_of<tfl::Reducer>(op, Options::REDUCER);
  const bool keeps = options != nullptr && options->keeps_dims();
  const std::size_t rank = graph.rank(graph.input(op, 0));
  if (graph.is_known(graph.input(op, 0))) throw InputError("reduces a constant");
  std::vector<std::int64_t> axes;
  for (const std::int64_t axis : graph.integers(op, 1)) {
    const auto at = static_cast<std::int64_t>(axis_of(axis, rank));  // as the file has them
    if (std::find(axes.begin(), axes.end(), at) == axes.end()) axes.push_back(at);
  }
  const int output = graph.output(op);
  if (keeps) {
    for (std::int64_t& axis : axes) axis = TfliteGraph::axis_of(axis, rank);
    OnnxNode& node = graph.add(op, name->second, {graph.map(op, 0)}, {graph.name_of(output)});
    set_integers(node, "axes", std::move(axes));
    return set_integer(node, "keepdims", 1);
  }
  graph.map(op, 0);  // refuses a constant
  const std::string_view reduced = graph.new_name(output);
  OnnxNode& node = graph.add(op, name->second, {graph.in_file_order(op, 0)}, {reduced});
  set_integers(node, "axes", std::move(axes));
  set_integer(node, "keepdims", 0);
  graph.define_from_file_order(op, reduced);
}

/// PAD, PADV2 and MIRROR_PAD of any axis.
void read_tflite_pad(TfliteGraph& graph, const TfliteOperator& op) {
  const std::size_t rank = graph.rank(graph.input(op, 0));
  const Dims& dims = graph.constant_dims(op, 1);
  if (rank == 0 || rank > kMaxTensorRank || dims != Dims{static_cast<std::int64_t>(rank), 2}) {
    throw InputError(fmt::format("has a table of {} for {} dimensions", text_of(dims), rank));
  }
  const std::vector<std::int64_t> table = graph.integers(op, 1);
  std::vector<std::int64_t> pads;
  for (const std::size_t side : {0U, 1U}) {
    for (const std::size_t axis : TfliteGraph::order_of(rank))
      pads.push_back(table[2 * axis + side]);
  }
  OnnxNode& node = graph.add(op, "Pad", {graph.map(op, 0)}, {graph.name_of(graph.output(op))});
  set_integers(node, "pads", std::move(pads));
  if (op.code == Code::MIRROR_PAD) set_text(node, "mode", "reflect");
  // A value that is not zero: the window after it does not bring it along.
  if (op.code == Code::PADV2) set_real(node, "value", 1.0);
}

/// The larger or smaller of a map and a constant is a Clip, of two maps a layer.
void read_tflite_bound(TfliteGraph& graph, const TfliteOperator& op) {
  const bool has_constant = graph.is_constant(op, 0) || graph.is_constant(op, 1);
  const std::string_view output = graph.name_of(graph.output(op));
  if (!has_constant) {
    graph.add(op, op.code == Code::MAXIMUM ? "Max" : "Min", {graph.map(op, 0), graph.map(op, 1)},
              {output});
    return;
  }
  const std::size_t constant = graph.is_constant(op, 0) ? 0 : 1;
  const std::string_view bound = graph.constant(op, constant, graph.constant_dims(op, constant));
  std::vector<std::string_view> inputs = {graph.map(op, 1 - constant)};
  if (op.code == Code::MINIMUM) inputs.emplace_back();  // no lower bound
  inputs.push_back(bound);
  graph.add(op, "Clip", std::move(inputs), {output});
}

void read_tflite_prelu(TfliteGraph& graph, const TfliteOperator& op) {
  graph.constant_dims(op, 1);  // refuses computed slopes
  const std::string_view slopes = graph.operand(op, 1, graph.rank(graph.input(op, 0)));
  graph.add(op, "PRelu", {graph.map(op, 0), slopes}, {graph.name_of(graph.output(op))});
}

void read_tflite_square(TfliteGraph& graph, const TfliteOperator& op) {
  std::string_view from;
  if (op.code == Code::SQUARE) {
    from = graph.map(op, 0);
  } else {
    const std::size_t rank =
        std::max(graph.rank(graph.input(op, 0)), graph.rank(graph.input(op, 1)));
    from = graph.new_name(graph.output(op));
    graph.add(op, "Sub", {graph.operand(op, 0, rank), graph.operand(op, 1, rank)}, {from});
  }
  graph.add(op, "Mul", {from, from}, {graph.name_of(graph.output(op))});
}

void read_tflite_rsqrt(TfliteGraph& graph, const TfliteOperator& op) {
  const std::string_view root = graph.new_name(graph.output(op));
  graph.add(op, "Sqrt", {graph.map(op, 0)}, {root});
  graph.add(op, "Reciprocal", {root}, {graph.name_of(graph.output(op))});
}

/// One of two operands, element by element.
void read_tflite_select(TfliteGraph& graph, const TfliteOperator& op) {
  std::size_t rank = 0;
  for (const std::size_t index : {0U, 1U, 2U})
    rank = std::max(rank, graph.rank(graph.input(op, index)));
  graph.add(op, "Where",
            {graph.operand(op, 0, rank), graph.operand(op, 1, rank), graph.operand(op, 2, rank)},
            {graph.name_of(graph.output(op))});
}

void read_tflite_l2_normalization(TfliteGraph& graph, const TfliteOperator& op) {
  const std::size_t rank = graph.rank(graph.input(op, 0));
  OnnxNode& node =
      graph.add(op, "LpNormalization", {graph.map(op, 0)}, {graph.name_of(graph.output(op))});
  set_integer(node, "axis", TfliteGraph::axis_of(-1, rank));
}

void read_tflite_response_normalization(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options =
      graph.model().options_of<tfl::ResponseNormalization>(op, Options::RESPONSE_NORMALIZATION);
  const std::int64_t radius = options == nullptr ? 0 : options->radius();
  OnnxNode& node = graph.add(op, "LRN", {graph.map(op, 0)}, {graph.name_of(graph.output(op))});
  set_integer(node, "size", 2 * radius + 1);
}

/// Maps along a new axis. Sizes become a list.
void read_tflite_pack(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::Pack>(op, Options::PACK);
  const int output = graph.output(op);
  bool is_known = true;
  for (std::size_t i = 0; i < op.inputs.size(); ++i)
    is_known = is_known && graph.is_known(graph.input(op, i));
  if (op.inputs.empty()) throw InputError("stacks nothing");
  const std::size_t rank = graph.rank(graph.input(op, 0)) + 1;
  const auto axis =
      static_cast<std::int64_t>(axis_of(options == nullptr ? 0 : options->axis(), rank));
  std::vector<std::string_view> parts;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const std::string_view part = graph.new_name(output);
    const std::string_view from = is_known ? graph.raw(op, i) : graph.in_file_order(op, i);
    set_integers(graph.add(op, "Unsqueeze", {from}, {part}), "axes", {axis});
    parts.push_back(part);
  }
  if (is_known) graph.define_shape_value(output);
  const std::string_view stack = is_known ? graph.name_of(output) : graph.new_name(output);
  set_integer(graph.add(op, "Concat", std::move(parts), {stack}), "axis", axis);
  if (!is_known) graph.define_from_file_order(op, stack);
}

/// Pieces of one along an axis, which they lose.
void read_tflite_unpack(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::Unpack>(op, Options::UNPACK);
  const std::size_t rank = graph.rank(graph.input(op, 0));
  const auto axis =
      static_cast<std::int64_t>(axis_of(options == nullptr ? 0 : options->axis(), rank));
  graph.map(op, 0);  // refuses a constant
  const std::string_view from = graph.in_file_order(op, 0);
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < op.outputs.size(); ++i)
    pieces.push_back(graph.new_name(graph.output(op, i)));
  set_integer(graph.add(op, "Split", {from}, pieces), "axis", axis);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view squeezed = graph.new_name(graph.output(op, i));
    set_integers(graph.add(op, "Squeeze", {pieces[i]}, {squeezed}), "axes", {axis});
    graph.define_from_file_order(op, squeezed, i);
  }
}

constexpr auto kTfliteMapOperators = std::to_array<std::pair<Code, TfliteOperatorReader>>({
    {Code::RESIZE_BILINEAR, read_tflite_resize},
    {Code::RESIZE_NEAREST_NEIGHBOR, read_tflite_resize},
    {Code::TRANSPOSE_CONV, read_tflite_transpose_conv},
    {Code::DEPTH_TO_SPACE, read_tflite_block_move},
    {Code::SPACE_TO_DEPTH, read_tflite_block_move},
    {Code::BATCH_MATMUL, read_tflite_batch_matmul},
    {Code::MEAN, read_tflite_reduce},
    {Code::SUM, read_tflite_reduce},
    {Code::REDUCE_MAX, read_tflite_reduce},
    {Code::REDUCE_MIN, read_tflite_reduce},
    {Code::REDUCE_PROD, read_tflite_reduce},
    {Code::PAD, read_tflite_pad},
    {Code::PADV2, read_tflite_pad},
    {Code::MIRROR_PAD, read_tflite_pad},
    {Code::MAXIMUM, read_tflite_bound},
    {Code::MINIMUM, read_tflite_bound},
    {Code::PRELU, read_tflite_prelu},
    {Code::SQUARE, read_tflite_square},
    {Code::SQUARED_DIFFERENCE, read_tflite_square},
    {Code::RSQRT, read_tflite_rsqrt},
    {Code::SELECT, read_tflite_select},
    {Code::SELECT_V2, read_tflite_select},
    {Code::L2_NORMALIZATION, read_tflite_l2_normalization},
    {Code::LOCAL_RESPONSE_NORMALIZATION, read_tflite_response_normalization},
    {Code::PACK, read_tflite_pack},
    {Code::UNPACK, read_tflite_unpack},
});

}  // namespace

TfliteOperatorReader find_tflite_map_operator(const TfliteOperator& op) {
  if (op.code == Code::CUSTOM && op.custom_name == "Convolution2DTransposeBias")
    return read_tflite_transpose_conv_bias;
  for (const auto& [known, read] : kTfliteMapOperators) {
    if (known == op.code) return read;
  }
  return nullptr;
}

}  // namespace tilewake
