// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/layer_parts.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace tilewake {
namespace {

/// Phases of one dimension of a transposed convolution with as many taps and outputs.
struct PhaseClass {
  std::int64_t taps = 0;
  std::int64_t outputs = 0;
  std::int64_t phases = 0;
  std::int64_t least_pad = 0;  // of the windows on the input
  std::int64_t most_pad = 0;
};

/// Output o = stride i + dilation k - pad of input i and tap k. O(kernel + stride).
std::vector<PhaseClass> phases_of(std::int64_t outputs, std::int64_t kernel, std::int64_t stride,
                                  std::int64_t dilation, std::int64_t pad) {
  std::vector<std::int64_t> num_taps(static_cast<std::size_t>(stride));
  std::vector<std::int64_t> first_tap(static_cast<std::size_t>(stride));
  for (std::int64_t k = kernel; k-- > 0;) {
    const auto residue = static_cast<std::size_t>(k * dilation % stride);
    ++num_taps[residue];
    first_tap[residue] = k;
  }
  const std::int64_t tap_distance = dilation / std::gcd(dilation, stride);
  std::vector<PhaseClass> classes;
  for (std::int64_t residue = 0; residue < stride; ++residue) {
    const auto r = static_cast<std::size_t>(residue);
    const std::int64_t first = ((residue - pad) % stride + stride) % stride;
    if (num_taps[r] == 0 || first >= outputs) continue;
    // The first window ends at this input, its last tap.
    const std::int64_t end = (first + pad - first_tap[r] * dilation) / stride;
    const std::int64_t begin_pad = tap_distance * (num_taps[r] - 1) - end;
    const std::int64_t count = (outputs - 1 - first) / stride + 1;
    auto same = std::find_if(classes.begin(), classes.end(), [&](const PhaseClass& c) {
      return c.taps == num_taps[r] && c.outputs == count;
    });
    if (same == classes.end())
      same = classes.insert(classes.end(), {num_taps[r], count, 0, begin_pad, begin_pad});
    ++same->phases;
    same->least_pad = std::min(same->least_pad, begin_pad);
    same->most_pad = std::max(same->most_pad, begin_pad);
  }
  return classes;
}

/// Writes `shape` without reading.
LayerPart zeros(const Shape& shape, std::int64_t batch) {
  LayerPart part;
  part.layer.op = Op::kPad;
  part.layer.ifm = {shape.channels, 0, 0};
  part.layer.ofm = shape;
  part.batch = batch;
  part.input = LayerPart::kNothing;
  return part;
}

LayerPart copy_of(const Shape& shape, std::int64_t batch) {
  LayerPart part;
  part.layer.op = Op::kConcat;
  part.layer.ifm = part.layer.ofm = shape;
  part.batch = batch;
  return part;
}

std::vector<LayerPart> transposed_convolution(const Layer& l, std::int64_t batch) {
  const std::vector<PhaseClass> rows =
      phases_of(l.ofm.height, l.kernel_height, l.stride.height, l.dilation.height, l.padding.top);
  const std::vector<PhaseClass> columns =
      phases_of(l.ofm.width, l.kernel_width, l.stride.width, l.dilation.width, l.padding.left);
  const auto distance = [](std::int64_t dilation, std::int64_t stride) {
    return dilation / std::gcd(dilation, stride);
  };
  std::vector<LayerPart> parts;
  std::int64_t pixels = 0;
  for (const PhaseClass& r : rows)
    for (const PhaseClass& c : columns) {
      LayerPart part;
      part.layer = l;
      const bool is_depthwise =
          l.groups > 1 && l.groups == l.ifm.channels && l.groups == l.ofm.channels;
      part.layer.op = is_depthwise ? Op::kDepthwiseConv2d : Op::kConv2d;
      part.layer.kernel_height = r.taps;
      part.layer.kernel_width = c.taps;
      part.layer.stride = 1;
      part.layer.dilation = {distance(l.dilation.height, l.stride.height),
                             distance(l.dilation.width, l.stride.width)};
      part.layer.padding = {r.most_pad, c.most_pad, 0, 0};
      part.layer.ofm = {l.ofm.channels * r.phases * c.phases, r.outputs, c.outputs};
      part.batch = batch;
      part.reach = {r.most_pad - r.least_pad, c.most_pad - c.least_pad};
      part.biased_outputs = parts.empty() ? l.ofm.channels / l.groups : 0;
      part.output_offset = batch * l.ofm.channels * pixels;
      pixels += r.phases * c.phases * r.outputs * c.outputs;
      parts.push_back(std::move(part));
    }
  const std::int64_t rest = l.ofm.height * l.ofm.width - pixels;
  if (rest > 0) {
    parts.push_back(zeros({l.ofm.channels, rest, 1}, batch));
    parts.back().output_offset = batch * l.ofm.channels * pixels;
  }
  return parts;
}

std::vector<LayerPart> matrix_product(const Layer& l, std::int64_t batch) {
  LayerPart part;
  part.layer = l;
  part.layer.op = Op::kConv2d;
  part.layer.bias = false;
  part.layer.groups = l.groups * batch;
  part.layer.ifm.channels *= batch;
  part.layer.ofm.channels *= batch;
  part.weights = 1;
  return {part};
}

/// @param shape  of the sums: one of each group, for each pixel or for the map
std::vector<LayerPart> norm_in_two_passes(const Layer& l, std::int64_t batch, const Shape& shape) {
  LayerPart sums;
  sums.layer.op = Op::kReduce;
  sums.layer.groups = l.groups;
  sums.layer.ifm = l.ifm;
  sums.layer.ofm = {2 * l.groups, shape.height, shape.width};
  sums.batch = batch;
  sums.stores_statistics = true;
  sums.has_activation = false;
  LayerPart scaled;
  scaled.layer = l;
  scaled.layer.op = Op::kGroupNorm;
  scaled.layer.bias = l.is_norm() && l.bias;
  scaled.batch = batch;
  // Two values a group, but no more than one for each channel that is scaled.
  scaled.statistics = {std::min(2 * l.groups, l.ofm.channels), shape.height, shape.width};
  return {sums, scaled};
}

/// Channels as rows, and all pixels as columns: an average over a window of `extent` rows.
LayerPart window_over_channels(const Layer& l, std::int64_t batch) {
  LayerPart part;
  part.layer = l;
  part.layer.op = Op::kAvgPool;
  part.layer.groups = 1;
  part.layer.ifm = part.layer.ofm = {1, l.ofm.channels, batch * l.ofm.height * l.ofm.width};
  part.layer.kernel_height = l.extent;
  part.layer.kernel_width = 1;
  part.layer.padding = {(l.extent - 1) / 2, 0, l.extent / 2, 0};
  return part;
}

std::vector<LayerPart> padded(const Layer& l, std::int64_t batch) {
  LayerPart part;
  part.layer = l;
  part.layer.ofm.channels = l.ifm.channels;
  part.batch = batch;
  if (l.ofm.channels == l.ifm.channels) return {part};
  LayerPart channels = zeros({l.ofm.channels - l.ifm.channels, l.ofm.height, l.ofm.width}, batch);
  channels.output_offset = batch * part.layer.ofm.num_elements();
  return {part, channels};
}

std::vector<LayerPart> through_host(const Layer& l, const std::vector<Shape>& inputs,
                                    std::int64_t batch) {
  std::vector<LayerPart> parts;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    parts.push_back(copy_of(inputs[i], batch));
    parts.back().input = static_cast<int>(i);
    parts.back().stores_nothing = true;
  }
  parts.push_back(zeros(l.ofm, batch));
  return parts;
}

}  // namespace

