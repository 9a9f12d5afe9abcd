// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tile_problem.hpp"

#include <algorithm>
#include <utility>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

TileExtent extent_of(const Layer& layer, std::int64_t batch) {
  const std::int64_t pixels = batch * layer.ofm.height * layer.ofm.width;
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  switch (layer.op) {
    case Op::kConv2d:
      return {layer.groups, pixels, layer.ofm.channels / layer.groups,
              layer.ifm.channels / layer.groups * taps};
    case Op::kFullyConnected:
      return {1, batch, layer.ofm.channels, layer.ifm.num_elements()};
    case Op::kGlobalAvgPool:
      return {layer.ofm.channels, batch, 1, layer.ifm.height * layer.ifm.width};
    case Op::kDepthwiseConv2d:
      return {layer.ifm.channels, pixels, layer.ofm.channels / layer.ifm.channels, taps};
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kResize:
      return {layer.ofm.channels, pixels, 1, taps};
    case Op::kReduce:
      return {layer.groups, pixels, layer.ofm.channels / layer.groups,
              layer.ifm.num_elements() / (layer.groups * layer.ofm.height * layer.ofm.width)};
    case Op::kSoftmax:
    case Op::kLayerNorm:
    case Op::kLrn:
      return {layer.groups, pixels, layer.ofm.channels / layer.groups, 1};
    default:
      return {layer.ofm.channels, pixels, 1, 1};
  }
}

/// One operation is an addition, a product, or both, of one element.
std::int64_t operations_of(const Layer& layer) {
  switch (layer.op) {
    case Op::kSoftmax:
      return 4;  // maximum, difference, sum, product with the sum's inverse; the exponential is
                 // extra
    case Op::kLayerNorm:
      return 5;  // sum, sum of squares, difference, products with the deviation and the factor
    case Op::kGroupNorm:
      return 3;  // the same without the sums
    case Op::kLrn:
      return layer.extent + 2;  // squares of the window, scaled; the product with the power
    default:
      return 1;
  }
}

}  // namespace

TileProblem::TileProblem(const Layer& layer, std::int64_t bias_bytes, std::int64_t batch,
                         std::int64_t element_bytes)
    : op_(layer.op),
      batch_(batch),
      extent_(extent_of(layer, batch)),
      image_pixels_(extent_.pixels / batch),
      kernel_height_(layer.kernel_height),
      kernel_width_(layer.kernel_width),
      stride_(layer.stride),
      dilation_(layer.dilation),
      pad_top_(layer.padding.top),
      pad_left_(layer.padding.left),
      ifm_(layer.ifm),
      ofm_(layer.ofm),
      has_weights_(layer.has_weights() || (layer.is_norm() && layer.bias)),
      element_bytes_(element_bytes),
      bias_bytes_(has_weights_ && layer.bias ? bias_bytes : 0),
      biased_outputs_(extent_.outputs),
      operations_(operations_of(layer)) {
  if (moves_window()) {
    taps_ = kernel_height_ * kernel_width_;
    has_window_ = taps_ > 1 || stride_ != Steps(1) || ifm_.height != ofm_.height ||
                  ifm_.width != ofm_.width || pad_top_ != 0 || pad_left_ != 0;
  }
}

bool TileProblem::moves_window() const {
  return op_ == Op::kConv2d || op_ == Op::kDepthwiseConv2d || op_ == Op::kMaxPool ||
         op_ == Op::kAvgPool || op_ == Op::kResize || op_ == Op::kSlice || op_ == Op::kPad;
}

bool TileProblem::is_3x3_of_stride_1() const {
  return op_ == Op::kConv2d && kernel_height_ == 3 && kernel_width_ == 3 && stride_ == Steps(1) &&
         dilation_ == Steps(1) && extent_.groups == 1;
}

TileProblem TileProblem::transposed() const {
  TileProblem other = *this;
  std::swap(other.kernel_height_, other.kernel_width_);
  std::swap(other.stride_.height, other.stride_.width);
  std::swap(other.dilation_.height, other.dilation_.width);
  std::swap(other.pad_top_, other.pad_left_);
  std::swap(other.reach_.height, other.reach_.width);
  std::swap(other.second_.height, other.second_.width);
  std::swap(other.ifm_.height, other.ifm_.width);
  std::swap(other.ofm_.height, other.ofm_.width);
  return other;
}

