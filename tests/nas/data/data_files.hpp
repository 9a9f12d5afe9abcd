// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <jpeglib.h>
#include <png.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>
#include <webp/encode.h>
#include <zlib.h>

#include "nas/data/image_source.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

using Bytes = std::vector<std::uint8_t>;

inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::filesystem::remove(
      path);  // ext4 writes a file that was cut to nothing to disk at once: slow
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Bytes gzip(const Bytes& bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("deflateInit2");
  Bytes packed(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  const int status = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate");
  return packed;
}

inline void append_uint32(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline Bytes idx_labels(const Bytes& labels) {
  Bytes bytes = {0, 0, 8, 1};
  append_uint32(bytes, static_cast<std::uint32_t>(labels.size()));
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

inline Bytes idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width,
                        const Bytes& pixels) {
  Bytes bytes = {0, 0, 8, 3};
  for (const std::uint32_t size : {count, height, width}) append_uint32(bytes, size);
  bytes.insert(bytes.end(), pixels.begin(), pixels.end());
  return bytes;
}

inline Bytes random_bytes(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Bytes bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  return bytes;
}

/// Interleaved pixels that no compression hides an error in.
inline Image random_image(int channels, int height, int width, std::uint64_t seed) {
  return {channels, height, width,
          random_bytes(static_cast<std::size_t>(channels * height * width), seed)};
}

/// An image that JPEG reproduces well: red increases to the right, green downwards, blue is
/// constant.
inline Image smooth_image(int height, int width) {
  Image image{3, height, width, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : {40 + 160 * x / width, 40 + 160 * y / height, 100})
        image.pixels.push_back(static_cast<std::uint8_t>(value));
  return image;
}

/// `row_bytes` from the image; bits and colour type as PNG has them. `palette` of 256 colours.
inline void write_png(const std::filesystem::path& path, int height, int width, int bit_depth,
                      int color_type, const Bytes& rows, const std::vector<png_color>& palette = {},
                      int interlace = PNG_INTERLACE_NONE) {
  std::filesystem::create_directories(path.parent_path());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  if (file == nullptr || setjmp(png_jmpbuf(png)) != 0) std::abort();
  png_init_io(png, file);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               bit_depth, color_type, interlace, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  png_write_info(png, info);
  const int num_passes = png_set_interlace_handling(png);
  const std::size_t row_bytes = rows.size() / static_cast<std::size_t>(height);
  for (int pass = 0; pass < num_passes; ++pass)
    for (int y = 0; y < height; ++y)
      png_write_row(png, rows.data() + static_cast<std::size_t>(y) * row_bytes);
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);
}

inline void write_png(const std::filesystem::path& path, const Image& image) {
  write_png(path, image.height, image.width, 8,
            image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, image.pixels);
}

/// Grey, RGB or (4 channels) CMYK by the number of channels.
inline void write_jpeg(const std::filesystem::path& path, const Image& image, int quality = 95,
                       bool is_progressive = false, bool has_adobe_marker = true) {
  std::filesystem::create_directories(path.parent_path());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::abort();
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);  // ends the program
  jpeg_create_compress(&info);
  jpeg_stdio_dest(&info, file);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = image.channels == 1   ? JCS_GRAYSCALE
                        : image.channels == 3 ? JCS_RGB
                                              : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (image.channels == 4) info.write_Adobe_marker = has_adobe_marker ? TRUE : FALSE;
  if (is_progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  const std::size_t row_bytes = static_cast<std::size_t>(image.width * image.channels);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + info.next_scanline * row_bytes);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::fclose(file);
}

/// A WebP file of an RGB image, lossless.
inline Bytes webp_of(const Image& image) {
  std::uint8_t* output = nullptr;
  const std::size_t size = WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height,
                                                 3 * image.width, &output);
  Bytes bytes(output, output + size);
  WebPFree(output);
  if (bytes.empty()) throw std::runtime_error("WebPEncodeLosslessRGB");
  return bytes;
}

