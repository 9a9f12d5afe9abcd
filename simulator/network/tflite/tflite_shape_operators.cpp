// SPDX-License-Identifier: Apache-2.0
// Operators that move, select or reinterpret elements, and those that compute shapes.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_constant.hpp"
#include "simulator/network/tflite/tflite_operators.hpp"

namespace tilewake {
namespace {

using Code = tfl::BuiltinOperator;
using Options = tfl::OptionsType;

constexpr std::int64_t kUpToEnd = std::numeric_limits<std::int64_t>::max();

bool reads_shape(const TfliteGraph& graph, const TfliteOperator& op) {
  return graph.is_known(graph.input(op, 0));
}

/// One node with the output of `op`. What is made of shapes is a shape.
OnnxNode& add_view(TfliteGraph& graph, const TfliteOperator& op, std::string_view onnx_op,
                   std::vector<std::string_view> inputs) {
  if (reads_shape(graph, op)) graph.define_shape_value(graph.output(op));
  return graph.add(op, onnx_op, std::move(inputs), {graph.name_of(graph.output(op))});
}

/// DEQUANTIZE, QUANTIZE, DENSIFY: the same elements in another form.
void read_tflite_same(TfliteGraph& graph, const TfliteOperator& op) {
  if (graph.is_constant(op, 0)) {
    return graph.define_constant(op, 0, /*keeps_values=*/op.code == Code::DEQUANTIZE);
  }
  add_view(graph, op, "Identity", {graph.name_of(graph.input(op, 0))});
}

void read_tflite_cast(TfliteGraph& graph, const TfliteOperator& op) {
  if (graph.is_constant(op, 0)) return graph.define_constant(op, 0, /*keeps_values=*/true);
  const auto type = graph.tensor(graph.output(op)).type;
  const bool is_whole = type == tfl::ElementType::INT32 || type == tfl::ElementType::INT64;
  OnnxNode& node = add_view(graph, op, "Cast", {graph.name_of(graph.input(op, 0))});
  set_integer(node, "to", static_cast<int>(is_whole ? OnnxType::kInt64 : OnnxType::kFloat));
}

/// Whether a map's channels become two axes or one again, and nothing else changes.
bool regroups_channels(const Dims& a, const Dims& b) {
  const Dims& apart = a.size() == 5 ? a : b;
  const Dims& map = a.size() == 5 ? b : a;
  return apart.size() == 5 && map.size() == 4 &&
         std::equal(map.begin(), map.begin() + 3, apart.begin());
}

/// Sizes are an input, an option, or computed. Elements keep the order of the file.
void read_tflite_reshape(TfliteGraph& graph, const TfliteOperator& op) {
  if (graph.is_constant(op, 0)) return graph.define_constant(op, 0, /*keeps_values=*/true);
  const int output = graph.output(op);
  const Dims& before = graph.tensor(graph.input(op, 0)).dims;
  const Dims& after = graph.tensor(output).dims;
  if (regroups_channels(before, after)) {
    OnnxNode& node = add_view(graph, op, "Reshape", {graph.map(op, 0)});
    Dims sizes = TfliteGraph::channels_first(after);
    sizes[0] = 0;  // keeps the batch
    return set_integers(node, "shape", std::move(sizes));
  }
  const bool is_shape = reads_shape(graph, op);
  const std::string_view from = graph.in_file_order(op, 0);
  if (is_shape) graph.define_shape_value(output);
  const std::string_view to = is_shape ? graph.name_of(output) : graph.new_name(output);
  const auto* options = graph.model().options_of<tfl::Reshape>(op, Options::RESHAPE);
  if (TfliteGraph::has_input(op, 1) && !graph.is_constant(op, 1)) {
    const std::string_view computed = graph.name_of(graph.input(op, 1));
    set_integer(graph.add(op, "Reshape", {from, computed}, {to}), "allowzero", 1);
  } else {
    Dims sizes;
    if (TfliteGraph::has_input(op, 1)) {
      sizes = graph.integers(op, 1);
    } else if (options != nullptr && options->shape() != nullptr) {
      if (options->shape()->size() > kMaxTensorRank) throw InputError("has too many sizes");
      sizes.assign(options->shape()->begin(), options->shape()->end());
    } else {
      sizes = graph.tensor(output).dims;
    }
    if (sizes.size() > kMaxTensorRank) throw InputError("has too many sizes");
    OnnxNode& node = graph.add(op, "Reshape", {from}, {to});
    set_integer(node, "allowzero", 1);
    set_integers(node, "shape", std::move(sizes));
  }
  if (!is_shape) graph.define_from_file_order(op, to);
}

/// A node on the axes of the file.
OnnxNode& add_in_file_order(TfliteGraph& graph, const TfliteOperator& op, std::string_view onnx_op,
                            std::string_view from, std::string_view& result) {
  const int output = graph.output(op);
  const bool is_shape = reads_shape(graph, op);
  if (is_shape) graph.define_shape_value(output);
  result = is_shape ? graph.name_of(output) : graph.new_name(output);
  return graph.add(op, onnx_op, {from}, {result});
}

void read_tflite_squeeze(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::Squeeze>(op, Options::SQUEEZE);
  const std::size_t rank = graph.rank(graph.input(op, 0));
  std::string_view result;
  OnnxNode& node = add_in_file_order(graph, op, "Squeeze", graph.in_file_order(op, 0), result);
  if (options != nullptr && options->axes() != nullptr && options->axes()->size() > 0) {
    if (options->axes()->size() > kMaxTensorRank) throw InputError("has too many axes");
    std::vector<std::int64_t> axes;
    for (const int axis : *options->axes())
      axes.push_back(static_cast<std::int64_t>(axis_of(axis, rank)));
    set_integers(node, "axes", std::move(axes));
  }
  if (!reads_shape(graph, op)) graph.define_from_file_order(op, result);
}

void read_tflite_expand_dims(TfliteGraph& graph, const TfliteOperator& op) {
  const std::vector<std::int64_t> axis = graph.integers(op, 1);
  if (axis.size() != 1) throw InputError("must have one axis");
  const std::size_t rank = graph.rank(graph.input(op, 0)) + 1;
  std::string_view result;
  OnnxNode& node = add_in_file_order(graph, op, "Unsqueeze", graph.in_file_order(op, 0), result);
  set_integers(node, "axes", {static_cast<std::int64_t>(axis_of(axis[0], rank))});
  if (!reads_shape(graph, op)) graph.define_from_file_order(op, result);
}

void read_tflite_transpose(TfliteGraph& graph, const TfliteOperator& op) {
  const std::size_t rank = graph.rank(graph.input(op, 0));
  const std::vector<std::int64_t> order = graph.integers(op, 1);
  if (order.size() != rank) throw InputError("has an order that is not one of its axes");
  std::vector<std::int64_t> perm;
  for (const std::size_t axis : TfliteGraph::order_of(rank)) {
    perm.push_back(TfliteGraph::axis_of(order[axis], rank));
  }
  set_integers(add_view(graph, op, "Transpose", {graph.raw(op, 0)}), "perm", std::move(perm));
}

void read_tflite_shape(TfliteGraph& graph, const TfliteOperator& op) {
  const int from = graph.input(op, 0);
  const int output = graph.output(op);
  graph.define_shape_value(output);
  const std::size_t rank = graph.rank(from);
  const std::string_view ordered = graph.new_name(output);
  graph.add(op, "Shape", {graph.raw(op, 0)}, {ordered});
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    axes.push_back(TfliteGraph::axis_of(static_cast<std::int64_t>(axis), rank));
  }
  graph.add(op, "Gather", {ordered, graph.new_integers(axes)}, {graph.name_of(output)});
}

void read_tflite_gather(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::Gather>(op, Options::GATHER);
  const std::int64_t axis = options == nullptr ? 0 : options->axis();
  const bool is_shape = reads_shape(graph, op) && graph.is_known(graph.input(op, 1));
  const int output = graph.output(op);
  if (is_shape) graph.define_shape_value(output);
  const std::string_view from = graph.in_file_order(op, 0);
  const std::string_view indices = graph.in_file_order(op, 1);
  const std::string_view to = is_shape ? graph.name_of(output) : graph.new_name(output);
  set_integer(graph.add(op, "Gather", {from, indices}, {to}), "axis", axis);
  if (!is_shape) graph.define_from_file_order(op, to);
}

/// Rows of a table, picked by numbers.
void read_tflite_embedding(TfliteGraph& graph, const TfliteOperator& op) {
  const int output = graph.output(op);
  const std::string_view rows = graph.new_name(output);
  set_integer(
      graph.add(op, "Gather", {graph.in_file_order(op, 1), graph.in_file_order(op, 0)}, {rows}),
      "axis", 0);
  graph.define_from_file_order(op, rows);
}

void read_tflite_strided_slice(TfliteGraph& graph, const TfliteOperator& op) {
  const auto* options = graph.model().options_of<tfl::StridedSlice>(op, Options::STRIDED_SLICE);
  const auto mask = [&](auto field) {
    return static_cast<std::uint32_t>(options == nullptr ? 0 : (options->*field)());
  };
  const std::uint32_t shrinks = mask(&tfl::StridedSlice::shrink_axis_mask);
  if (mask(&tfl::StridedSlice::ellipsis_mask) != 0 ||
      mask(&tfl::StridedSlice::new_axis_mask) != 0) {
    throw InputError("has an ellipsis or new axes; write its bounds out");
  }
  const std::size_t rank = graph.rank(graph.input(op, 0));
  std::vector<std::int64_t> begins = graph.integers(op, 1);
  std::vector<std::int64_t> ends = graph.integers(op, 2);
  std::vector<std::int64_t> steps = graph.integers(op, 3);
  if (begins.size() > rank || ends.size() != begins.size() || steps.size() != begins.size()) {
    throw InputError("must have as many ends and strides as begins, at most one an axis");
  }
  // Axes that are left out change the order of the others: such a piece has that of the file.
  const bool is_shape = reads_shape(graph, op);
  const bool is_in_file_order = shrinks != 0 || is_shape;
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> shrunk;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::uint32_t bit = 1U << i;
    const auto axis = static_cast<std::int64_t>(i);
    axes.push_back(is_in_file_order ? axis : TfliteGraph::axis_of(axis, rank));
    if ((shrinks & bit) != 0) {
      shrunk.push_back(axes.back());
      ends[i] = begins[i] == -1 ? kUpToEnd : begins[i] + 1;
      steps[i] = 1;
      continue;
    }
    if ((mask(&tfl::StridedSlice::begin_mask) & bit) != 0) begins[i] = 0;
    if ((mask(&tfl::StridedSlice::end_mask) & bit) != 0) ends[i] = kUpToEnd;
  }
  const int output = graph.output(op);
  const std::string_view from = is_in_file_order ? graph.in_file_order(op, 0) : graph.raw(op, 0);
  const std::string_view given = graph.name_of(output);
  const std::string_view piece = shrunk.empty() ? given : graph.new_name(output);
  if (is_shape) graph.define_shape_value(output);
  OnnxNode& node = graph.add(op, "Slice", {from}, {piece});
  set_integers(node, "starts", std::move(begins));
  set_integers(node, "ends", std::move(ends));
  set_integers(node, "axes", std::move(axes));
  set_integers(node, "steps", std::move(steps));
  if (shrunk.empty()) return;
  const std::string_view squeezed = is_shape ? given : graph.new_name(output);
  set_integers(graph.add(op, "Squeeze", {piece}, {squeezed}), "axes", std::move(shrunk));
  if (!is_shape) graph.define_from_file_order(op, squeezed);
}

