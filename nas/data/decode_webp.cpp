// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <webp/decode.h>

#include "nas/data/decode.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

const char* webp_error(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "not enough memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "unsupported feature";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "unexpected end";
    default:
      return "invalid data";
  }
}

}  // namespace

void decode_webp(const std::string& path, const std::vector<std::uint8_t>& file, Image& image) {
  const auto check = [&](VP8StatusCode status) {
    if (status != VP8_STATUS_OK)
      throw InputError(path + ": damaged WebP image: " + webp_error(status));
  };
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) throw InputError(path + ": libwebp is too old");
  check(WebPGetFeatures(file.data(), file.size(), &config.input));
  check_image_size(path, static_cast<std::uint64_t>(config.input.height),
                   static_cast<std::uint64_t>(config.input.width));
  if (config.input.has_animation != 0)
    throw InputError(path + ": is an animated WebP image; only single images are supported");

  image.channels = 3;
  image.height = config.input.height;
  image.width = config.input.width;
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(image.width);
  image.pixels.resize(row_bytes * static_cast<std::size_t>(image.height));
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), static_cast<int>(row_bytes), image.pixels.size()};
  const VP8StatusCode status = WebPDecode(file.data(), file.size(), &config);
  WebPFreeDecBuffer(&config.output);  // owns nothing: the memory is ours
  check(status);
}

}  // namespace tilewake