std::int64_t TileProblem::num_images(TileRange pixels) const {
  if (batch_ == 1) return 1;
  return ceil_div(pixels.end, image_pixels_) - pixels.begin / image_pixels_;
}

LoopCut TileProblem::cut_pixels(const PixelOrder& order, std::int64_t tile) const {
  if (batch_ > 1 && (!keeps_images_apart() || tile >= image_pixels_))
    return LoopCut::even(extent_.pixels, tile);
  const std::int64_t line = order.by_columns ? ofm_.height : ofm_.width;
  const std::int64_t lines = order.by_columns ? ofm_.width : ofm_.height;
  LoopCut cut{extent_.pixels, tile, image_pixels_, tile, batch_};
  if (order.strip == 0 || order.strip >= line) return cut;
  cut.strip = order.strip * lines;
  cut.last_tile = tile / order.strip * (cut.last_strip() / lines);
  return cut;
}

MapBox TileProblem::pixel_box(const PixelOrder& order, TileRange pixels) const {
  if (pixels.size() >= image_pixels_) return {{0, ofm_.height}, {0, ofm_.width}};
  if (batch_ > 1) pixels = {pixels.begin % image_pixels_, (pixels.end - 1) % image_pixels_ + 1};
  const std::int64_t line = order.by_columns ? ofm_.height : ofm_.width;
  const std::int64_t lines = order.by_columns ? ofm_.width : ofm_.height;
  const std::int64_t width = order.strip == 0 ? line : std::min(order.strip, line);
  const std::int64_t strip = pixels.begin / (width * lines);
  const std::int64_t begin = pixels.begin - strip * width * lines;
  const std::int64_t last = begin + pixels.size() - 1;
  const std::int64_t in_strip = std::min(width, line - strip * width);
  TileRange across = {begin / in_strip, last / in_strip + 1};
  TileRange along = {0, in_strip};
  if (across.size() == 1) along = {begin % in_strip, last % in_strip + 1};
  along.begin += strip * width;
  along.end += strip * width;
  return order.by_columns ? MapBox{along, across} : MapBox{across, along};
}

MapBox TileProblem::tap_box(TileRange depth) const {
  const std::int64_t first = depth.begin % taps_;
  const std::int64_t last = first + depth.size() - 1;
  if (op_ != Op::kConv2d || last >= taps_) return {{0, kernel_height_}, {0, kernel_width_}};
  MapBox taps{{first / kernel_width_, last / kernel_width_ + 1}, {0, kernel_width_}};
  if (taps.rows.size() == 1) taps.columns = {first % kernel_width_, last % kernel_width_ + 1};
  return taps;
}

/// Of a resize, a result at the middle of its pixel depends on the nearest pixels of the input.
TileRange TileProblem::input_lines(TileRange lines, TileRange taps, bool of_columns) const {
  const std::int64_t in = of_columns ? ifm_.width : ifm_.height;
  if (op_ == Op::kResize) {
    const std::int64_t out = of_columns ? ofm_.width : ofm_.height;
    const std::int64_t kernel = of_columns ? kernel_width_ : kernel_height_;
    const auto first_of = [&](std::int64_t line) {
      const std::int64_t twice = (2 * line + 1) * in - (kernel > 1 ? out : 0);
      return floor_div(twice, 2 * out) - (kernel - 1) / 2;
    };
    const std::int64_t begin = std::clamp<std::int64_t>(first_of(lines.begin), 0, in - 1);
    return {begin, std::clamp(first_of(lines.end - 1) + kernel, begin + 1, in)};
  }
  const std::int64_t stride = of_columns ? stride_.width : stride_.height;
  const std::int64_t dilation = of_columns ? dilation_.width : dilation_.height;
  const std::int64_t pad = of_columns ? pad_left_ : pad_top_;
  const std::int64_t reach = of_columns ? reach_.width : reach_.height;
  const std::int64_t first = lines.begin * stride - pad + taps.begin * dilation;
  const std::int64_t end = (lines.end - 1) * stride - pad + (taps.end - 1) * dilation + 1 + reach;
  const std::int64_t begin = std::clamp<std::int64_t>(first, 0, in);
  return {begin, std::clamp(end, begin, in)};
}

MapBox TileProblem::input_box(const MapBox& pixels, const MapBox& taps) const {
  return {input_rows(pixels.rows, taps.rows), input_columns(pixels.columns, taps.columns)};
}