void read_tflite_slice(TfliteGraph& graph, const TfliteOperator& op) {
  const std::size_t rank = graph.rank(graph.input(op, 0));
  const std::vector<std::int64_t> begins = graph.integers(op, 1);
  const std::vector<std::int64_t> sizes = graph.integers(op, 2);
  if (begins.size() != rank || sizes.size() != rank) {
    throw InputError("must have one begin and one size an axis");
  }
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> ends;
  for (std::size_t i = 0; i < rank; ++i) {
    axes.push_back(TfliteGraph::axis_of(static_cast<std::int64_t>(i), rank));
    if (begins[i] < 0 || sizes[i] < -1) {
      throw InputError(fmt::format("takes {} elements from {} on", sizes[i], begins[i]));
    }
    ends.push_back(sizes[i] == -1 ? kUpToEnd : begins[i] + sizes[i]);
  }
  OnnxNode& node = add_view(graph, op, "Slice", {graph.raw(op, 0)});
  set_integers(node, "starts", begins);
  set_integers(node, "ends", std::move(ends));
  set_integers(node, "axes", std::move(axes));
}

/// SPLIT has its axis first; SPLIT_V its sizes second and its axis last.
void read_tflite_split(TfliteGraph& graph, const TfliteOperator& op) {
  const bool is_equal = op.code == Code::SPLIT;
  const std::size_t map_input = is_equal ? 1 : 0;
  const std::vector<std::int64_t> axis = graph.integers(op, is_equal ? 0 : 2);
  if (axis.size() != 1) throw InputError("must have one axis");
  const std::size_t rank = graph.rank(graph.input(op, map_input));
  std::vector<std::string_view> outputs;
  for (std::size_t i = 0; i < op.outputs.size(); ++i) {
    outputs.push_back(graph.name_of(graph.output(op, i)));
  }
  std::vector<std::int64_t> sizes;
  if (!is_equal) sizes = graph.integers(op, 1);
  OnnxNode& node = graph.add(op, "Split", {graph.map(op, map_input)}, std::move(outputs));
  set_integer(node, "axis", TfliteGraph::axis_of(axis[0], rank));
  if (std::count(sizes.begin(), sizes.end(), -1) == 1) set_integer(node, "has_rest", 1);
  if (!is_equal) set_integers(node, "split", std::move(sizes));
}

