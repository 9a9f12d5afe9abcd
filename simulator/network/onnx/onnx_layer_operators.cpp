// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

/// Where Conv and QLinearConv have their weights and biases.
struct ConvInputs {
  std::size_t weight = 1;
  std::size_t bias = 2;
};

bool has_hint(const OnnxNode& node, Op op) { return hint_in(node.doc, kOpHint) == to_string(op); }

/// A window over the whole map, which is moved nowhere.
bool covers(const Layer& layer, const PaddingRule& padding, const Shape& map) {
  return layer.kernel_height == map.height && layer.kernel_width == map.width &&
         layer.groups == 1 && padding.zeros == Padding{};
}

void read_convolution(OnnxValues& values, const OnnxNode& node, const ConvInputs& inputs) {
  const Dims weight = values.constant(node, inputs.weight).dims;
  if (weight.size() != 4) {
    throw InputError(
        fmt::format("has weights of {}; only convolutions over height and width are "
                    "known",
                    text_of(weight)));
  }
  for (const std::int64_t dim : weight) {
    if (dim < 1 || dim > kMaxDimension) {
      throw InputError(fmt::format("has weights of {}; sizes must be from 1 to {}", text_of(weight),
                                   kMaxDimension));
    }
  }
  const OnnxValue x = values.padded_image(node, 0);
  const Shape& map = values.shape_of(x);
  if (x.dims != Dims{1, map.channels, map.height, map.width}) values.image(node, 0);  // refuses

  Layer layer;
  layer.op = Op::kConv2d;
  layer.kernel_height = weight[2];
  layer.kernel_width = weight[3];
  layer.ofm.channels = weight[0];
  layer.groups = integer_attribute(node, "group", 1);
  layer.bias = OnnxValues::has_input(node, inputs.bias);
  if (layer.bias && values.constant(node, inputs.bias).num_elements() != weight[0]) {
    throw InputError(fmt::format("has a bias of {} for {} channels",
                                 text_of(values.constant(node, inputs.bias).dims), weight[0]));
  }
  const PaddingRule padding = read_window(node, layer, map, x.zeros);
  if (layer.kernel_height != weight[2] || layer.kernel_width != weight[3]) {
    throw InputError(fmt::format("has a kernel_shape of {} x {} and weights of {}",
                                 layer.kernel_height, layer.kernel_width, text_of(weight)));
  }
  if (layer.groups < 1 || layer.groups > kMaxDimension ||
      weight[1] * layer.groups != map.channels) {
    throw InputError(fmt::format("has {} groups and weights of {} for {} channels", layer.groups,
                                 text_of(weight), map.channels));
  }
  const bool is_depthwise = layer.groups == map.channels && layer.ofm.channels == map.channels;
  if (has_hint(node, Op::kFullyConnected) && covers(layer, padding, map)) {
    Layer dense;
    dense.op = Op::kFullyConnected;
    dense.ofm.channels = layer.ofm.channels;
    dense.bias = layer.bias;
    return values.define_layer(node, std::move(dense), {x});
  }
  if (is_depthwise && has_hint(node, Op::kAvgPool)) {
    layer.op = Op::kAvgPool;
  } else if (is_depthwise && !has_hint(node, Op::kConv2d) &&
             (layer.groups > 1 || has_hint(node, Op::kDepthwiseConv2d))) {
    layer.op = Op::kDepthwiseConv2d;
  }
  if (layer.op != Op::kConv2d) layer.groups = 1;
  if (!layer.has_weights()) layer.bias = true;  // the default where it means nothing
  values.define_layer(node, std::move(layer), {x}, padding);
}

void read_conv(OnnxValues& values, const OnnxNode& node) { read_convolution(values, node, {}); }

void read_qlinear_conv(OnnxValues& values, const OnnxNode& node) {
  read_convolution(values, node, {3, 8});
}

