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

/// A loop cut into strips of equal size, and each strip into tiles of equal size; the last strip,
/// and the last tile of each strip, can be smaller. No tile crosses the end of a strip, and all
/// strips have the same number of tiles. A loop without strips is one strip.
struct LoopCut {
  std::int64_t whole = 1;
  std::int64_t tile = 1;       // at most `strip`
  std::int64_t strip = 1;      // at most `whole`
  std::int64_t last_tile = 1;  // size of the tiles of the last strip

  static LoopCut even(std::int64_t whole, std::int64_t tile) { return {whole, tile, whole, tile}; }

  std::int64_t num_strips() const { return ceil_div(whole, strip); }
  std::int64_t tiles_per_strip() const { return ceil_div(strip, tile); }
  std::int64_t trips() const { return num_strips() * tiles_per_strip(); }
  std::int64_t last_strip() const { return whole - (num_strips() - 1) * strip; }
  /// Size of the last tile of a strip, and of the last tile of all.
  std::int64_t end_of_strip() const { return strip - (tiles_per_strip() - 1) * tile; }
  std::int64_t last() const { return last_strip() - (tiles_per_strip() - 1) * last_tile; }

  TileRange range(std::int64_t index) const {
    if (strip == whole) return {index * last_tile, std::min((index + 1) * last_tile, whole)};
    const std::int64_t first = index / tiles_per_strip() * strip;
    const bool is_last_strip = first + strip >= whole;
    const std::int64_t size = is_last_strip ? last_tile : tile;
    const std::int64_t begin = first + index % tiles_per_strip() * size;
    return {begin, std::min({begin + size, first + strip, whole})};
  }
};

}  // namespace tilewake