std::vector<LayerPart> parts_of(const Layer& layer, const std::vector<Shape>& inputs,
                                std::int64_t batch, bool holds_groups) {
  LayerPart part;
  part.layer = layer;
  part.batch = batch;
  switch (layer.op) {
    case Op::kConvTranspose2d:
      return transposed_convolution(layer, batch);
    case Op::kMatmul:
      return matrix_product(layer, batch);
    case Op::kGroupNorm:
      return norm_in_two_passes(layer, batch, {1, 1, 1});
    case Op::kSoftmax:
    case Op::kLayerNorm:
      if (!holds_groups) return norm_in_two_passes(layer, batch, layer.ofm);
      return {part};
    case Op::kPad:
      return padded(layer, batch);
    case Op::kHost:
      return through_host(layer, inputs, batch);
    case Op::kChannelShuffle:
    case Op::kTranspose:
    case Op::kDepthToSpace:
    case Op::kSpaceToDepth:
      return {copy_of(layer.ofm, batch)};
    case Op::kEmbedding:
      part = copy_of(layer.ofm, batch);
      part.input = LayerPart::kTable;
      part.second = 0;
      return {part};
    case Op::kReduce:
      part.layer.groups = layer.ofm.channels;
      if (layer.ofm == Shape{layer.ifm.channels, 1, 1}) part.layer.op = Op::kGlobalAvgPool;
      return {part};
    case Op::kLrn:
      if (!holds_groups) return {window_over_channels(layer, batch)};
      part.layer.groups = 1;
      return {part};
    default:
      break;
  }
  if (layer.is_elementwise()) {
    part.second = 1;
    if (inputs[0] != layer.ifm) std::swap(part.input, part.second);
  }
  return {part};
}

}  // namespace tilewake
