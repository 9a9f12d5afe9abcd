// SPDX-License-Identifier: Apache-2.0
#include "nas/data/memory_images.hpp"

#include <cassert>
#include <cstddef>
#include <utility>

namespace tilewake {

MemoryImages::MemoryImages(int channels, int height, int width, std::vector<std::uint8_t> pixels,
                           std::vector<std::uint8_t> labels)
    : channels_(channels),
      height_(height),
      width_(width),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)) {
  assert(pixels_.size() == labels_.size() * static_cast<std::size_t>(channels) *
                               static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
}

void MemoryImages::read(std::int64_t index, Image& image) const {
  image.channels = channels_;
  image.height = height_;
  image.width = width_;
  const std::ptrdiff_t bytes = std::ptrdiff_t{channels_} * height_ * width_;
  const auto begin = pixels_.begin() + index * bytes;
  image.pixels.assign(begin, begin + bytes);
}

}  // namespace tilewake
