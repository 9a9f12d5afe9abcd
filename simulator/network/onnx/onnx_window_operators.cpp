// SPDX-License-Identifier: Apache-2.0
// Operators with a window over rows and columns, or that change their number.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

/// Where an operator has its weights and biases.
struct ConvInputs {
  std::size_t weight = 1;
  std::size_t bias = 2;
};

/// A convolution whose weights are as large as the map, without pads.
bool covers(const OnnxNode& node, const Dims& weight, const Dims& map) {
  const auto pads = integers_attribute(node, "pads");
  return weight.size() == 4 && map == Dims{1, weight[1], weight[2], weight[3]} &&
         auto_pad_of(node) == "NOTSET" &&
         (!pads || std::all_of(pads->begin(), pads->end(), [](auto pad) { return pad == 0; }));
}

/// 1 x C x rows x columns, or 1 x C x L along rows or columns.
struct SpatialMap {
  OnnxValue value;
  OnnxWindow window = OnnxWindow::kPlane;
};

/// Orders of channels differ by the order of weights only, unless `is_grouped`.
SpatialMap spatial_map(OnnxValues& values, const OnnxNode& node, const OnnxValue& x,
                       bool is_grouped) {
  const Dims& dims = x.dims;
  if ((dims.size() == 3 || dims.size() == 4) && dims[0] > 1) {
    throw InputError(
        fmt::format("reads a map of {}: {} maps in one, as of the boxes or frames of an image, are "
                    "not modelled inside of a network of one image",
                    text_of(dims), dims[0]));
  }
  if ((dims.size() != 3 && dims.size() != 4) || dims[0] != 1) {
    throw InputError(
        fmt::format("reads a map of {}; 1 x channels x rows x columns, or 1 x channels x length, "
                    "is understood",
                    text_of(dims)));
  }
  OnnxDim channels = x.view[1];
  if (!is_grouped) {
    std::sort(channels.begin(), channels.end(),
              [](const OnnxFactor& a, const OnnxFactor& b) { return a.stride > b.stride; });
  }
  if (dims.size() == 4) return {values.arranged(node, x, channels, x.view[2], x.view[3])};
  // Tokens lie along rows.
  const bool is_upright =
      values.shape_of(x).width == 1 && values.is_arranged(x, channels, x.view[2]);
  if (is_upright) return {x, OnnxWindow::kRows};
  return {values.arranged(node, x, channels, {}, x.view[2]), OnnxWindow::kColumns};
}

/// The dims after a layer that keeps the order of channels (`channels`), or has new ones.
OnnxView spatial_view(const Shape& from, const Shape& to, const OnnxDim* channels,
                      OnnxWindow window) {
  OnnxView view = view_of(to);
  if (channels != nullptr) {
    view[1].clear();
    for (const OnnxFactor& factor : *channels) {
      append(view[1], OnnxFactor{factor.size, factor.stride / (from.height * from.width) *
                                                  (to.height * to.width)});
    }
  }
  if (window == OnnxWindow::kRows) view.pop_back();
  if (window == OnnxWindow::kColumns) view.erase(view.begin() + 2);
  return view;
}

/// Defines the layer's output. `channels`: as in spatial_view.
void define_spatial(OnnxValues& values, const OnnxNode& node, Layer layer, const SpatialMap& x,
                    const PaddingRule& padding, bool keeps_channels) {
  OnnxValue result = values.make_layer(node, std::move(layer), {x.value}, padding);
  result.set_view(spatial_view(values.shape_of(x.value), values.shape_of(result),
                               keeps_channels ? &x.value.view[1] : nullptr, x.window));
  values.define(node.outputs.at(0), std::move(result));
}

/// Zeros that no window could take in become a layer.
SpatialMap with_wide_pads(OnnxValues& values, const OnnxNode& node, SpatialMap x,
                          const Layer& layer, PaddingRule& padding) {
  const Padding& zeros = padding.zeros;
  const std::int64_t rows = layer.dilation.height * (layer.kernel_height - 1) + 1;
  const std::int64_t columns = layer.dilation.width * (layer.kernel_width - 1) + 1;
  if (std::max(zeros.top, zeros.bottom) < rows && std::max(zeros.left, zeros.right) < columns) {
    return x;
  }
  Layer pad;
  pad.op = Op::kPad;
  const Shape from = values.shape_of(x.value);
  const OnnxDim channels = x.value.view[1];
  x.value = values.make_layer(values.part_of(node, "pad"), std::move(pad), {x.value}, padding);
  x.value.set_view(spatial_view(from, values.shape_of(x.value), &channels, x.window));
  padding = PaddingRule::explicit_zeros({});
  return x;
}

