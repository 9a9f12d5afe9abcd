// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/shape_inference.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

std::string shape_text(const Shape& shape) {
  return fmt::format("{}x{}x{}", shape.channels, shape.height, shape.width);
}

/// `what` is a text, or a function that returns it: it is called for an error only.
template <typename What>
void check(bool ok, std::string_view key, const What& what) {
  if (ok) return;
  if constexpr (std::is_invocable_v<What>)
    throw LayerError(std::string(key), what());
  else
    throw LayerError(std::string(key), what);
}

void check_range(std::int64_t value, std::int64_t max, std::string_view key) {
  check(value >= 1 && value <= max, key,
        [&] { return fmt::format("must be from 1 to {}, not {}", max, value); });
}

/// One axis of a window: start, end, and number of positions.
struct WindowAxis {
  std::int64_t begin = 0;  // zeros before the map
  std::int64_t end = 0;  // zeros after it that a window reads; negative: rows that no window reads
  std::int64_t num_outputs = 0;
};

WindowAxis infer_axis(const char* side, const PaddingRule& padding, std::int64_t explicit_begin,
                      std::int64_t explicit_end, std::int64_t in, std::int64_t kernel,
                      std::int64_t dilation, std::int64_t stride) {
  const std::int64_t extent = dilation * (kernel - 1) + 1;
  WindowAxis axis;
  if (padding.kind == PaddingRule::Kind::kSame) {
    axis.begin = (extent - 1) / 2;
    axis.end = extent - 1 - axis.begin;
  } else if (padding.kind == PaddingRule::Kind::kExplicit) {
    axis.begin = explicit_begin;
    axis.end = explicit_end;
    for (const std::int64_t zeros : {axis.begin, axis.end}) {
      // A window of zeros only would be an output that does not depend on the input.
      check(zeros >= 0 && zeros < extent, "padding", [&] {
        return fmt::format("must be from 0 to {} for a window of {} {}, not {}", extent - 1, extent,
                           side, zeros);
      });
    }
  }
  const std::int64_t span = in + axis.begin + axis.end - extent;
  check(span >= 0, "kernel", [&] {
    return fmt::format("a window of {} {} does not fit into an input of {} with {} of padding",
                       extent, side, in, axis.begin + axis.end);
  });
  axis.num_outputs = span / stride + 1;
  axis.end -= span % stride;
  return axis;
}

/// One axis of a transposed convolution: what is cut off its output, and the size that is left.
WindowAxis infer_transposed_axis(const char* side, const PaddingRule& padding,
                                 std::int64_t explicit_begin, std::int64_t explicit_end,
                                 std::int64_t in, std::int64_t kernel, std::int64_t dilation,
                                 std::int64_t stride) {
  const std::int64_t extent = dilation * (kernel - 1) + 1;
  WindowAxis axis;
  if (padding.kind == PaddingRule::Kind::kSame) {
    axis.begin = std::max<std::int64_t>(extent - stride, 0) / 2;
    axis.end = extent - stride - axis.begin;
  } else if (padding.kind == PaddingRule::Kind::kExplicit) {
    axis.begin = explicit_begin;
    axis.end = explicit_end;
    const std::int64_t most_added = std::max(stride, dilation) - 1;
    check(axis.begin >= 0 && axis.begin < extent, "padding", [&] {
      return fmt::format("must be from 0 to {} for a window of {} {}, not {}", extent - 1, extent,
                         side, axis.begin);
    });
    check(axis.end >= -most_added && axis.end < extent, "padding", [&] {
      return fmt::format("must be from {} to {} at the far end of a window of {} {}, not {}",
                         -most_added, extent - 1, extent, side, axis.end);
    });
  }
  axis.num_outputs = (in - 1) * stride + extent - axis.begin - axis.end;
  check(axis.num_outputs >= 1, "padding",
        [&] { return fmt::format("leaves no {} of the output", side); });
  return axis;
}

