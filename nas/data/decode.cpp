// SPDX-License-Identifier: Apache-2.0
#include "nas/data/decode.hpp"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "nas/data/byte_reader.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

bool starts_with(const std::vector<std::uint8_t>& file, std::initializer_list<std::uint8_t> magic) {
  return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
}

}  // namespace

void decode_image(const std::string& path, int short_side, Image& image) {
  const std::vector<std::uint8_t> file = read_file(path, kMaxImageFileBytes);
  // Not by file name: some PNG files of well-known data sets have the suffix .JPEG.
  if (starts_with(file, {0xff, 0xd8, 0xff})) {
    decode_jpeg(path, file, short_side, image);
  } else if (starts_with(file, {0x89, 'P', 'N', 'G'})) {
    decode_png(path, file, image);
  } else {
    throw InputError(path + ": is neither a JPEG nor a PNG image");
  }
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
