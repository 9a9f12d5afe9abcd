// SPDX-License-Identifier: Apache-2.0
// Operators over the elements of some dims: softmax, normalisation, means and other reductions.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// Factors of some dims in a map.
struct Selection {
  OnnxDim channels;
  OnnxDim pixels;
};

Selection selected(const OnnxView& view, const std::vector<bool>& is_chosen, bool chosen,
                   const Shape& map) {
  Selection result;
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (is_chosen[i] != chosen) continue;
    for (const OnnxFactor& factor : view[i]) {
      append(factor.stride >= map.height * map.width ? result.channels : result.pixels, factor);
    }
  }
  return result;
}

/// A map in which some dims are the innermost channels, or those and all pixels.
struct Grouped {
  OnnxValue map;
  std::int64_t groups = 1;  // of channels
  bool has_pixels = false;
};

Grouped grouped(OnnxValues& values, const OnnxNode& node, OnnxValue x,
                const std::vector<bool>& is_chosen, bool may_have_pixels) {
  x = values.edged(node, x);
  const Shape& map = values.shape_of(x);
  const std::int64_t pixels = map.height * map.width;
  const Selection chosen = selected(x.view, is_chosen, true, map);
  const std::int64_t size = size_of(chosen.channels);
  const bool is_innermost = std::all_of(
      chosen.channels.begin(), chosen.channels.end(),
      [&](const OnnxFactor& factor) { return factor.stride * factor.size <= size * pixels; });
  const bool has_pixels = !chosen.pixels.empty();
  const bool has_all_pixels = size_of(chosen.pixels) == pixels && may_have_pixels;
  if (is_innermost && (!has_pixels || has_all_pixels)) {
    return {std::move(x), map.channels / size, has_pixels};
  }
  const Selection others = selected(x.view, is_chosen, false, map);
  if (has_all_pixels) {
    x = values.arranged(node, x, joined({others.channels, chosen.channels}), chosen.pixels);
    return {std::move(x), map.channels / size, true};
  }
  const OnnxDim inner = joined({chosen.channels, chosen.pixels});
  const std::int64_t groups = size_of(others.channels);
  x = values.arranged(node, x, joined({others.channels, inner}), others.pixels);
  return {std::move(x), groups, false};
}

std::vector<bool> dims_from(std::size_t first, std::size_t rank) {
  std::vector<bool> is_chosen(rank, false);
  for (std::size_t i = first; i < rank; ++i) is_chosen[i] = true;
  return is_chosen;
}

/// Before opset 13 over all dims from `axis` on.
void read_softmax(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.map(node, 0);
  const bool is_old = values.opset() < 13;
  const std::size_t rank = x.dims.size();
  if (rank == 0) throw InputError("reads a scalar");
  const std::size_t axis = axis_of(integer_attribute(node, "axis", is_old ? 1 : -1), rank);
  std::vector<bool> is_chosen(rank, false);
  is_chosen[axis] = true;
  if (is_old) is_chosen = dims_from(axis, rank);
  const Grouped softmax = grouped(values, node, x, is_chosen, false);
  Layer layer;
  layer.op = Op::kSoftmax;
  layer.groups = softmax.groups;
  values.define_layer(node, std::move(layer), {softmax.map}, PaddingRule::valid(),
                      softmax.map.view);
}

/// Factors, and shifts, which some norms lack.
bool has_shifts(const OnnxNode& node) {
  return OnnxValues::has_input(node, 2) && hint_in(node.doc, kShiftHint) != "false";
}

void set_parameters(OnnxValues& values, const OnnxNode& node) {
  if (OnnxValues::has_input(node, 1) && values.is_constant(node, 1)) {
    values.set_weights(values.constant(node, 1));
  }
  values.set_bias(node, 2);
}

/// Parameters `input` of a norm: how many; 0: none, or computed.
std::int64_t num_parameters(OnnxValues& values, const OnnxNode& node, std::size_t input) {
  if (!OnnxValues::has_input(node, input) || !values.is_constant(node, input)) return 0;
  return values.constant(node, input).num_elements();
}