void infer_window(Layer& layer, const PaddingRule& padding) {
  check_range(layer.kernel_height, kMaxKernel, "kernel");
  check_range(layer.kernel_width, kMaxKernel, "kernel");
  for (const std::int64_t stride : {layer.stride.height, layer.stride.width})
    check_range(stride, kMaxStride, "stride");
  for (const std::int64_t dilation : {layer.dilation.height, layer.dilation.width})
    check_range(dilation, kMaxDilation, "dilation");
  // A window of one tap has none to set apart.
  if (layer.kernel_height == 1) layer.dilation.height = 1;
  if (layer.kernel_width == 1) layer.dilation.width = 1;
  const auto infer = layer.op == Op::kConvTranspose2d ? infer_transposed_axis : infer_axis;
  const WindowAxis rows =
      infer("rows", padding, padding.zeros.top, padding.zeros.bottom, layer.ifm.height,
            layer.kernel_height, layer.dilation.height, layer.stride.height);
  const WindowAxis columns =
      infer("columns", padding, padding.zeros.left, padding.zeros.right, layer.ifm.width,
            layer.kernel_width, layer.dilation.width, layer.stride.width);
  layer.padding = {rows.begin, columns.begin, rows.end, columns.end};
  layer.ofm.height = rows.num_outputs;
  layer.ofm.width = columns.num_outputs;
}

void check_groups(const Layer& layer) {
  check_range(layer.groups, kMaxDimension, "groups");
  check(layer.ifm.channels % layer.groups == 0, "groups", [&] {
    return fmt::format("must divide the {} input channels, not {}", layer.ifm.channels,
                       layer.groups);
  });
}

void infer_conv2d(Layer& layer, const PaddingRule& padding) {
  check_range(layer.ofm.channels, kMaxDimension, "out_channels");
  check_groups(layer);
  check(layer.ofm.channels % layer.groups == 0, "groups", [&] {
    return fmt::format("must divide the {} output channels, not {}", layer.ofm.channels,
                       layer.groups);
  });
  infer_window(layer, padding);
}

void check_two_inputs(const Layer& layer, const std::vector<Shape>& inputs) {
  check(inputs.size() == 2, "inputs", [&] {
    return fmt::format("{} takes two inputs, not {}", to_string(layer.op), inputs.size());
  });
}

/// Whether `small` meets `large` by being repeated: along rows, along columns, or as a whole along
/// channels.
bool broadcasts_to(const Shape& small, const Shape& large) {
  return large.channels % small.channels == 0 &&
         (small.height == large.height || small.height == 1) &&
         (small.width == large.width || small.width == 1);
}

void infer_elementwise(Layer& layer, const std::vector<Shape>& inputs) {
  check_two_inputs(layer, inputs);
  const bool is_first = inputs[0].num_elements() >= inputs[1].num_elements();
  const Shape& large = inputs[is_first ? 0 : 1];
  const Shape& small = inputs[is_first ? 1 : 0];
  check(broadcasts_to(small, large), "inputs", [&] {
    return fmt::format("shapes {} and {} differ (sizes of one may be 1)", shape_text(inputs[0]),
                       shape_text(inputs[1]));
  });
  layer.ifm = large;
  layer.ofm = large;
}

void infer_matmul(Layer& layer, const std::vector<Shape>& inputs) {
  check_two_inputs(layer, inputs);
  check_groups(layer);
  const Shape& b = inputs[1];
  const std::int64_t pixels = b.height * b.width;
  // Of one product and one output, a group is the same either way.
  if (pixels == 1 && layer.depth() == 1 && b.channels == layer.ifm.channels)
    layer.transposed = false;
  std::int64_t outputs = 0;  // of a group
  if (layer.transposed) {
    check(b.channels == layer.ifm.channels, "inputs", [&] {
      return fmt::format("the second operand has {} channels, the first {}", b.channels,
                         layer.ifm.channels);
    });
    outputs = pixels;
  } else {
    check(pixels == layer.depth() && b.channels % layer.groups == 0, "inputs", [&] {
      return fmt::format(
          "the second operand must have {} pixels and channels that {} groups divide, "
          "and is {}",
          layer.depth(), layer.groups, shape_text(b));
    });
    outputs = b.channels / layer.groups;
  }
  check(outputs <= kMaxDimension / layer.groups, "inputs", [&] {
    return fmt::format("{} groups of {} outputs are more than {} channels", layer.groups, outputs,
                       kMaxDimension);
  });
  layer.ofm = {layer.groups * outputs, layer.ifm.height, layer.ifm.width};
}

