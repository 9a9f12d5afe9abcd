// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_preparer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr double kMinAreaShare = 0.08;
constexpr double kMinAspect = 3.0 / 4.0;
constexpr double kMaxAspect = 4.0 / 3.0;
constexpr int kNumValues = 256;

Window whole(const Image& image) {
  return {0.0, 0.0, static_cast<double>(image.height), static_cast<double>(image.width)};
}

Window centre_window(const Image& image) {
  const double side = kCentre * std::min(image.height, image.width);
  return {(image.height - side) / 2, (image.width - side) / 2, side, side};
}

}  // namespace

double random_area_share(RandomStream& random) {
  return kMinAreaShare + (1.0 - kMinAreaShare) * random.unit();
}

Window random_window(int height, int width, double area_share, RandomStream& random) {
  // A window of aspect r has the width sqrt(share H W r), at most W; the height likewise.
  const double image_aspect = static_cast<double>(width) / height;
  const double low = std::max(kMinAspect, area_share * image_aspect);
  const double high = std::min(kMaxAspect, image_aspect / area_share);
  const double u = random.unit();
  const double aspect = low <= high ? low * std::pow(high / low, u)
                                    : std::clamp(image_aspect, kMinAspect, kMaxAspect);
  const double area = area_share * height * width;
  Window window;
  window.width = std::sqrt(area * aspect);
  window.height = std::sqrt(area / aspect);
  const double fit = std::min({1.0, width / window.width, height / window.height});
  window.width *= fit;
  window.height *= fit;
  window.top = std::max(0.0, height - window.height) * random.unit();
  window.left = std::max(0.0, width - window.width) * random.unit();
  return window;
}

ImagePreparer::ImagePreparer(const ImageData& data, std::shared_ptr<const ImageSource> source,
                             const LoaderOptions& options)
    : channels_(data.channels), source_(std::move(source)), resolution_(options.resolution) {
  if (options.is_training) augmentation_ = options.augmentation;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c)
    for (int value = 0; value < kNumValues; ++value)
      normalised_.push_back((static_cast<float>(value) / 255.0F - data.mean[c]) / data.stddev[c]);
}

std::int64_t ImagePreparer::values_per_image() const {
  return std::int64_t{resolution_} * resolution_ * channels_;
}

void ImagePreparer::prepare(std::int64_t index, std::uint64_t seed, ScratchImages& scratch,
                            float* to) const {
  RandomStream random(seed);
  place(frame(index, random, scratch), random, to);
  if (augmentation_.cutout > 0) cut_out(random, to);
}

// The image or its window, at the resolution of the batch.
const Image& ImagePreparer::frame(std::int64_t index, RandomStream& random,
                                  ScratchImages& scratch) const {
  Window window;
  if (augmentation_.random_resized_crop) {
    const double share = random_area_share(random);
    // Enough pixels for the narrowest window to have `resolution_` pixels on its shorter side.
    const double short_side = std::ceil(resolution_ / std::sqrt(share * kMinAspect));
    read(index, static_cast<int>(short_side), scratch.read);
    window = random_window(scratch.read.height, scratch.read.width, share, random);
  } else {
    const bool is_photo = source_->varies_in_size();
    read(index, static_cast<int>(std::ceil(resolution_ / (is_photo ? kCentre : 1.0))),
         scratch.read);
    if (scratch.read.height == resolution_ && scratch.read.width == resolution_)
      return scratch.read;
    window = is_photo ? centre_window(scratch.read) : whole(scratch.read);
  }
  scratch.resampler.resample(scratch.read, window, resolution_, scratch.resized);
  return scratch.resized;
}

void ImagePreparer::read(std::int64_t index, int short_side, Image& image) const {
  source_->read_scaled(index, short_side, image);
  const std::int64_t values = std::int64_t{image.height} * image.width * image.channels;
  if (image.channels != channels_ || image.height < 1 || image.width < 1 ||
      values != static_cast<std::int64_t>(image.pixels.size()))
    throw InputError(fmt::format(
        "image {}: {} values of {} x {} pixels with {} channels; the data "
        "set has {} channels",
        index, image.pixels.size(), image.height, image.width, image.channels, channels_));
}

// pad_crop, flip and normalisation in one pass.
void ImagePreparer::place(const Image& image, RandomStream& random, float* to) const {
  int dy = 0;
  int dx = 0;
  if (augmentation_.pad_crop > 0) {
    const std::uint64_t num_offsets = 2 * static_cast<std::uint64_t>(augmentation_.pad_crop) + 1;
    dy = static_cast<int>(random.below(num_offsets)) - augmentation_.pad_crop;
    dx = static_cast<int>(random.below(num_offsets)) - augmentation_.pad_crop;
  }
  const bool is_flipped = augmentation_.flip && random.unit() < 0.5;
  const std::ptrdiff_t step = is_flipped ? -channels_ : channels_;
  const std::ptrdiff_t row_values = std::ptrdiff_t{resolution_} * channels_;
  for (int y = 0; y < resolution_; ++y) {
    float* pixel = to + y * row_values + (is_flipped ? row_values - channels_ : 0);
    const int from_y = y + dy;
    const bool is_row_inside = from_y >= 0 && from_y < resolution_;
    const std::uint8_t* from = image.pixels.data() + (is_row_inside ? from_y * row_values : 0);
    for (int x = 0; x < resolution_; ++x, pixel += step) {
      const int from_x = x + dx;
      const bool is_inside = is_row_inside && from_x >= 0 && from_x < resolution_;
      for (int c = 0; c < channels_; ++c) {
        const std::size_t value = is_inside ? from[from_x * channels_ + c] : 0;
        pixel[c] = normalised_[static_cast<std::size_t>(c) * kNumValues + value];
      }
    }
  }
}

// A square around a random pixel, clipped at the edges. Source: DeVries, Taylor,
// "Improved Regularization of CNNs with Cutout", arXiv:1708.04552, section 3.2.
void ImagePreparer::cut_out(RandomStream& random, float* to) const {
  const int side = augmentation_.cutout;
  const auto range = [&] {
    const int begin =
        static_cast<int>(random.below(static_cast<std::uint64_t>(resolution_))) - side / 2;
    return std::pair(std::max(begin, 0), std::min(begin + side, resolution_));
  };
  const auto [top, bottom] = range();
  const auto [left, right] = range();
  for (int y = top; y < bottom; ++y) {
    float* begin = to + (std::ptrdiff_t{y} * resolution_ + left) * channels_;
    std::fill_n(begin, std::ptrdiff_t{right - left} * channels_, 0.0F);  // the mean
  }
}

}  // namespace tilewake
