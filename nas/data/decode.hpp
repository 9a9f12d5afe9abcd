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

/// Reads a JPEG or PNG file, told by its first bytes, as RGB; grey is repeated, transparency is
/// dropped, 16 bits become 8. A JPEG file may come out 2, 4 or 8 times smaller as long as its
/// shorter side keeps `short_side` pixels; 0 for full size.
///
/// Throws InputError naming the file where it is neither, too large or damaged; what libjpeg only
/// warns of (data that end early are filled with grey) is damage.
void decode_image(const std::string& path, int short_side, Image& image);

/// The same for a file in memory; `path` is for messages.
void decode_jpeg(const std::string& path, const std::vector<std::uint8_t>& file, int short_side,
                 Image& image);
void decode_png(const std::string& path, const std::vector<std::uint8_t>& file, Image& image);

/// Throws InputError where an image of that size is not read.
void check_image_size(const std::string& path, std::uint64_t height, std::uint64_t width);

}  // namespace tilewake