std::vector<std::int64_t> checked_weights(const Dims& weight) {
  if (weight.size() != 3 && weight.size() != 4) {
    throw InputError(fmt::format("has weights of {}; windows over one or two dimensions are known",
                                 text_of(weight)));
  }
  for (const std::int64_t dim : weight) {
    if (dim < 1 || dim > kMaxDimension) {
      throw InputError(fmt::format("has weights of {}; sizes must be from 1 to {}", text_of(weight),
                                   kMaxDimension));
    }
  }
  return weight;
}

void set_kernel(Layer& layer, const Dims& weight, OnnxWindow window) {
  layer.kernel_height = window == OnnxWindow::kColumns ? 1 : weight[2];
  layer.kernel_width = window == OnnxWindow::kRows ? 1 : weight.back();
}

void check_kernel(const Layer& layer, const Dims& weight, OnnxWindow window) {
  Layer given;
  set_kernel(given, weight, window);
  if (layer.kernel_height != given.kernel_height || layer.kernel_width != given.kernel_width) {
    throw InputError(fmt::format("has a kernel_shape of {} x {} and weights of {}",
                                 layer.kernel_height, layer.kernel_width, text_of(weight)));
  }
}

void check_bias(OnnxValues& values, const OnnxNode& node, std::size_t input,
                std::int64_t channels) {
  if (values.constant(node, input).num_elements() != channels) {
    throw InputError(fmt::format("has a bias of {} for {} channels",
                                 text_of(values.constant(node, input).dims), channels));
  }
}

void check_conv_groups(const Layer& layer, const Dims& weight, std::int64_t channels) {
  if (layer.groups < 1 || layer.groups > kMaxDimension || weight[1] * layer.groups != channels) {
    throw InputError(fmt::format("has {} groups and weights of {} for {} channels", layer.groups,
                                 text_of(weight), channels));
  }
}

/// One tap over every pixel, wherever it is: rows and columns do not matter.
bool is_pointwise(const Layer& layer, const PaddingRule& padding) {
  return layer.kernel_height == 1 && layer.kernel_width == 1 && layer.stride == Steps(1) &&
         padding.zeros == Padding{} && layer.groups == 1;
}

void define_pointwise(OnnxValues& values, const OnnxNode& node, Layer layer, const OnnxValue& x) {
  const OnnxValue map = values.with_channels(node, x, x.view[1], /*any_order=*/true);
  const Shape& shape = values.shape_of(map);
  OnnxView view = map.view;
  view[1] = joined({{{layer.ofm.channels, shape.height * shape.width}}});
  values.define_layer(node, std::move(layer), {map}, PaddingRule::valid(), view);
}

