// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

constexpr std::size_t kMaxImageFileBytes = std::size_t{64} << 20;
constexpr int kMaxImageSide = 16384;                              // pixels
constexpr std::int64_t kMaxImagePixels = std::int64_t{64} << 20;  // 200 MB once decoded

/// Height and width in pixels, as stored in a file.
struct StoredSize {
  int height = 0;
  int width = 0;

  friend bool operator==(const StoredSize&, const StoredSize&) = default;
};

/// Reads a JPEG, PNG, WebP or BMP file, detected by its first bytes, as RGB. Grey is repeated,
/// transparency is dropped, 16 bits become 8. A JPEG file may be scaled down by 2, 4 or 8 as long
/// as its shorter side has at least `short_side` pixels; 0 for full size. Returns the size before
/// scaling.
///
/// Throws InputError naming the file if it is none of these, too large, damaged or animated.
/// Warnings of libjpeg (truncated data are filled with grey) count as damage.
StoredSize decode_image(const std::string& path, int short_side, Image& image);

/// The same for a file in memory; `path` is for error messages.
StoredSize decode_jpeg(const std::string& path, const std::vector<std::uint8_t>& file,
                       int short_side, Image& image);
void decode_png(const std::string& path, const std::vector<std::uint8_t>& file, Image& image);
void decode_webp(const std::string& path, const std::vector<std::uint8_t>& file, Image& image);
void decode_bmp(const std::string& path, const std::vector<std::uint8_t>& file, Image& image);

/// Throws InputError if the size exceeds the limits.
void check_image_size(const std::string& path, std::uint64_t height, std::uint64_t width);

}  // namespace tilewake