/// A norm whose factors and shifts are of pixels, not of channels: these come after it.
void define_norm_of_pixels(OnnxValues& values, const OnnxNode& node, const Grouped& norm,
                           Layer layer) {
  layer.bias = false;
  layer.shift = true;
  const bool has_shift = has_shifts(node);
  std::string_view from = values.keep_text(std::string(node.outputs.at(0)) + ".norm");
  values.add_uses(from, 1);
  values.define(from, values.make_layer(node, std::move(layer), {norm.map}, PaddingRule::valid(),
                                        norm.map.view));
  const auto join = [&](const char* op, const char* role, std::size_t input, bool is_last) {
    OnnxNode part = values.part_of(node, role);
    part.op = op;
    part.inputs = {from, node.inputs[input]};
    if (!is_last) {
      from = values.keep_text(fmt::format("{}.{}", node.outputs[0], role));
      values.add_uses(from, 1);
    }
    part.outputs = {is_last ? node.outputs[0] : from};
    find_elementwise_operator(op)(values, values.keep(std::move(part)));
  };
  join("Mul", "scale", 1, !has_shift);
  if (has_shift) join("Add", "shift", 2, true);
}

void define_norm(OnnxValues& values, const OnnxNode& node, const OnnxValue& x,
                 const std::vector<bool>& is_chosen, bool has_factors) {
  const Grouped norm = grouped(values, node, x, is_chosen, true);
  Layer layer;
  layer.op = norm.has_pixels ? Op::kGroupNorm : Op::kLayerNorm;
  layer.groups = norm.groups;
  const std::int64_t channels = values.shape_of(norm.map).channels;
  if (has_factors && num_parameters(values, node, 1) > channels) {
    return define_norm_of_pixels(values, node, norm, std::move(layer));
  }
  layer.bias = has_factors;
  layer.shift = has_factors ? has_shifts(node) : true;
  values.define_layer(node, std::move(layer), {norm.map}, PaddingRule::valid(), norm.map.view);
  if (has_factors) set_parameters(values, node);
}

bool has_factors(const OnnxNode& node, bool given) {
  return given && hint_in(node.doc, kBiasHint) != "false";
}

std::vector<bool> chosen_axes(OnnxValues& values, const OnnxNode& node, std::size_t rank,
                              const std::vector<std::int64_t>& fallback, std::size_t input) {
  std::vector<bool> is_chosen(rank, false);
  const auto axes = integers_of_node(values, node, "axes", input);
  for (const std::int64_t axis : axes.value_or(fallback)) is_chosen[axis_of(axis, rank)] = true;
  return is_chosen;
}

void read_layer_normalization(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.map(node, 0);
  const std::size_t axis = axis_of(integer_attribute(node, "axis", -1), x.dims.size());
  std::vector<bool> is_chosen = dims_from(axis, x.dims.size());
  // Merged of several nodes it may be over others.
  if (node.find("axes") != nullptr) {
    is_chosen = chosen_axes(values, node, x.dims.size(), {}, node.inputs.size());
  }
  if (node.find("axes") == nullptr) {
    for (const std::size_t input : {1U, 2U}) {
      if (OnnxValues::has_input(node, input) && values.is_constant(node, input))
        check_parameter(values, node, input, x.dims);
    }
  }
  define_norm(values, node, x, is_chosen, has_factors(node, OnnxValues::has_input(node, 1)));
}

/// A sum, then a normalisation. The sum is the fourth output.
void read_skip_layer_normalization(OnnxValues& values, const OnnxNode& node) {
  std::string_view sum;
  const auto add = [&](std::string_view a, std::string_view b, bool is_last) {
    OnnxNode part = node;
    part.op = "Add";
    part.label = values.keep_text(text_of(node));
    part.inputs = {a, b};
    const bool is_output = is_last && node.outputs.size() > 3 && !node.outputs[3].empty();
    sum = is_output ? node.outputs[3]
                    : values.keep_text(fmt::format("{}.sum{}", node.outputs.at(0), is_last));
    values.add_uses(sum, 1);
    part.outputs = {sum};
    find_elementwise_operator("Add")(values, values.keep(std::move(part)));
  };
  const bool has_shift = node.op == "SkipLayerNormalization";
  const std::size_t bias = has_shift ? 4 : 3;
  const bool has_bias = OnnxValues::has_input(node, bias);
  values.any(node, 1);
  add(node.inputs[0], node.inputs[1], !has_bias);
  if (has_bias) add(sum, node.inputs[bias], true);
  OnnxNode norm = node;
  norm.op = "LayerNormalization";
  norm.label = values.keep_text(text_of(node));
  norm.inputs = {sum, node.inputs.size() > 2 ? node.inputs[2] : std::string_view()};
  norm.outputs = {node.outputs.at(0)};
  read_layer_normalization(values, values.keep(std::move(norm)));
}