void read_convolution(OnnxValues& values, const OnnxNode& node, const ConvInputs& inputs) {
  const OnnxConstant weights = values.constant(node, inputs.weight);
  const Dims weight = checked_weights(weights.dims);
  const OnnxValue input = values.padded_map(node, 0);
  if (input.dims.size() != weight.size()) {
    throw InputError(
        fmt::format("has weights of {} for a map of {}", text_of(weight), text_of(input.dims)));
  }
  Layer layer;
  layer.op = Op::kConv2d;
  layer.ofm.channels = weight[0];
  layer.groups = integer_attribute(node, "group", 1);
  layer.bias = OnnxValues::has_input(node, inputs.bias);
  if (layer.bias) check_bias(values, node, inputs.bias, weight[0]);
  check_conv_groups(layer, weight, input.dims[1]);

  if (has_hint(node, Op::kFullyConnected) && input.pad == nullptr &&
      covers(node, weight, input.dims)) {
    layer.op = Op::kFullyConnected;
    values.define_layer(node, std::move(layer), {values.map(node, 0)});
    values.set_weights(weights);
    return values.set_bias(node, inputs.bias);
  }
  const bool is_line = weight.size() == 3;
  const auto window = is_line ? OnnxWindow::kColumns : OnnxWindow::kPlane;
  set_kernel(layer, weight, window);
  // Pixels anywhere: no copy for the sake of rows and columns that no window reads.
  if (input.pad == nullptr) {
    Layer tap = layer;
    const PaddingRule none = read_window(node, tap, {weight[1], 1, 1}, {}, window);
    check_kernel(tap, weight, window);
    if (is_pointwise(tap, none) && !has_hint(node, Op::kDepthwiseConv2d) &&
        !has_hint(node, Op::kAvgPool)) {
      define_pointwise(values, node, std::move(tap), values.map(node, 0));
      values.set_weights(weights);
      values.set_bias(node, inputs.bias);
      return;
    }
  }
  SpatialMap x = {input};
  if (input.pad == nullptr) {
    x = spatial_map(values, node, values.map(node, 0), layer.groups > 1);
  } else if (is_line) {
    x.window = OnnxWindow::kColumns;
  }
  const Shape map = values.shape_of(x.value);
  set_kernel(layer, weight, x.window);
  PaddingRule padding = read_window(node, layer, map, input.zeros, x.window);
  check_kernel(layer, weight, x.window);
  const bool is_depthwise = layer.groups == map.channels && layer.ofm.channels == map.channels;
  if (is_depthwise && has_hint(node, Op::kAvgPool)) {
    layer.op = Op::kAvgPool;
  } else if (is_depthwise && !has_hint(node, Op::kConv2d) &&
             (layer.groups > 1 || has_hint(node, Op::kDepthwiseConv2d))) {
    layer.op = Op::kDepthwiseConv2d;
  }
  if (layer.op != Op::kConv2d) layer.groups = 1;
  if (!layer.has_weights()) layer.bias = true;  // the default where it means nothing
  x = with_wide_pads(values, node, std::move(x), layer, padding);
  define_spatial(values, node, std::move(layer), x, padding, false);
  values.set_weights(weights);
  values.set_bias(node, inputs.bias);
}

void read_conv(OnnxValues& values, const OnnxNode& node) { read_convolution(values, node, {}); }

void read_qlinear_conv(OnnxValues& values, const OnnxNode& node) {
  read_convolution(values, node, {3, 8});
}

void read_conv_integer(OnnxValues& values, const OnnxNode& node) {
  read_convolution(values, node, {1, node.inputs.size()});
}

/// What a ConvTranspose cuts off one direction of its output, and, negative, adds to it.
void set_cut(const OnnxNode& node, std::int64_t whole, std::int64_t target, std::int64_t& begin,
             std::int64_t& end) {
  const std::int64_t cut = whole - target;
  const bool upper = auto_pad_of(node) == "SAME_UPPER";
  begin = std::max<std::int64_t>(upper ? cut / 2 : cut - cut / 2, 0);
  end = cut - begin;
}

