// SPDX-License-Identifier: Apache-2.0
#include "nas/data/decode.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <fmt/format.h>

#include "nas/data/byte_reader.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

bool has_at(const std::vector<std::uint8_t>& file, std::size_t at, std::string_view magic) {
  return file.size() >= at + magic.size() &&
         std::equal(magic.begin(), magic.end(), file.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char c, std::uint8_t byte) { return static_cast<std::uint8_t>(c) == byte; });
}

}  // namespace

StoredSize decode_image(const std::string& path, int short_side, Image& image) {
  const std::vector<std::uint8_t> file = read_file(path, kMaxImageFileBytes);
  // Not by file name: images from the web often have the name of another format.
  if (has_at(file, 0, "\xff\xd8\xff")) return decode_jpeg(path, file, short_side, image);
  if (has_at(file, 0, "\x89PNG")) {
    decode_png(path, file, image);
  } else if (has_at(file, 0, "RIFF") && has_at(file, 8, "WEBP")) {
    decode_webp(path, file, image);
  } else if (has_at(file, 0, "BM")) {
    decode_bmp(path, file, image);
  } else {
    throw InputError(path + ": is not a JPEG, PNG, WebP or BMP image");
  }
  return {image.height, image.width};
}

void check_image_size(const std::string& path, std::uint64_t height, std::uint64_t width) {
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide)
    throw InputError(fmt::format("{}: has {} x {} pixels; sides must be from 1 to {}", path, height,
                                 width, kMaxImageSide));
  if (height * width > static_cast<std::uint64_t>(kMaxImagePixels))
    throw InputError(fmt::format("{}: has {} x {} pixels; the limit is {} pixels", path, height,
                                 width, kMaxImagePixels));
}

}  // namespace tilewake