void infer_concat(Layer& layer, const std::vector<Shape>& inputs) {
  check(inputs.size() >= 2, "inputs", "concat takes at least two inputs");
  const auto joined = [&](Shape& shape) -> std::int64_t& {
    if (layer.axis == Axis::kChannels) return shape.channels;
    return layer.axis == Axis::kRows ? shape.height : shape.width;
  };
  layer.ofm = inputs[0];
  joined(layer.ofm) = 0;
  std::int64_t sum = 0;  // bounded: at most kMaxLayers of kMaxDimension
  for (const Shape& input : inputs) {
    Shape others = input;
    sum += joined(others);
    joined(others) = 0;
    check(others == layer.ofm, "inputs", [&] {
      return fmt::format("shapes {} and {} differ in more than {}", shape_text(inputs[0]),
                         shape_text(input), to_string(layer.axis));
    });
  }
  joined(layer.ofm) = sum;
}

void infer_channel_split(Layer& layer) {
  const std::int64_t available = layer.ifm.channels;
  check(layer.first_channel >= 0 && layer.first_channel < available, "first_channel", [&] {
    return fmt::format("must be from 0 to {}, not {}", available - 1, layer.first_channel);
  });
  check_range(layer.ofm.channels, available - layer.first_channel, "out_channels");
  layer.ofm = {layer.ofm.channels, layer.ifm.height, layer.ifm.width};
}

void infer_channel_shuffle(Layer& layer) {
  check(layer.groups >= 2 && layer.ifm.channels % layer.groups == 0, "groups", [&] {
    return fmt::format("must be 2 or more and divide the {} channels, not {}", layer.ifm.channels,
                       layer.groups);
  });
  layer.ofm = layer.ifm;
}

void infer_resize(Layer& layer) {
  for (const std::int64_t taps : {layer.kernel_height, layer.kernel_width}) {
    check(taps == 1 || taps == 2 || taps == 4, "mode", [&] {
      return fmt::format("an output depends on 1, 2 or 4 pixels in a direction, not {}", taps);
    });
  }
  layer.ofm.channels = layer.ifm.channels;
}

/// `ofm` as given: every size is that of the input, or the channels are a divisor, or it is 1.
void check_reduction(const Layer& layer) {
  const Shape& from = layer.ifm;
  const Shape& to = layer.ofm;
  check(to.channels >= 1 && from.channels % to.channels == 0, "out_channels", [&] {
    return fmt::format("must divide the {} input channels, not {}", from.channels, to.channels);
  });
  check((to.height == from.height || to.height == 1) && (to.width == from.width || to.width == 1),
        "out_size",
        [&] { return fmt::format("sizes must be 1 or those of the input {}", shape_text(from)); });
}

void check_slice_axis(const char* key, std::int64_t first, std::int64_t count, std::int64_t step,
                      std::int64_t available) {
  check(
      first >= 0 && count >= 1 && first < available && (available - 1 - first) / step + 1 >= count,
      key, [&] {
        return fmt::format("{} from {} in steps of {} are not among the {} of the input", count,
                           first, step, available);
      });
}