void read_conv_transpose(OnnxValues& values, const OnnxNode& node) {
  const OnnxConstant weights = values.constant(node, 1);
  const Dims weight = checked_weights(weights.dims);  // in, out of a group, rows, columns
  const OnnxValue input = values.map(node, 0);
  if (input.dims.size() != weight.size()) {
    throw InputError(
        fmt::format("has weights of {} for a map of {}", text_of(weight), text_of(input.dims)));
  }
  Layer layer;
  layer.op = Op::kConvTranspose2d;
  layer.groups = integer_attribute(node, "group", 1);
  if (layer.groups < 1 || layer.groups > kMaxDimension || weight[0] != input.dims[1] ||
      weight[0] % layer.groups != 0 || weight[1] > kMaxDimension / layer.groups) {
    throw InputError(fmt::format("has {} groups and weights of {} for {} channels", layer.groups,
                                 text_of(weight), input.dims[1]));
  }
  layer.ofm.channels = weight[1] * layer.groups;
  layer.bias = OnnxValues::has_input(node, 2);
  if (layer.bias) check_bias(values, node, 2, layer.ofm.channels);
  const SpatialMap x = spatial_map(values, node, input, layer.groups > 1);
  const Shape& map = values.shape_of(x.value);
  set_kernel(layer, weight, x.window);
  read_window_sizes(node, layer, x.window);
  check_kernel(layer, weight, x.window);

  Padding cut = window_pads(node, x.window);
  const auto added = window_sizes(node, "output_padding", x.window, 0, 0, kMaxStride);
  const std::int64_t rows = (map.height - 1) * layer.stride.height +
                            layer.dilation.height * (layer.kernel_height - 1) + 1;
  const std::int64_t columns =
      (map.width - 1) * layer.stride.width + layer.dilation.width * (layer.kernel_width - 1) + 1;
  for (std::size_t i = 0; i < 2; ++i) {
    const Steps& s = layer.stride;
    const Steps& d = layer.dilation;
    const std::int64_t step = i == 0 ? std::max(s.height, d.height) : std::max(s.width, d.width);
    if (added[i] > 0 && added[i] >= step) {
      throw InputError(fmt::format(
          "output_padding must be less than stride or dilation, {}, not {}", step, added[i]));
    }
  }
  const std::string_view mode = auto_pad_of(node);
  if (node.find("output_shape") != nullptr) {
    // Older exporters write all four dims.
    auto sizes = integers_attribute(node, "output_shape").value();
    const std::size_t count = x.window == OnnxWindow::kPlane ? 2 : 1;
    if (sizes.size() == count + 2) sizes.erase(sizes.begin(), sizes.begin() + 2);
    if (sizes.size() != count) throw InputError("has an output_shape of other dimensions");
    for (const std::int64_t size : sizes) {
      if (size < 1 || size > kMaxDimension) throw InputError("has an output_shape out of range");
    }
    if (x.window != OnnxWindow::kColumns) set_cut(node, rows, sizes[0], cut.top, cut.bottom);
    if (x.window != OnnxWindow::kRows) set_cut(node, columns, sizes.back(), cut.left, cut.right);
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    set_cut(node, rows, map.height * layer.stride.height, cut.top, cut.bottom);
    set_cut(node, columns, map.width * layer.stride.width, cut.left, cut.right);
  } else if (mode == "VALID") {
    cut = {0, 0, -added[0], -added[1]};
  } else {
    cut.bottom -= added[0];
    cut.right -= added[1];
  }
  define_spatial(values, node, std::move(layer), x, PaddingRule::explicit_zeros(cut), false);
  values.set_weights(weights);
  values.set_bias(node, 2);
}

void read_pool(OnnxValues& values, const OnnxNode& node, Op op) {
  if (node.find("kernel_shape") == nullptr) throw InputError("has no kernel_shape");
  const OnnxValue input = values.padded_map(node, 0);
  SpatialMap x = {input};
  if (input.pad == nullptr) {
    x = spatial_map(values, node, values.map(node, 0), false);
  } else if (input.dims.size() == 3) {
    x.window = OnnxWindow::kColumns;
  }
  Layer layer;
  layer.op = op;
  PaddingRule padding = read_window(node, layer, values.shape_of(x.value), input.zeros, x.window);
  x = with_wide_pads(values, node, std::move(x), layer, padding);
  define_spatial(values, node, std::move(layer), x, padding, true);
}

/// The second output has the positions of the maxima, as many as these.
void read_max_pool(OnnxValues& values, const OnnxNode& node) {
  read_pool(values, node, Op::kMaxPool);
  if (node.outputs.size() < 2 || values.num_uses(node.outputs[1]) == 0) return;
  OnnxValue& maxima = values.result(node);
  maxima.is_exclusive = false;
  values.define_for_host(node.outputs[1], maxima);
}

void read_average_pool(OnnxValues& values, const OnnxNode& node) {
  read_pool(values, node, Op::kAvgPool);
}