/// The place of the largest or smallest element along an axis, which is left out.
void read_tflite_arg_max(TfliteGraph& graph, const TfliteOperator& op) {
  const std::vector<std::int64_t> axis = graph.integers(op, 1);
  if (axis.size() != 1) throw InputError("must have one axis");
  graph.map(op, 0);  // refuses a constant
  const std::string_view from = graph.in_file_order(op, 0);
  const std::string_view place = graph.new_name(graph.output(op));
  OnnxNode& node = graph.add(op, op.code == Code::ARG_MAX ? "ArgMax" : "ArgMin", {from}, {place});
  set_integer(node, "axis", axis[0]);
  set_integer(node, "keepdims", 0);
  graph.define_from_file_order(op, place);
}

/// Over the last axis.
void read_tflite_softmax(TfliteGraph& graph, const TfliteOperator& op) {
  const std::size_t rank = graph.rank(graph.input(op, 0));
  set_integer(graph.add(op, "Softmax", {graph.map(op, 0)}, {graph.name_of(graph.output(op))}),
              "axis", TfliteGraph::axis_of(-1, rank));
}

constexpr auto kTfliteShapeOperators = std::to_array<std::pair<Code, TfliteOperatorReader>>({
    {Code::QUANTIZE, read_tflite_same},
    {Code::DEQUANTIZE, read_tflite_same},
    {Code::DENSIFY, read_tflite_same},
    {Code::CAST, read_tflite_cast},
    {Code::RESHAPE, read_tflite_reshape},
    {Code::SQUEEZE, read_tflite_squeeze},
    {Code::EXPAND_DIMS, read_tflite_expand_dims},
    {Code::TRANSPOSE, read_tflite_transpose},
    {Code::SHAPE, read_tflite_shape},
    {Code::GATHER, read_tflite_gather},
    {Code::EMBEDDING_LOOKUP, read_tflite_embedding},
    {Code::STRIDED_SLICE, read_tflite_strided_slice},
    {Code::SLICE, read_tflite_slice},
    {Code::SPLIT, read_tflite_split},
    {Code::SPLIT_V, read_tflite_split},
    {Code::SOFTMAX, read_tflite_softmax},
    {Code::LOG_SOFTMAX, read_tflite_softmax},
    {Code::ARG_MAX, read_tflite_arg_max},
    {Code::ARG_MIN, read_tflite_arg_max},
});

}  // namespace

TfliteOperatorReader find_tflite_shape_operator(tfl::BuiltinOperator code) {
  for (const auto& [known, read] : kTfliteShapeOperators) {
    if (known == code) return read;
  }
  return nullptr;
}

}  // namespace tilewake
