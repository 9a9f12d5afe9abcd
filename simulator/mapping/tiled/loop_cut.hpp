// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "simulator/common/math.hpp"

namespace tilewake {

/// Half-open range of one loop.
struct TileRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end - begin; }
  friend bool operator==(const TileRange&, const TileRange&) = default;
};

/// A loop over images, each cut into strips of equal size, and each strip into tiles of equal size;
/// the last strip of an image, and the last tile of each strip, can be smaller. No tile crosses the
/// end of a strip, and all strips have the same number of tiles. A loop without strips is one
/// strip.
struct LoopCut {
  std::int64_t whole = 1;      // of all images
  std::int64_t tile = 1;       // at most `strip`
  std::int64_t strip = 1;      // at most an image
  std::int64_t last_tile = 1;  // size of the tiles of the last strip
  std::int64_t images = 1;     // divides `whole`; all are cut alike

  static LoopCut even(std::int64_t whole, std::int64_t tile) { return {whole, tile, whole, tile}; }

  std::int64_t image() const { return images == 1 ? whole : whole / images; }
  std::int64_t num_strips() const { return ceil_div(image(), strip); }  // of an image
  std::int64_t tiles_per_strip() const { return ceil_div(strip, tile); }
  std::int64_t tiles_per_image() const { return num_strips() * tiles_per_strip(); }
  std::int64_t trips() const { return images * tiles_per_image(); }
  std::int64_t last_strip() const { return image() - (num_strips() - 1) * strip; }
  /// Size of the last tile of a strip, and of the last tile of all.
  std::int64_t end_of_strip() const { return strip - (tiles_per_strip() - 1) * tile; }
  std::int64_t last() const { return last_strip() - (tiles_per_strip() - 1) * last_tile; }

  TileRange range(std::int64_t index) const {
    if (strip == whole) return {index * last_tile, std::min((index + 1) * last_tile, whole)};
    const std::int64_t first_of_image = images == 1 ? 0 : index / tiles_per_image() * image();
    if (images > 1) index %= tiles_per_image();
    const std::int64_t first = first_of_image + index / tiles_per_strip() * strip;
    const std::int64_t end_of_image = first_of_image + image();
    const bool is_last_strip = first + strip >= end_of_image;
    const std::int64_t size = is_last_strip ? last_tile : tile;
    const std::int64_t begin = first + index % tiles_per_strip() * size;
    return {begin, std::min({begin + size, first + strip, end_of_image})};
  }
};

}  // namespace tilewake