/// Over all dims but the first two.
void read_global_pool(OnnxValues& values, const OnnxNode& node, Op op) {
  const OnnxValue x = values.map(node, 0);
  if (x.dims.size() < 3) throw InputError(fmt::format("reads a map of {}", text_of(x.dims)));
  if (x.dims[0] != 1) throw InputError("pools several images");
  const OnnxValue map = values.with_channels(node, x, x.view[1], /*any_order=*/true);
  const Shape& shape = values.shape_of(map);
  Layer layer;
  layer.op = op;
  if (op == Op::kMaxPool) {
    layer.kernel_height = shape.height;
    layer.kernel_width = shape.width;
  }
  OnnxView view(x.dims.size());
  view[1] = spatial_view(shape, {shape.channels, 1, 1}, &map.view[1], OnnxWindow::kPlane)[1];
  values.define_layer(node, std::move(layer), {map}, PaddingRule::valid(), view);
}

void read_global_average_pool(OnnxValues& values, const OnnxNode& node) {
  read_global_pool(values, node, Op::kGlobalAvgPool);
}

void read_global_max_pool(OnnxValues& values, const OnnxNode& node) {
  read_global_pool(values, node, Op::kMaxPool);
}

std::int64_t taps_of(const OnnxNode& node) {
  const std::string_view mode =
      choice_attribute(node, "mode", {"nearest", "linear", "bilinear", "cubic"});
  if (mode == "nearest") return 1;
  return mode == "cubic" ? 4 : 2;
}

std::vector<double> reals_of_node(OnnxValues& values, const OnnxNode& node, const char* attribute,
                                  std::size_t input) {
  if (OnnxValues::has_input(node, input)) {
    const OnnxConstant& given = values.constant(node, input);
    if (given.num_elements() > 0 && !given.has_values) {
      throw InputError(fmt::format("has {} whose values are not known", attribute));
    }
    return given.values;
  }
  std::vector<double> reals;
  if (const OnnxAttribute* given = node.find(attribute); given != nullptr) {
    reals.assign(given->reals.begin(), given->reals.end());
  }
  return reals;
}

/// The dims of the output: `sizes`, or `scales` of the input, for all axes or those of `axes`.
Dims resized_dims(OnnxValues& values, const OnnxNode& node, const Dims& from) {
  const bool is_first = node.op == "Upsample" || values.opset() < 11;  // scales are input 1
  const std::vector<double> scales = reals_of_node(values, node, "scales", is_first ? 1 : 2);
  std::vector<std::int64_t> sizes;
  if (!is_first && OnnxValues::has_input(node, 3)) {
    sizes = integers_in(values.constant(node, 3), kMaxTensorRank);
  }
  std::vector<std::size_t> axes;
  if (const auto given = integers_attribute(node, "axes"); given) {
    for (const std::int64_t axis : *given) axes.push_back(axis_of(axis, from.size()));
    std::vector<std::size_t> sorted = axes;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      throw InputError("names an axis twice");
    }
  } else {
    for (std::size_t i = 0; i < from.size(); ++i) axes.push_back(i);
  }
  const std::size_t count = sizes.empty() ? scales.size() : sizes.size();
  if (count != axes.size()) {
    throw InputError(fmt::format("has {} sizes or scales for {} axes", count, axes.size()));
  }
  Dims dims = from;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& dim = dims[axes[i]];
    if (sizes.empty()) {
      // As programs that run the model multiply: in single precision.
      const float scaled = std::floor(static_cast<float>(dim) * static_cast<float>(scales[i]));
      if (!(scaled >= 1.0F && scaled <= static_cast<float>(kMaxDimension))) {
        throw InputError(fmt::format("scales {} by {}", dim, scales[i]));
      }
      dim = static_cast<std::int64_t>(scaled);
    } else if (sizes[i] < 1 || sizes[i] > kMaxDimension) {
      throw InputError(fmt::format("makes {} of {}", sizes[i], dim));
    } else if (axes[i] > 0) {  // a model for a fixed batch has its number of images
      dim = sizes[i];
    }
  }
  return dims;
}