/// Over all dims but the first two, and the channels of a group. 0 groups: each channel is one.
void define_group_norm(OnnxValues& values, const OnnxNode& node, std::int64_t groups,
                       bool given_factors) {
  OnnxValue x = values.map(node, 0);
  if (x.dims.size() < 2 || x.dims[0] != 1) {
    throw InputError(fmt::format("normalises a map of {}", text_of(x.dims)));
  }
  std::vector<bool> is_chosen = dims_from(2, x.dims.size());
  const std::int64_t channels = x.dims[1];
  for (const std::size_t input : {1U, 2U}) {  // one a channel, a group, or merged: one for all
    if (!OnnxValues::has_input(node, input) || !values.is_constant(node, input)) continue;
    const std::int64_t count = values.constant(node, input).num_elements();
    if (count != channels && (groups == 0 || (count != groups && count != 1))) {
      throw InputError(fmt::format("has {} parameters for {} channels", count, channels));
    }
  }
  if (groups != 0) {
    if (channels % groups != 0) {
      throw InputError(fmt::format("has {} groups of {} channels", groups, channels));
    }
    auto apart = reshaped({x.view[1]}, {groups, channels / groups});
    if (!apart) {
      x = values.with_channels(node, x, OnnxDim(x.view[1]), /*any_order=*/false);
      apart = reshaped({x.view[1]}, {groups, channels / groups});
    }
    OnnxView split = x.view;
    split[1] = apart->at(0);
    split.insert(split.begin() + 2, apart->at(1));
    x.set_view(std::move(split));
    is_chosen.insert(is_chosen.begin() + 2, true);
  }
  const Grouped norm = grouped(values, node, x, is_chosen, true);
  OnnxView result = norm.map.view;
  if (groups != 0) {
    result[1] = joined({result[1], result[2]});
    result.erase(result.begin() + 2);
  }
  Layer layer;
  layer.op = Op::kGroupNorm;
  layer.groups = norm.groups;
  layer.bias = has_factors(node, given_factors);
  layer.shift = layer.bias ? has_shifts(node) : true;
  values.define_layer(node, std::move(layer), {norm.map}, PaddingRule::valid(), result);
  if (has_factors(node, given_factors)) set_parameters(values, node);
}

void read_instance_normalization(OnnxValues& values, const OnnxNode& node) {
  define_group_norm(values, node, 0, true);
}

void read_group_normalization(OnnxValues& values, const OnnxNode& node) {
  const char* attribute = node.op == "GroupNorm" ? "groups" : "num_groups";
  const std::int64_t groups = size_attribute(node, attribute);
  if (integer_attribute(node, "activation", 0) != 0) throw InputError("has an activation");
  define_group_norm(values, node, groups, true);
}

void read_mean_variance_normalization(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.map(node, 0);
  std::vector<bool> is_chosen =
      chosen_axes(values, node, x.dims.size(), {0, 2, 3}, node.inputs.size());
  define_norm(values, node, x, is_chosen, false);
}

void read_lp_normalization(OnnxValues& values, const OnnxNode& node) {
  const std::int64_t p = integer_attribute(node, "p", 2);
  if (p != 1 && p != 2) throw InputError(fmt::format("p must be 1 or 2, not {}", p));
  const OnnxValue x = values.map(node, 0);
  std::vector<bool> is_chosen(x.dims.size(), false);
  is_chosen[axis_of(integer_attribute(node, "axis", -1), x.dims.size())] = true;
  define_norm(values, node, x, is_chosen, false);
}

/// The dims after some are reduced to 1, or left out.
OnnxView without(OnnxView view, const std::vector<bool>& is_reduced, bool keeps) {
  OnnxView result;
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (is_reduced[i] && keeps) result.emplace_back();
    if (!is_reduced[i]) result.push_back(std::move(view[i]));
  }
  return result;
}

