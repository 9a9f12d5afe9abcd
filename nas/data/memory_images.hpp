// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// Images of one size, all in memory.
class MemoryImages final : public ImageSource {
 public:
  /// `pixels`: consecutive images, HWC, one per label.
  MemoryImages(int channels, int height, int width, std::vector<std::uint8_t> pixels,
               std::vector<std::uint8_t> labels);

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  int label(std::int64_t index) const override { return labels_[static_cast<std::size_t>(index)]; }
  void read(std::int64_t index, Image& image) const override;
  int height() const { return height_; }
  int width() const { return width_; }

 private:
  int channels_;
  int height_;
  int width_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace tilewake