/// Of any number of bytes, the lowest first.
inline void append_little(Bytes& bytes, std::uint64_t value, int num_bytes) {
  for (int i = 0; i < num_bytes; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// A chunk of a RIFF file.
inline void append_chunk(Bytes& bytes, std::string_view name, const Bytes& content) {
  bytes.insert(bytes.end(), name.begin(), name.end());
  append_little(bytes, content.size(), 4);
  bytes.insert(bytes.end(), content.begin(), content.end());
  if (content.size() % 2 != 0) bytes.push_back(0);
}

/// An animated WebP file of two frames, both the same image.
/// Source: Google, "WebP Container Specification", section "Animation".
inline Bytes animated_webp_of(const Image& image) {
  const Bytes still = webp_of(image);
  Bytes content = {'W', 'E', 'B', 'P'};
  Bytes canvas = {2, 0, 0, 0};  // animation
  append_little(canvas, static_cast<std::uint64_t>(image.width - 1), 3);
  append_little(canvas, static_cast<std::uint64_t>(image.height - 1), 3);
  append_chunk(content, "VP8X", canvas);
  append_chunk(content, "ANIM", Bytes(6));
  for (int i = 0; i < 2; ++i) {
    Bytes frame(6);
    append_little(frame, static_cast<std::uint64_t>(image.width - 1), 3);
    append_little(frame, static_cast<std::uint64_t>(image.height - 1), 3);
    append_little(frame, 100, 4);  // ms and flags
    frame.insert(frame.end(), still.begin() + 12, still.end());
    append_chunk(content, "ANMF", frame);
  }
  Bytes bytes;
  append_chunk(bytes, "RIFF", content);
  return bytes;
}

/// What a BMP file has before its pixels, beside the size of the image.
struct BmpFormat {
  int num_bits = 24;
  Bytes palette = {};  // 4 bytes a colour, blue first
  std::uint32_t compression = 0;
  std::vector<std::uint32_t> masks = {};
  int header_bytes = 40;  // at least 40: zeros follow the fields of BITMAPINFOHEADER
};

/// A BMP file. `rows` are as stored: with their padding, the lowest first unless height < 0.
inline Bytes bmp_of(int height, int width, const BmpFormat& format, const Bytes& rows) {
  Bytes header;
  append_little(header, static_cast<std::uint64_t>(format.header_bytes), 4);
  append_little(header, static_cast<std::uint32_t>(width), 4);
  append_little(header, static_cast<std::uint32_t>(height), 4);
  append_little(header, 1, 2);
  append_little(header, static_cast<std::uint64_t>(format.num_bits), 2);
  append_little(header, format.compression, 4);
  append_little(header, rows.size(), 4);
  append_little(header, 0, 8);
  append_little(header, format.palette.size() / 4, 4);
  append_little(header, 0, 4);
  for (const std::uint32_t mask : format.masks) append_little(header, mask, 4);
  if (header.size() < static_cast<std::size_t>(format.header_bytes))
    header.resize(static_cast<std::size_t>(format.header_bytes));
  header.insert(header.end(), format.palette.begin(), format.palette.end());
  Bytes bytes = {'B', 'M'};
  append_little(bytes, 14 + header.size() + rows.size(), 4);
  append_little(bytes, 0, 4);
  append_little(bytes, 14 + header.size(), 4);
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), rows.begin(), rows.end());
  return bytes;
}

/// The same for an RGB image, in 24 bits.
inline Bytes bmp_of(const Image& image) {
  Bytes rows;
  for (int y = image.height - 1; y >= 0; --y) {
    for (int x = 0; x < image.width; ++x)
      for (int c = 2; c >= 0; --c)
        rows.push_back(image.pixels[static_cast<std::size_t>(3 * (y * image.width + x) + c)]);
    while (rows.size() % 4 != 0) rows.push_back(0);
  }
  return bmp_of(image.height, image.width, {}, rows);
}

/// Damages a file the way broken disks, transfers and attackers do.
inline Bytes damaged(Bytes bytes, Random& random) {
  for (std::int64_t i = random.between(1, 4); i > 0; --i) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(5)) {
      case 0:
        bytes[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 1:
        bytes[at] = static_cast<std::uint8_t>(random.pick<int>({0, 1, 127, 128, 255}));
        break;
      case 2:
        bytes.resize(at + 1);
        break;
      case 3:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1 + random.below(8), 0xff);
        break;
      default:
        if (bytes.size() > 16) bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return bytes;
}

}  // namespace tilewake
