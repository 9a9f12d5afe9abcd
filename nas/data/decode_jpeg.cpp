// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs it
#include <jpeglib.h>

#include <fmt/format.h>

#include "nas/data/decode.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

// Each scan of a progressive file visits every block of the image, even if it changes none, so
// a small file can cause minutes of work. Real files have about 10 scans. 2^30 visited pixels take
// some seconds at most.
constexpr std::int64_t kMaxScans = 500;
constexpr std::int64_t kMaxScanPixels = std::int64_t{1} << 30;

/// The number of scans in a file, without decoding it.
/// Source: ITU-T T.81, annex B.
std::int64_t count_scans(const std::vector<std::uint8_t>& file) {
  constexpr std::uint8_t kStuffing = 0x00;
  constexpr std::uint8_t kTemporary = 0x01;
  constexpr std::uint8_t kFirstRestart = 0xd0;
  constexpr std::uint8_t kStartOfImage = 0xd8;
  constexpr std::uint8_t kEndOfImage = 0xd9;
  constexpr std::uint8_t kStartOfScan = 0xda;
  constexpr std::uint8_t kFill = 0xff;
  std::int64_t num_scans = 0;
  std::size_t i = 0;
  while (i + 1 < file.size()) {
    const std::uint8_t marker = file[i + 1];
    if (file[i] != kFill || marker == kFill) {
      ++i;
    } else if (marker == kStuffing || marker == kTemporary ||
               (marker >= kFirstRestart && marker <= kStartOfImage)) {
      i += 2;  // without a segment
    } else if (marker == kEndOfImage || i + 3 >= file.size()) {
      break;
    } else {
      num_scans += marker == kStartOfScan ? 1 : 0;
      i += 2 + (std::size_t{file[i + 2]} << 8 | file[i + 3]);
    }
  }
  return num_scans;
}

void check_scans(const std::string& path, std::int64_t num_scans, std::int64_t num_pixels) {
  if (num_scans > kMaxScans || num_scans * num_pixels > kMaxScanPixels) {
    throw InputError(fmt::format(
        "{}: JPEG image of {} scans of {} pixels; the limits are {} scans and {} pixels in total",
        path, num_scans, num_pixels, kMaxScans, kMaxScanPixels));
  }
}

/// State of libjpeg for one image. libjpeg requires errors to leave by longjmp, so functions
/// between setjmp and libjpeg must not own objects with destructors: they get a JpegReader&.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf on_error{};
  char message[JMSG_LENGTH_MAX] = "";

  JpegReader() {
    info.err = jpeg_std_error(&errors);
    info.client_data = this;
    errors.error_exit = [](j_common_ptr common) { fail(common); };
    errors.emit_message = [](j_common_ptr common, int level) {
      if (level < 0) fail(common);  // a warning; others are traces
    };
    progress.progress_monitor = [](j_common_ptr common) {
      auto* decoder = reinterpret_cast<j_decompress_ptr>(common);
      // Where the file is damaged so that libjpeg finds more scans than were counted.
      if (decoder->input_scan_number > kMaxScans) fail(common, "too many scans");
    };
  }
  ~JpegReader() { jpeg_destroy_decompress(&info); }  // valid even if it was not created
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  [[noreturn]] static void fail(j_common_ptr common) {
    auto* reader = static_cast<JpegReader*>(common->client_data);
    reader->errors.format_message(common, reader->message);
    std::longjmp(reader->on_error, 1);
  }
  [[noreturn]] static void fail(j_common_ptr common, const char* what) {
    auto* reader = static_cast<JpegReader*>(common->client_data);
    std::snprintf(reader->message, sizeof reader->message, "%s", what);
    std::longjmp(reader->on_error, 1);
  }
};

// Returns false after an error of libjpeg.
bool read_header(JpegReader& reader, const std::uint8_t* bytes, std::size_t num_bytes) {
  if (setjmp(reader.on_error) != 0) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, bytes, num_bytes);
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

bool start(JpegReader& reader) {
  if (setjmp(reader.on_error) != 0) return false;
  jpeg_start_decompress(&reader.info);
  return true;
}

// Reads rows of `row_bytes`, then the end of the file.
bool read_rows(JpegReader& reader, std::uint8_t* pixels, std::size_t row_bytes) {
  if (setjmp(reader.on_error) != 0) return false;
  while (reader.info.output_scanline < reader.info.output_height) {
    JSAMPROW row = pixels + reader.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.info, &row, 1);
  }
  jpeg_finish_decompress(&reader.info);
  return true;
}

// libjpeg-turbo has fast code for powers of two.
unsigned denominator_for(const jpeg_decompress_struct& info, int short_side) {
  if (short_side < 1) return 1;
  const unsigned side = std::min(info.image_height, info.image_width);
  unsigned denominator = 8;
  while (denominator > 1 && side / denominator < static_cast<unsigned>(short_side))
    denominator /= 2;
  return denominator;
}

// libjpeg does not convert CMYK. Files of Adobe's programs store it inverted.
void cmyk_to_rgb(std::vector<std::uint8_t>& pixels, bool is_inverted) {
  const std::size_t num_pixels = pixels.size() / 4;
  for (std::size_t i = 0; i < num_pixels; ++i) {
    const auto light = [&](std::size_t c) {
      return is_inverted ? pixels[4 * i + c] : 255 - pixels[4 * i + c];
    };
    const int key = light(3);
    const int rgb[] = {light(0) * key, light(1) * key, light(2) * key};
    for (std::size_t c = 0; c < 3; ++c)
      pixels[3 * i + c] = static_cast<std::uint8_t>((rgb[c] + 127) / 255);
  }
  pixels.resize(3 * num_pixels);
}

}  // namespace

StoredSize decode_jpeg(const std::string& path, const std::vector<std::uint8_t>& file,
                       int short_side, Image& image) {
  JpegReader reader;
  const auto fail = [&] { throw InputError(path + ": damaged JPEG image: " + reader.message); };
  if (!read_header(reader, file.data(), file.size())) fail();
  check_image_size(path, reader.info.image_height, reader.info.image_width);
  check_scans(path, count_scans(file),
              std::int64_t{reader.info.image_height} * reader.info.image_width);
  const bool is_cmyk =
      reader.info.jpeg_color_space == JCS_CMYK || reader.info.jpeg_color_space == JCS_YCCK;
  reader.info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  reader.info.scale_num = 1;
  reader.info.scale_denom = denominator_for(reader.info, short_side);
  if (!start(reader)) fail();

  image.channels = 3;
  image.height = static_cast<int>(reader.info.output_height);
  image.width = static_cast<int>(reader.info.output_width);
  const std::size_t row_bytes = std::size_t{reader.info.output_width} *
                                static_cast<std::size_t>(reader.info.output_components);
  image.pixels.resize(row_bytes * reader.info.output_height);
  if (!read_rows(reader, image.pixels.data(), row_bytes)) fail();
  if (is_cmyk) cmyk_to_rgb(image.pixels, reader.info.saw_Adobe_marker != FALSE);
  return {static_cast<int>(reader.info.image_height), static_cast<int>(reader.info.image_width)};
}

}  // namespace tilewake
