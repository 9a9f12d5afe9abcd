// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/shape_inference.hpp"

#include <fmt/format.h>

#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

std::string text_of(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

void check(bool ok, const std::string& key, const std::string& what) {
  if (!ok) throw LayerError(key, what);
}

void check_range(std::int64_t value, std::int64_t max, const std::string& key) {
  check(value >= 1 && value <= max, key, fmt::format("must be from 1 to {}, not {}", max, value));
}

/// One axis of a window: start, end, and number of positions.
struct Axis {
  std::int64_t begin = 0;  // zeros before the map
  std::int64_t end = 0;  // zeros after it that a window reads; negative: rows that no window reads
  std::int64_t num_outputs = 0;
};

Axis infer_axis(const char* side, const PaddingRule& padding, std::int64_t explicit_begin,
                std::int64_t explicit_end, std::int64_t in, std::int64_t kernel,
                std::int64_t dilation, std::int64_t stride) {
  const std::int64_t extent = dilation * (kernel - 1) + 1;
  Axis axis;
  if (padding.kind == PaddingRule::Kind::kSame) {
    axis.begin = (extent - 1) / 2;
    axis.end = extent - 1 - axis.begin;
  } else if (padding.kind == PaddingRule::Kind::kExplicit) {
    axis.begin = explicit_begin;
    axis.end = explicit_end;
    for (const std::int64_t zeros : {axis.begin, axis.end}) {
      // A window of zeros only would be an output that does not depend on the input.
      check(zeros >= 0 && zeros < extent, "padding",
            fmt::format("must be from 0 to {} for a window of {} {}, not {}", extent - 1, extent,
                        side, zeros));
    }
  }
  const std::int64_t span = in + axis.begin + axis.end - extent;
  check(span >= 0, "kernel",
        fmt::format("a window of {} {} does not fit into an input of {} with {} of padding", extent,
                    side, in, axis.begin + axis.end));
  axis.num_outputs = span / stride + 1;
  axis.end -= span % stride;
  return axis;
}

void infer_window(Layer& layer, const PaddingRule& padding) {
  check_range(layer.kernel_height, kMaxKernel, "kernel");
  check_range(layer.kernel_width, kMaxKernel, "kernel");
  check_range(layer.stride, kMaxStride, "stride");
  check_range(layer.dilation, kMaxDilation, "dilation");
  const Axis rows = infer_axis("rows", padding, padding.zeros.top, padding.zeros.bottom,
                               layer.ifm.height, layer.kernel_height, layer.dilation, layer.stride);
  const Axis columns =
      infer_axis("columns", padding, padding.zeros.left, padding.zeros.right, layer.ifm.width,
                 layer.kernel_width, layer.dilation, layer.stride);
  layer.padding = {rows.begin, columns.begin, rows.end, columns.end};
  layer.ofm.height = rows.num_outputs;
  layer.ofm.width = columns.num_outputs;
}

void infer_conv2d(Layer& layer, const PaddingRule& padding) {
  check_range(layer.ofm.channels, kMaxDimension, "out_channels");
  check_range(layer.groups, kMaxDimension, "groups");
  check(layer.ifm.channels % layer.groups == 0, "groups",
        fmt::format("must divide the {} input channels, not {}", layer.ifm.channels, layer.groups));
  check(
      layer.ofm.channels % layer.groups == 0, "groups",
      fmt::format("must divide the {} output channels, not {}", layer.ofm.channels, layer.groups));
  infer_window(layer, padding);
}

void infer_elementwise(Layer& layer, const std::vector<Shape>& inputs) {
  check(inputs.size() == 2, "inputs",
        fmt::format("{} takes two inputs, not {}", to_string(layer.op), inputs.size()));
  const Shape& a = inputs[0];
  const Shape& b = inputs[1];
  const auto is_vector = [](const Shape& s) { return s.height == 1 && s.width == 1; };
  const bool broadcasts = a.channels == b.channels && (is_vector(a) || is_vector(b));
  check(a == b || broadcasts, "inputs",
        fmt::format("shapes {} and {} differ (one may be C x 1 x 1)", text_of(a), text_of(b)));
  layer.ifm = a.num_elements() >= b.num_elements() ? a : b;
  layer.ofm = layer.ifm;
}

void infer_concat(Layer& layer, const std::vector<Shape>& inputs) {
  check(inputs.size() >= 2, "inputs", "concat takes at least two inputs");
  layer.ofm = inputs[0];
  layer.ofm.channels = 0;
  for (const Shape& input : inputs) {
    check(input.height == layer.ofm.height && input.width == layer.ofm.width, "inputs",
          fmt::format("shapes {} and {} differ in height or width", text_of(inputs[0]),
                      text_of(input)));
    layer.ofm.channels += input.channels;  // bounded: at most kMaxLayers of kMaxDimension
  }
}

void infer_channel_split(Layer& layer) {
  const std::int64_t available = layer.ifm.channels;
  check(layer.first_channel >= 0 && layer.first_channel < available, "first_channel",
        fmt::format("must be from 0 to {}, not {}", available - 1, layer.first_channel));
  check_range(layer.ofm.channels, available - layer.first_channel, "out_channels");
  layer.ofm = {layer.ofm.channels, layer.ifm.height, layer.ifm.width};
}

void infer_channel_shuffle(Layer& layer) {
  check(layer.groups >= 2 && layer.ifm.channels % layer.groups == 0, "groups",
        fmt::format("must be 2 or more and divide the {} channels, not {}", layer.ifm.channels,
                    layer.groups));
  layer.ofm = layer.ifm;
}

void check_sizes(const Layer& layer) {
  const Shape& ofm = layer.ofm;
  for (const std::int64_t size : {ofm.channels, ofm.height, ofm.width}) {
    check(size >= 1 && size <= kMaxDimension, "",
          fmt::format("output of {} exceeds {} in one dimension", text_of(ofm), kMaxDimension));
  }
  check(ofm.num_elements() <= kMaxFeatureMap, "",
        fmt::format("output of {} has more than {} elements", text_of(ofm), kMaxFeatureMap));
  // No factor exceeds 2^32 and no product 2^62 (kernels: 2^10 each, channels: 2^20, maps: 2^32).
  check(layer.weight_bytes() <= kMaxWeights, "",
        fmt::format("has {} weights, more than {}", layer.weight_bytes(), kMaxWeights));
  check(layer.weight_bytes() <= kMaxMacs / (ofm.height * ofm.width), "",
        fmt::format("needs more than {} MACs", kMaxMacs));
}

}  // namespace