void read_resize(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue input = values.map(node, 0);
  const std::int64_t taps = taps_of(node);
  choice_attribute(node, "coordinate_transformation_mode",
                   {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"});
  choice_attribute(node, "nearest_mode",
                   {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  choice_attribute(node, "keep_aspect_ratio_policy", {"stretch"});  // others give other sizes
  const Dims to = resized_dims(values, node, input.dims);
  const bool is_same = to == input.dims && !has_hint(node, Op::kResize);
  if (is_same) return values.define_same(node, input);
  if (input.dims.size() < 3 || to[0] != input.dims[0] || to[1] != input.dims[1]) {
    throw InputError(fmt::format("makes {} of {}; rows and columns are resized only", text_of(to),
                                 text_of(input.dims)));
  }
  const SpatialMap x = spatial_map(values, node, input, false);
  Layer layer;
  layer.op = Op::kResize;
  layer.kernel_height = layer.kernel_width = taps;
  layer.ofm.height = x.window == OnnxWindow::kColumns ? 1 : to[2];
  layer.ofm.width = x.window == OnnxWindow::kRows ? 1 : to.back();
  define_spatial(values, node, std::move(layer), x, PaddingRule::valid(), true);
}

void read_block_move(OnnxValues& values, const OnnxNode& node, Op op) {
  Layer layer;
  layer.op = op;
  layer.extent = size_attribute(node, "blocksize");
  if (op == Op::kDepthToSpace) choice_attribute(node, "mode", {"DCR", "CRD"});
  const OnnxValue x = values.map(node, 0);
  if (x.dims.size() != 4) throw InputError(fmt::format("reads a map of {}", text_of(x.dims)));
  values.define_layer(node, std::move(layer), {values.image(node, x)});
}

void read_depth_to_space(OnnxValues& values, const OnnxNode& node) {
  read_block_move(values, node, Op::kDepthToSpace);
}

void read_space_to_depth(OnnxValues& values, const OnnxNode& node) {
  read_block_move(values, node, Op::kSpaceToDepth);
}

void read_lrn(OnnxValues& values, const OnnxNode& node) {
  const OnnxValue x = values.map(node, 0);
  if (x.dims.size() < 2) throw InputError(fmt::format("reads a map of {}", text_of(x.dims)));
  const OnnxValue map = values.with_channels(node, x, x.view[1], /*any_order=*/false);
  Layer layer;
  layer.op = Op::kLrn;
  layer.extent = size_attribute(node, "size");
  values.define_layer(node, std::move(layer), {map}, PaddingRule::valid(), map.view);
}

/// Pads of all axes: begins, then ends.
std::vector<std::int64_t> pads_of(OnnxValues& values, const OnnxNode& node, std::size_t rank) {
  auto pads = integers_of_node(values, node, "pads", 1);
  if (!pads) throw InputError("has no pads");
  if (OnnxValues::has_input(node, 3)) {
    const auto axes = integers_in(values.constant(node, 3), kMaxTensorRank);
    if (pads->size() != 2 * axes.size()) throw InputError("must have two pads an axis");
    std::vector<std::int64_t> all(2 * rank, 0);
    std::vector<bool> is_named(rank, false);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::size_t axis = axis_of(axes[i], rank);
      if (is_named[axis]) throw InputError(fmt::format("names axis {} twice", axes[i]));
      is_named[axis] = true;
      all[axis] = (*pads)[i];
      all[rank + axis] = (*pads)[axes.size() + i];
    }
    return all;
  }
  if (pads->size() != 2 * rank) {
    throw InputError(fmt::format("must have {} pads, two an axis", 2 * rank));
  }
  return *pads;
}

/// Zeros around rows and columns, which the next window takes in; others are a layer.
void read_pad(OnnxValues& values, const OnnxNode& node) {
  const std::string_view mode =
      choice_attribute(node, "mode", {"constant", "reflect", "edge", "wrap"});
  if (values.is_constant(node, 0)) throw InputError("pads a constant");
  bool is_zero = mode == "constant" && real_attribute(node, "value", 0.0) == 0.0;
  if (is_zero && OnnxValues::has_input(node, 2)) {
    const OnnxConstant& given = values.constant(node, 2);
    is_zero = given.num_elements() == 0 || (given.has_values && given.values[0] == 0.0);
  }
  OnnxValue x = values.map(node, 0);
  const std::size_t rank = x.dims.size();
  std::vector<std::int64_t> pads = pads_of(values, node, rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {  // negative pads cut off
    OnnxPiece piece = {std::max<std::int64_t>(-pads[axis], 0),
                       x.dims[axis] - std::max<std::int64_t>(-pads[rank + axis], 0), 1};
    for (std::int64_t* pad : {&pads[axis], &pads[rank + axis]}) {
      if (*pad > kMaxDimension || *pad < -kMaxDimension) {
        throw InputError(fmt::format("pads must be from 0 to {}, not {}", kMaxDimension, *pad));
      }
      *pad = std::max<std::int64_t>(*pad, 0);
    }
    x = piece_of(values, node, x, axis, piece);
    if (mode == "reflect" && std::max(pads[axis], pads[rank + axis]) >= x.dims[axis]) {
      throw InputError(fmt::format("mirrors {} of the {} elements of axis {}",
                                   std::max(pads[axis], pads[rank + axis]), x.dims[axis], axis));
    }
  }
  const auto pads_of_axis = [&](std::size_t axis) { return pads[axis] + pads[rank + axis]; };
  std::int64_t all = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) all += pads_of_axis(axis);
  if (all == 0 && !has_hint(node, Op::kPad)) {
    if (x.layer == values.any(node, 0).layer) return values.define_same(node, x);
    return values.define(node.outputs.at(0), std::move(x));
  }
  // Three dims as a map of 1 x rows x columns; tokens get theirs as rows.
  const bool is_tokens = rank == 3 && values.has_channels(x, x.view[2], false);
  const std::size_t channels = is_tokens ? 2 : 1;
  if (rank < 2 || rank > 4 || x.dims[0] != 1 || pads_of_axis(0) != 0) {
    throw InputError(fmt::format("pads a map of {}; 1 x channels x rows x columns is understood",
                                 text_of(x.dims)));
  }
  OnnxView view = x.view;
  if (is_tokens) std::swap(view[1], view[2]);
  view.resize(4);
  if (rank == 3 && !is_tokens) std::swap(view[2], view[3]);
  OnnxValue map = values.arranged(node, x, view[1], view[2], view[3]);
  Padding zeros;
  if (rank == 4) zeros = {pads[2], pads[3], pads[6], pads[7]};
  if (is_tokens) zeros = {pads[1], 0, pads[4], 0};
  if (rank == 3 && !is_tokens) zeros = {0, pads[2], 0, pads[5]};
  const bool can_wait =
      is_zero && pads_of_axis(channels) == 0 && !is_tokens && !has_hint(node, Op::kPad);
  if (can_wait) {
    map.zeros = zeros;
    map.pad = &node;
    return values.define(node.outputs.at(0), std::move(map));
  }
  Layer layer;
  layer.op = Op::kPad;
  layer.ofm.channels = values.shape_of(map).channels + pads_of_axis(channels);
  OnnxValue result =
      values.make_layer(node, std::move(layer), {map}, PaddingRule::explicit_zeros(zeros));
  OnnxView to = view_of(values.shape_of(result));
  if (rank == 2) to.resize(2);
  if (is_tokens) to = permuted(to, {0, 2, 1});
  if (rank == 3 && !is_tokens) to.erase(to.begin() + 2);
  result.set_view(std::move(to));
  values.define(node.outputs.at(0), std::move(result));
}

constexpr auto kWindowOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Conv", read_conv},
    {"QLinearConv", read_qlinear_conv},
    {"ConvInteger", read_conv_integer},
    {"ConvTranspose", read_conv_transpose},
    {"MaxPool", read_max_pool},
    {"AveragePool", read_average_pool},
    {"LpPool", read_average_pool},
    {"GlobalAveragePool", read_global_average_pool},
    {"GlobalLpPool", read_global_average_pool},
    {"GlobalMaxPool", read_global_max_pool},
    {"Resize", read_resize},
    {"Upsample", read_resize},
    {"DepthToSpace", read_depth_to_space},
    {"SpaceToDepth", read_space_to_depth},
    {"LRN", read_lrn},
    {"Pad", read_pad},
});

}  // namespace

bool has_hint(const OnnxNode& node, Op op) { return hint_in(node.doc, kOpHint) == to_string(op); }

OnnxOperator find_window_operator(std::string_view op) {
  for (const auto& [name, read] : kWindowOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