/// `ofm`, `stride`, `first_channel` and the near end of `padding` as given.
void infer_slice(Layer& layer) {
  check_slice_axis("out_channels", layer.first_channel, layer.ofm.channels, 1, layer.ifm.channels);
  for (const std::int64_t stride : {layer.stride.height, layer.stride.width})
    check_range(stride, kMaxDimension, "stride");
  Padding& p = layer.padding;
  check_slice_axis("out_size", -p.top, layer.ofm.height, layer.stride.height, layer.ifm.height);
  check_slice_axis("out_size", -p.left, layer.ofm.width, layer.stride.width, layer.ifm.width);
  p.bottom = (layer.ofm.height - 1) * layer.stride.height + 1 - p.top - layer.ifm.height;
  p.right = (layer.ofm.width - 1) * layer.stride.width + 1 - p.left - layer.ifm.width;
}

/// `ofm.channels` as given, or 0 for those of the input.
void infer_pad(Layer& layer, const PaddingRule& padding) {
  const Padding& p = padding.zeros;
  check(padding.kind == PaddingRule::Kind::kExplicit, "padding", "must be given");
  for (const std::int64_t side : {p.top, p.left, p.bottom, p.right})
    check(side >= 0 && side <= kMaxDimension, "padding",
          [&] { return fmt::format("must be from 0 to {}, not {}", kMaxDimension, side); });
  if (layer.ofm.channels == 0) layer.ofm.channels = layer.ifm.channels;
  check(layer.ofm.channels >= layer.ifm.channels, "out_channels",
        [&] { return fmt::format("must be at least the {} of the input", layer.ifm.channels); });
  layer.padding = p;
  layer.ofm.height = layer.ifm.height + p.top + p.bottom;
  layer.ofm.width = layer.ifm.width + p.left + p.right;
}

/// `ofm`, `view` and `order` as given.
void check_transpose(const Layer& layer) {
  constexpr std::size_t kMaxFactors = 16;
  check(!layer.view.empty() && layer.view.size() <= kMaxFactors, "view",
        [&] { return fmt::format("must have 1 to {} sizes", kMaxFactors); });
  std::int64_t product = 1;
  for (const std::int64_t size : layer.view) {
    check(size >= 1 && size <= kMaxFeatureMap / product, "view", [&] {
      return fmt::format("must be the {} elements of the input", layer.ifm.num_elements());
    });
    product *= size;
  }
  check(product == layer.ifm.num_elements(), "view", [&] {
    return fmt::format("holds {} elements, the input {}", product, layer.ifm.num_elements());
  });
  std::vector<int> sorted = layer.order;
  std::sort(sorted.begin(), sorted.end());
  bool is_order = sorted.size() == layer.view.size();
  for (std::size_t i = 0; is_order && i < sorted.size(); ++i)
    is_order = sorted[i] == static_cast<int>(i);
  check(is_order, "order", [&] {
    return fmt::format("must hold each number from 0 to {} once", layer.view.size() - 1);
  });
  for (const std::int64_t size : {layer.ofm.channels, layer.ofm.height, layer.ofm.width})
    check_range(size, kMaxDimension, "out_size");
  check(layer.ofm.num_elements() == product, "out_size", [&] {
    return fmt::format("an output of {} is not as large as the input", shape_text(layer.ofm));
  });
}

void infer_block_move(Layer& layer) {
  check_range(layer.extent, kMaxKernel, "extent");
  const std::int64_t side = layer.extent;
  const Shape& in = layer.ifm;
  if (layer.op == Op::kDepthToSpace) {
    check(in.channels % (side * side) == 0, "extent", [&] {
      return fmt::format("blocks of {} x {} do not divide {} channels", side, side, in.channels);
    });
    layer.ofm = {in.channels / (side * side), in.height * side, in.width * side};
  } else {
    check(in.height % side == 0 && in.width % side == 0, "extent", [&] {
      return fmt::format("blocks of {} x {} do not divide a map of {}", side, side, shape_text(in));
    });
    layer.ofm = {in.channels * side * side, in.height / side, in.width / side};
  }
}