void infer_shapes(Layer& layer, const PaddingRule& padding, const std::vector<Shape>& inputs) {
  check(!inputs.empty(), "inputs", "must not be empty");
  check(inputs.size() == 1 || layer.is_elementwise() || layer.op == Op::kConcat, "inputs",
        fmt::format("{} takes one input, not {}", to_string(layer.op), inputs.size()));
  check(!layer.moves_channels() || layer.activation == Activation::kNone, "activation",
        fmt::format("{} has no activation", to_string(layer.op)));
  layer.ifm = inputs[0];
  switch (layer.op) {
    case Op::kConv2d:
      infer_conv2d(layer, padding);
      break;
    case Op::kDepthwiseConv2d:
    case Op::kMaxPool:
    case Op::kAvgPool:
      layer.ofm.channels = layer.ifm.channels;
      infer_window(layer, padding);
      break;
    case Op::kFullyConnected:
      check_range(layer.ofm.channels, kMaxDimension, "out_channels");
      layer.ofm = {layer.ofm.channels, 1, 1};
      break;
    case Op::kGlobalAvgPool:
      layer.ofm = {layer.ifm.channels, 1, 1};
      break;
    case Op::kAdd:
    case Op::kMul:
      infer_elementwise(layer, inputs);
      break;
    case Op::kConcat:
      infer_concat(layer, inputs);
      break;
    case Op::kChannelSplit:
      infer_channel_split(layer);
      break;
    case Op::kChannelShuffle:
      infer_channel_shuffle(layer);
      break;
  }
  check_sizes(layer);
}

}  // namespace tilewake