void read_dense(OnnxValues& values, const OnnxNode& node, bool is_transposed, bool has_bias) {
  const OnnxValue x = values.map(node, 0);
  const Dims weight = values.constant(node, 1).dims;
  if (weight.size() != 2) {
    throw InputError(fmt::format("has weights of {}, expected two dimensions", text_of(weight)));
  }
  const std::int64_t in = is_transposed ? weight[1] : weight[0];
  const std::int64_t out = is_transposed ? weight[0] : weight[1];
  const std::int64_t num_elements = values.shape_of(x).num_elements();
  if (x.dims != Dims{1, num_elements}) {
    throw InputError(fmt::format("reads a map as {}; only one vector, 1 x {}, is understood",
                                 text_of(x.dims), num_elements));
  }
  if (in != num_elements) {
    throw InputError(fmt::format("has weights for {} inputs and reads {}", in, num_elements));
  }
  Layer layer;
  layer.op = Op::kFullyConnected;
  layer.ofm.channels = out;
  layer.bias = has_bias;
  values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(), /*is_vector=*/true);
}

void read_gemm(OnnxValues& values, const OnnxNode& node) {
  if (integer_attribute(node, "transA", 0) != 0) throw InputError("transposes its input (transA)");
  const bool has_bias = OnnxValues::has_input(node, 2);
  if (has_bias) values.constant(node, 2);  // refuses a computed one
  read_dense(values, node, integer_attribute(node, "transB", 0) != 0, has_bias);
}

void read_mat_mul(OnnxValues& values, const OnnxNode& node) {
  if (!values.is_constant(node, 1) || values.is_constant(node, 0)) {
    throw InputError(
        "multiplies two computed matrices, as attention does, or weights from the left; only a "
        "vector with weights, a fully connected layer, is understood");
  }
  read_dense(values, node, /*is_transposed=*/false, /*has_bias=*/false);
}

void read_pool(OnnxValues& values, const OnnxNode& node, Op op) {
  if (node.find("kernel_shape") == nullptr) throw InputError("has no kernel_shape");
  const OnnxValue x = values.padded_image(node, 0);
  const Shape& map = values.shape_of(x);
  if (x.dims != Dims{1, map.channels, map.height, map.width}) values.image(node, 0);  // refuses
  Layer layer;
  layer.op = op;
  const PaddingRule padding = read_window(node, layer, map, x.zeros);
  values.define_layer(node, std::move(layer), {x}, padding);
}

void read_max_pool(OnnxValues& values, const OnnxNode& node) {
  read_pool(values, node, Op::kMaxPool);
}

void read_average_pool(OnnxValues& values, const OnnxNode& node) {
  read_pool(values, node, Op::kAvgPool);
}

void read_global_average_pool(OnnxValues& values, const OnnxNode& node) {
  Layer layer;
  layer.op = Op::kGlobalAvgPool;
  values.define_layer(node, std::move(layer), {values.image(node, 0)});
}

void read_global_max_pool(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.image(node, 0);
  Layer layer;
  layer.op = Op::kMaxPool;
  layer.kernel_height = values.shape_of(x).height;
  layer.kernel_width = values.shape_of(x).width;
  values.define_layer(node, std::move(layer), {x});
}

/// A mean over all pixels, however they are laid out, is a global average pool.
void read_reduce_mean(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.map(node, 0);
  const std::size_t rank = x.dims.size();
  std::vector<bool> is_reduced(rank, false);
  const auto axes = integers_of_node(values, node, "axes", 1);
  for (const std::int64_t axis : axes.value_or(std::vector<std::int64_t>{})) {
    is_reduced[axis_of(axis, rank)] = true;
  }
  const Shape& map = values.shape_of(x);
  bool is_over_pixels = rank > 2 && x.dims[0] == 1 && x.dims[1] == map.channels;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    is_over_pixels = is_over_pixels && is_reduced[axis] == (axis >= 2);
  }
  if (!is_over_pixels) {
    throw InputError("takes a mean over other axes than height and width");
  }
  Layer layer;
  layer.op = Op::kGlobalAvgPool;
  const bool keeps = integer_attribute(node, "keepdims", 1) != 0;
  if (keeps && rank != 4) throw InputError("keeps reduced dimensions of a reshaped map");
  values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(), /*is_vector=*/!keeps);
}