std::int64_t TileProblem::input_channels(TileRange groups, TileRange depth) const {
  if (reads_depth()) return groups.size() * depth.size();
  if (is_norm()) return groups.size() * extent_.outputs;
  if (op_ != Op::kConv2d) return groups.size();
  return groups.size() * (ceil_div(depth.end, taps_) - depth.begin / taps_);
}

std::int64_t TileProblem::input_elements(const TileBlock& block) const {
  if (!has_window_) return block.pixels.size();
  return num_images(block.pixels) *
         input_box(pixel_box(block.order, block.pixels), tap_box(block.depth)).size();
}

/// Rows and columns are at most as many as those of the windows.
std::int64_t TileProblem::kept_elements(const PixelOrder& order, TileRange pixels,
                                        const MapBox& taps) const {
  const MapBox outputs = pixel_box(order, pixels);
  const MapBox inputs = input_box(outputs, taps);
  const std::int64_t in_map =
      num_images(pixels) *
      kept_lines(inputs.rows.size(), outputs.rows.size(), taps.rows.size(), reach_.height) *
      kept_lines(inputs.columns.size(), outputs.columns.size(), taps.columns.size(), reach_.width);
  // Windows one after another, if those of a pixel are at one place.
  return reach_ == Steps(0) ? std::min(in_map, pixels.size() * taps.size()) : in_map;
}

std::int64_t TileProblem::kept_elements(const TileBlock& block) const {
  if (!has_window_) return input_elements(block);
  return kept_elements(block.order, block.pixels, tap_box(block.depth));
}

/// For all taps of the windows of any `outputs` rows or columns of the output.
std::int64_t TileProblem::most_kept_lines(std::int64_t outputs, bool of_columns) const {
  const std::int64_t in = of_columns ? ifm_.width : ifm_.height;
  const std::int64_t taps = of_columns ? kernel_width_ : kernel_height_;
  const std::int64_t reach = of_columns ? reach_.width : reach_.height;
  if (op_ == Op::kResize) {
    const std::int64_t out = of_columns ? ofm_.width : ofm_.height;
    return kept_lines(std::min(in, ceil_div(outputs * in, out) + taps), outputs, taps, reach);
  }
  const std::int64_t stride = of_columns ? stride_.width : stride_.height;
  const std::int64_t dilation = of_columns ? dilation_.width : dilation_.height;
  const std::int64_t lines = (outputs - 1) * stride + (taps - 1) * dilation + 1 + reach;
  return kept_lines(std::min(in, lines), outputs, taps, reach);
}

/// Pixels that begin within a line reach one line more.
std::int64_t TileProblem::most_kept_elements(const PixelOrder& order, std::int64_t pixels) const {
  if (!has_window_) return pixels;
  const std::int64_t line = order.by_columns ? ofm_.height : ofm_.width;
  const std::int64_t strip = order.strip == 0 ? line : std::min(order.strip, line);
  const std::int64_t lines =
      std::min(order.by_columns ? ofm_.width : ofm_.height, ceil_div(pixels, strip) + 1);
  const std::int64_t images =
      pixels < image_pixels_ ? 1 : std::min(batch_, ceil_div(pixels, image_pixels_) + 1);
  const std::int64_t in_map =
      images * most_kept_lines(lines, order.by_columns) * most_kept_lines(strip, !order.by_columns);
  return reach_ == Steps(0) ? std::min(in_map, pixels * taps_) : in_map;
}

std::int64_t TileProblem::kept_bytes(const TileBlock& block) const {
  return kept_elements(block) * input_channels(block.groups, block.depth) * element_bytes_;
}

std::int64_t TileProblem::input_bytes(const TileBlock& block) const {
  return input_elements(block) * input_channels(block.groups, block.depth) * element_bytes_;
}

std::int64_t TileProblem::weight_bytes(const TileBlock& block) const {
  if (!has_weights_) return 0;
  const std::int64_t outputs = block.groups.size() * block.outputs.size();
  return outputs * block.depth.size() * element_bytes_ +
         (block.depth.begin == 0 ? bias_bytes_of(block) : 0);
}