void infer_embedding(Layer& layer) {
  check_range(layer.ofm.channels, kMaxDimension, "out_channels");
  check(layer.extent >= 1 && layer.extent <= kMaxWeights / layer.ofm.channels, "extent", [&] {
    return fmt::format("a table of {} rows has no parameters, or more than {}", layer.extent,
                       kMaxWeights);
  });
  layer.ofm.height = layer.ifm.num_elements();
  layer.ofm.width = 1;
}

void check_sizes(const Layer& layer) {
  const Shape& ofm = layer.ofm;
  for (const std::int64_t size : {ofm.channels, ofm.height, ofm.width}) {
    check(size >= 1 && size <= kMaxDimension, "", [&] {
      return fmt::format("output of {} exceeds {} in one dimension", shape_text(ofm),
                         kMaxDimension);
    });
  }
  check(ofm.num_elements() <= kMaxFeatureMap, "", [&] {
    return fmt::format("output of {} has more than {} elements", shape_text(ofm), kMaxFeatureMap);
  });
  // No factor exceeds 2^32 and no product 2^62 (kernels: 2^10 each, channels: 2^20, maps: 2^32).
  check(layer.num_weights() <= kMaxWeights, "", [&] {
    return fmt::format("has {} weights, more than {}", layer.num_weights(), kMaxWeights);
  });
  const Shape& positions = layer.op == Op::kConvTranspose2d ? layer.ifm : ofm;
  const bool has_too_many =
      layer.op == Op::kMatmul
          ? layer.depth() > kMaxMacs / ofm.num_elements()
          : layer.num_weights() > kMaxMacs / (positions.height * positions.width);
  check(!has_too_many, "", [&] { return fmt::format("needs more than {} MACs", kMaxMacs); });
}

}  // namespace

void infer_shapes(Layer& layer, const PaddingRule& padding, const std::vector<Shape>& inputs) {
  check(inputs.empty() == layer.is_source(), "inputs", [&] {
    return layer.is_source() ? fmt::format("{} reads nothing", to_string(layer.op))
                             : "must not be empty";
  });
  const bool takes_several = layer.is_elementwise() || layer.op == Op::kConcat ||
                             layer.op == Op::kMatmul || layer.op == Op::kHost;
  check(inputs.size() <= 1 || takes_several, "inputs", [&] {
    return fmt::format("{} takes one input, not {}", to_string(layer.op), inputs.size());
  });
  check(layer.activation == Activation::kNone || !(layer.moves_data() || layer.is_source()),
        "activation", [&] { return fmt::format("{} has no activation", to_string(layer.op)); });
  layer.ifm = inputs.empty() ? layer.ofm : inputs[0];
  switch (layer.op) {
    case Op::kConv2d:
    case Op::kConvTranspose2d:
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
    case Op::kSub:
    case Op::kDiv:
    case Op::kMaximum:
      infer_elementwise(layer, inputs);
      break;
    case Op::kMatmul:
      infer_matmul(layer, inputs);
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
    case Op::kResize:
      infer_resize(layer);
      break;
    case Op::kReduce:
      check_reduction(layer);
      break;
    case Op::kSoftmax:
    case Op::kLayerNorm:
    case Op::kGroupNorm:
      check_groups(layer);
      layer.ofm = layer.ifm;
      break;
    case Op::kLrn:
      check_range(layer.extent, kMaxDimension, "extent");
      layer.ofm = layer.ifm;
      break;
    case Op::kSlice:
      infer_slice(layer);
      break;
    case Op::kPad:
      infer_pad(layer, padding);
      break;
    case Op::kTranspose:
      check_transpose(layer);
      break;
    case Op::kDepthToSpace:
    case Op::kSpaceToDepth:
      infer_block_move(layer);
      break;
    case Op::kEmbedding:
      infer_embedding(layer);
      break;
    case Op::kInput:
    case Op::kConstant:
    case Op::kHost:
      break;  // as given
  }
  check_sizes(layer);
}

}  // namespace tilewake
