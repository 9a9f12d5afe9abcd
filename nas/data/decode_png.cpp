// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <png.h>

#include "nas/data/decode.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr png_alloc_size_t kMaxChunkBytes = 8'000'000;
constexpr png_uint_32 kMaxChunks = 1000;  // kept by libpng
// Irrelevant for the pixels. Compressed chunks can expand to a thousand times their size.
constexpr png_byte kSkippedChunks[] = "iCCP\0iTXt\0tEXt\0zTXt\0sPLT\0eXIf\0hIST";
constexpr int kNumSkippedChunks = (sizeof kSkippedChunks) / 5;

/// State of libpng for one image. Errors leave by longjmp, so functions between setjmp and libpng
/// must not own objects with destructors: they get a PngReader&.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::uint8_t* bytes;
  std::size_t num_left;
  char message[128] = "not enough memory";

  explicit PngReader(const std::vector<std::uint8_t>& file)
      : bytes(file.data()), num_left(file.size()) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  [[noreturn]] static void on_error(png_structp png, png_const_charp what) {
    auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(reader->message, sizeof reader->message, "%s", what);
    png_longjmp(png, 1);
  }
  // Warnings concern chunks that do not affect pixels, such as colour profiles.
  static void on_warning(png_structp, png_const_charp) {}

  static void on_read(png_structp png, png_bytep to, png_size_t count) {
    auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader->num_left) png_error(png, "unexpected end");
    std::copy_n(reader->bytes, count, to);
    reader->bytes += count;
    reader->num_left -= count;
  }
};

// Returns false after an error of libpng.
bool read_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &reader, PngReader::on_read);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX,
                      PNG_UINT_31_MAX);  // check_image_size has a clearer message
  png_set_chunk_malloc_max(reader.png, kMaxChunkBytes);
  png_set_chunk_cache_max(reader.png, kMaxChunks);
  png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, kSkippedChunks,
                              kNumSkippedChunks);
  png_read_info(reader.png, reader.info);
  return true;
}

bool start(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_scale_16(reader.png);
  png_set_expand(reader.png);  // palettes, and grey of less than 8 bits
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

}  // namespace

void decode_png(const std::string& path, const std::vector<std::uint8_t>& file, Image& image) {
  PngReader reader(file);
  const auto fail = [&] { throw InputError(path + ": damaged PNG image: " + reader.message); };
  if (reader.info == nullptr || !read_header(reader)) fail();
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  const png_uint_32 width = png_get_image_width(reader.png, reader.info);
  check_image_size(path, height, width);
  if (!start(reader)) fail();

  const std::size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  image.channels = 3;
  image.height = static_cast<int>(height);
  image.width = static_cast<int>(width);
  image.pixels.resize(row_bytes * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = image.pixels.data() + y * row_bytes;
  if (!read_rows(reader, rows.data())) fail();
}

}  // namespace tilewake