std::int64_t TileProblem::first_input(const TileBlock& block) const {
  if (reads_depth())
    return (block.groups.begin * extent_.depth + block.depth.begin) * extent_.pixels +
           block.pixels.begin;
  const std::int64_t plane = batch_ * ifm_.height * ifm_.width;
  const std::int64_t channel =
      op_ == Op::kConv2d ? block.groups.begin * (extent_.depth / taps_) + block.depth.begin / taps_
                         : block.groups.begin * (is_norm() ? extent_.outputs : 1);
  if (!has_window_) return channel * plane + first_pixel(block);
  const MapBox box = input_box(pixel_box(block.order, block.pixels), tap_box(block.depth));
  // A block that reads only padding begins after the map: keep its address inside.
  const std::int64_t image = block.pixels.begin / image_pixels_;
  return channel * plane + image * ifm_.height * ifm_.width +
         std::clamp<std::int64_t>(box.rows.begin, 0, std::max<std::int64_t>(ifm_.height - 1, 0)) *
             ifm_.width +
         std::clamp<std::int64_t>(box.columns.begin, 0, std::max<std::int64_t>(ifm_.width - 1, 0));
}

/// The number of the block's first pixel: image by image, and row by row.
std::int64_t TileProblem::first_pixel(const TileBlock& block) const {
  const MapBox box = pixel_box(block.order, {block.pixels.begin, block.pixels.begin + 1});
  const std::int64_t image = block.pixels.begin / image_pixels_;
  return (image * ofm_.height + box.rows.begin) * ofm_.width + box.columns.begin;
}

std::int64_t TileProblem::first_output(const TileBlock& block) const {
  const std::int64_t channel = block.groups.begin * extent_.outputs + block.outputs.begin;
  return channel * extent_.pixels + first_pixel(block);
}

std::int64_t TileProblem::weight_offset(const TileBlock& block) const {
  const std::int64_t before = block.outputs.begin * extent_.depth * element_bytes_ +
                              std::min(block.outputs.begin, biased_outputs_) * bias_bytes_;
  const std::int64_t outputs = block.groups.size() * block.outputs.size();
  return weight_bytes(block.groups.begin) + before + outputs * block.depth.begin * element_bytes_ +
         (block.depth.begin > 0 ? bias_bytes_of(block) : 0);
}

std::int64_t TileProblem::bias_bytes_of(const TileBlock& block) const {
  const std::int64_t end = std::min(block.outputs.end, biased_outputs_);
  return block.groups.size() * std::max<std::int64_t>(end - block.outputs.begin, 0) * bias_bytes_;
}

std::size_t TileProblem::hash() const {
  std::uint64_t hash = 0;
  for (const std::int64_t value : {static_cast<std::int64_t>(op_),
                                   batch_,
                                   extent_.groups,
                                   extent_.outputs,
                                   extent_.depth,
                                   kernel_height_,
                                   kernel_width_,
                                   stride_.height,
                                   stride_.width,
                                   dilation_.height,
                                   dilation_.width,
                                   pad_top_,
                                   pad_left_,
                                   ifm_.height,
                                   ifm_.width,
                                   ofm_.height,
                                   ofm_.width,
                                   element_bytes_,
                                   bias_bytes_,
                                   more_operations_,
                                   second_.channels,
                                   second_.height,
                                   second_.width,
                                   std::int64_t{on_chip_.input},
                                   std::int64_t{on_chip_.second},
                                   std::int64_t{on_chip_.output},
                                   std::int64_t{on_chip_.weights}})
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
  return static_cast<std::size_t>(hash ^ (hash >> 32U));
}

std::int64_t TileProblem::second_elements(const PixelOrder& order, TileRange pixels) const {
  if (!has_second()) return 0;
  if (second_is_map()) return pixels.size();
  const MapBox box = pixel_box(order, pixels);
  return num_images(pixels) * (second_.height > 1 ? box.rows.size() : 1) *
         (second_.width > 1 ? box.columns.size() : 1);
}

std::int64_t TileProblem::second_bytes(const TileBlock& block) const {
  return second_channels(block.groups.size() * block.outputs.size()) *
         second_elements(block.order, block.pixels) * element_bytes_;
}

std::int64_t TileProblem::first_second(const TileBlock& block) const {
  if (second_is_map()) return first_output(block);
  const std::int64_t channel = block.groups.begin * extent_.outputs + block.outputs.begin;
  const MapBox box = pixel_box(block.order, {block.pixels.begin, block.pixels.begin + 1});
  const std::int64_t image = block.pixels.begin / image_pixels_;
  return (channel % second_.channels * batch_ + image) * second_.height * second_.width +
         (second_.height > 1 ? box.rows.begin * second_.width : 0) +
         (second_.width > 1 ? box.columns.begin : 0);
}

}  // namespace tilewake