void define_reduce(OnnxValues& values, const OnnxNode& node, OnnxValue x,
                   const std::vector<bool>& is_reduced, bool keeps) {
  const bool is_mean = node.op == "ReduceMean" || node.op == "ReduceSum";
  x = values.edged(node, x);
  Selection reduced = selected(x.view, is_reduced, true, values.shape_of(x));
  const auto divides_rows = [&] {  // a part of the rows, or of the columns
    const Shape& map = values.shape_of(x);
    std::int64_t rows = 1;
    std::int64_t columns = 1;
    for (const OnnxFactor& factor : reduced.pixels) {
      const bool crosses = factor.stride < map.width && factor.stride * factor.size > map.width;
      if (crosses) return factor.size != map.height * map.width;
      (factor.stride >= map.width ? rows : columns) *= factor.size;
    }
    return (rows != 1 && rows != map.height) || (columns != 1 && columns != map.width);
  };
  if (divides_rows()) {
    const Selection others = selected(x.view, is_reduced, false, values.shape_of(x));
    x = values.arranged(node, x, joined({others.channels, reduced.channels, reduced.pixels}),
                        others.pixels);
    x = values.edged(node, x);
    reduced = selected(x.view, is_reduced, true, values.shape_of(x));
  }
  const Shape map = values.shape_of(x);
  Layer layer;
  layer.op = Op::kReduce;
  layer.ofm = map;
  layer.ofm.channels /= size_of(reduced.channels);
  bool has_rows = false;
  bool has_columns = false;
  for (const OnnxFactor& factor : reduced.pixels) {
    has_rows = has_rows || factor.stride * factor.size > map.width;
    has_columns = has_columns || factor.stride < map.width;
  }
  if (has_rows) layer.ofm.height = 1;
  if (has_columns) layer.ofm.width = 1;
  if (node.op == "ReduceL2") layer.activation = Activation::kSqrt;
  if (node.op == "ReduceLogSumExp") layer.activation = Activation::kExp;
  const bool is_pool = is_mean && reduced.channels.empty() && layer.ofm.height == 1 &&
                       layer.ofm.width == 1 && !has_hint(node, Op::kReduce);
  if (is_pool) {
    layer = Layer();
    layer.op = Op::kGlobalAvgPool;
  }
  // What is left keeps its order.
  OnnxView view = without(x.view, is_reduced, keeps);
  view = reordered(view, stored_order(view));
  values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(), view);
}

void read_reduce(OnnxValues& values, const OnnxNode& node) {
  const bool keeps = integer_attribute(node, "keepdims", 1) != 0;
  const Dims dims = values.dims(node, 0);
  const auto axes = integers_of_node(values, node, "axes", 1);
  std::vector<bool> is_reduced(dims.size(), false);
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{})) {
    is_reduced[axis_of(axis, dims.size())] = true;
  }
  if (!axes || axes->empty()) {
    if (integer_attribute(node, "noop_with_empty_axes", 0) == 0) {
      is_reduced.assign(dims.size(), true);
    }
  }
  if (values.is_constant(node, 0)) {
    return values.define_constant(
        node, onnx_fold::reduce(node.op, values.constant(node, 0), is_reduced, keeps));
  }
  const OnnxValue x = values.map(node, 0);
  std::int64_t count = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) count *= is_reduced[i] ? x.dims[i] : 1;
  const bool is_of_pixels =
      dims.size() == 4 && !is_reduced[0] && !is_reduced[1] && is_reduced[2] && is_reduced[3];
  if (count == 1 && !is_of_pixels && !has_hint(node, Op::kReduce)) {
    return values.define_same(node, x, without(x.view, is_reduced, keeps));
  }
  define_reduce(values, node, x, is_reduced, keeps);
}

void read_qlinear_global_pool(OnnxValues& values, const OnnxNode& node) {
  find_window_operator("GlobalAveragePool")(values, node);
}

constexpr auto kNormOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Softmax", read_softmax},
    {"LogSoftmax", read_softmax},
    {"Hardmax", read_softmax},
    {"LayerNormalization", read_layer_normalization},
    {"SimplifiedLayerNormalization", read_layer_normalization},
    {"RMSNormalization", read_layer_normalization},
    {"SkipLayerNormalization", read_skip_layer_normalization},
    {"SkipSimplifiedLayerNormalization", read_skip_layer_normalization},
    {"InstanceNormalization", read_instance_normalization},
    {"GroupNormalization", read_group_normalization},
    {"GroupNorm", read_group_normalization},
    {"MeanVarianceNormalization", read_mean_variance_normalization},
    {"LpNormalization", read_lp_normalization},
    {"ReduceMean", read_reduce},
    {"ReduceSum", read_reduce},
    {"ReduceMax", read_reduce},
    {"ReduceMin", read_reduce},
    {"ReduceProd", read_reduce},
    {"ReduceL1", read_reduce},
    {"ReduceL2", read_reduce},
    {"ReduceSumSquare", read_reduce},
    {"ReduceLogSum", read_reduce},
    {"ReduceLogSumExp", read_reduce},
    {"QLinearGlobalAveragePool", read_qlinear_global_pool},
});

}  // namespace

OnnxOperator find_norm_operator(std::string_view op) {
  for (const auto& [name, read] : kNormOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