void read_concat(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.empty()) throw InputError("joins nothing");
  const std::int64_t axis = integer_attribute(node, "axis", 1);
  if (values.is_constant(node, 0)) {
    std::vector<OnnxConstant> parts;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) parts.push_back(values.constant(node, i));
    return values.define_constant(node, onnx_fold::concat(parts, axis));
  }
  std::vector<OnnxValue> maps;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    maps.push_back(values.map(node, i));
    const OnnxValue& map = maps.back();
    const bool is_vector = map.dims == Dims{1, values.shape_of(map).num_elements()} &&
                           values.shape_of(map).num_elements() == values.shape_of(map).channels;
    if (!is_vector) values.image(node, i);  // refuses
    if (map.dims.size() != maps[0].dims.size()) throw InputError("joins a vector and a map");
    if (axis_of(axis, map.dims.size()) != 1) {
      throw InputError(fmt::format("joins along axis {}; only channels, axis 1, are joined", axis));
    }
  }
  if (maps.size() == 1) return values.define_same(node, maps[0], maps[0].dims);
  Layer layer;
  layer.op = Op::kConcat;
  values.define_layer(node, std::move(layer), maps, PaddingRule::valid(),
                      /*is_vector=*/maps[0].dims.size() == 2);
}

/// Zeros around a map, which the convolution or pool behind takes in.
void read_pad(OnnxValues& values, const OnnxNode& node) {
  if (text_attribute(node, "mode", "constant") != "constant") {
    throw InputError("pads with other values than zeros (mode)");
  }
  double value = real_attribute(node, "value", 0.0);
  if (OnnxValues::has_input(node, 2)) {
    const OnnxConstant& given = values.constant(node, 2);
    if (!given.has_values || !given.is_scalar()) throw InputError("pads with an unknown value");
    value = given.values[0];
  }
  if (value != 0.0) throw InputError(fmt::format("pads with {}, only zeros are known", value));
  const auto pads = integers_of_node(values, node, "pads", 1);
  if (!pads || pads->size() != 8) throw InputError("must have pads of a map, eight numbers");
  const OnnxValue x = values.image(node, 0);
  OnnxValue padded = x;
  for (const std::size_t i : {0U, 1U, 4U, 5U}) {
    if ((*pads)[i] != 0) throw InputError("pads batch or channels");
  }
  for (const std::size_t i : {2U, 3U, 6U, 7U}) {
    if ((*pads)[i] < 0 || (*pads)[i] > kMaxDimension) {
      throw InputError(fmt::format("pads must be from 0 to {}, not {}", kMaxDimension, (*pads)[i]));
    }
  }
  padded.zeros = {(*pads)[2], (*pads)[3], (*pads)[6], (*pads)[7]};
  if (!(padded.zeros == Padding{})) padded.pad = &node;
  values.define_same(node, std::move(padded), x.dims);
}

constexpr auto kLayerOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Conv", read_conv},
    {"QLinearConv", read_qlinear_conv},
    {"Gemm", read_gemm},
    {"MatMul", read_mat_mul},
    {"MaxPool", read_max_pool},
    {"AveragePool", read_average_pool},
    {"GlobalAveragePool", read_global_average_pool},
    {"GlobalMaxPool", read_global_max_pool},
    {"ReduceMean", read_reduce_mean},
    {"Concat", read_concat},
    {"Pad", read_pad},
});

}  // namespace

OnnxOperator find_layer_operator(std::string_view op) {
  for (const auto& [name, read] : kLayerOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
