// SPDX-License-Identifier: Apache-2.0
// Format: Microsoft, "Bitmap Storage" and the structures BITMAPFILEHEADER, BITMAPCOREHEADER,
// BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER of the Windows GDI. Uncompressed images of
// 1, 4, 8, 16, 24 and 32 bits a pixel. Left out: run-length encoding, embedded JPEG and PNG.
#include <array>
#include <bit>
#include <cstddef>

#include <fmt/format.h>

#include "nas/data/decode.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kFileHeaderBytes = 14;
constexpr std::uint32_t kCoreHeaderBytes = 12;  // OS/2: sizes of 16 bits, palette of 3 bytes
constexpr std::uint32_t kInfoHeaderBytes = 40;
constexpr std::uint32_t kMaxHeaderBytes = 1024;  // BITMAPV5HEADER has 124

/// Values of biCompression.
enum Compression : std::uint32_t {
  kUncompressed = 0,
  kRunLength8 = 1,
  kRunLength4 = 2,
  kBitFields = 3,
  kAlphaBitFields = 6
};

/// Little-endian numbers of a file, with its bounds checked.
class BmpBytes {
 public:
  BmpBytes(const std::string& path, const std::vector<std::uint8_t>& file)
      : path_(path), file_(file) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(path_ + ": damaged BMP image: " + what);
  }
  std::size_t size() const { return file_.size(); }
  void check(std::size_t begin, std::size_t count) const {
    if (begin > file_.size() || count > file_.size() - begin) fail("unexpected end");
  }
  const std::uint8_t* at(std::size_t begin) const { return file_.data() + begin; }
  std::uint32_t number(std::size_t begin, std::size_t num_bytes) const {
    check(begin, num_bytes);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < num_bytes; ++i) value |= std::uint32_t{file_[begin + i]} << (8 * i);
    return value;
  }

 private:
  const std::string& path_;
  const std::vector<std::uint8_t>& file_;
};

/// The bits of a channel in a pixel of 16 or 32 bits.
struct ChannelBits {
  std::uint32_t max = 0;
  int shift = 0;

  std::uint8_t value_of(std::uint32_t pixel) const {
    const std::uint64_t value = pixel >> static_cast<unsigned>(shift) & max;
    return static_cast<std::uint8_t>((value * 255 + max / 2) / max);
  }
};

struct BmpHeader {
  int height = 0;
  int width = 0;
  bool is_top_down = false;
  std::uint32_t num_bits = 0;
  std::size_t pixels_begin = 0;
  std::vector<std::array<std::uint8_t, 3>> palette;  // RGB
  std::array<ChannelBits, 3> channels;               // of 16 and 32 bits, RGB
};

ChannelBits channel_bits(const BmpBytes& bytes, std::uint32_t mask) {
  if (mask == 0) bytes.fail("a colour has no bits");
  const int shift = std::countr_zero(mask);
  const std::uint32_t max = mask >> static_cast<unsigned>(shift);
  if ((std::uint64_t{max} & (std::uint64_t{max} + 1)) != 0)
    bytes.fail("the bits of a colour are not contiguous");
  return {max, shift};
}

/// Reads the palette after the header; `entry_bytes` are 3 or 4, blue first.
void read_palette(const BmpBytes& bytes, std::size_t begin, std::size_t num_entries,
                  std::size_t entry_bytes, BmpHeader& header) {
  bytes.check(begin, num_entries * entry_bytes);
  for (std::size_t i = 0; i < num_entries; ++i) {
    const std::uint8_t* entry = bytes.at(begin + i * entry_bytes);
    header.palette.push_back({entry[2], entry[1], entry[0]});
  }
}

/// The channels of 16 and 32 bits: 5 and 8 bits each, unless there are masks. These follow the
/// fields of BITMAPINFOHEADER, whether they are part of a larger header or not.
void read_channels(const BmpBytes& bytes, std::uint32_t compression, BmpHeader& header) {
  constexpr std::size_t kMasks = kFileHeaderBytes + kInfoHeaderBytes;
  constexpr std::array<std::uint32_t, 3> kMasks16 = {0x7c00, 0x03e0, 0x001f};
  constexpr std::array<std::uint32_t, 3> kMasks32 = {0xff0000, 0x00ff00, 0x0000ff};
  for (std::size_t c = 0; c < 3; ++c) {
    const std::uint32_t mask = compression != kUncompressed ? bytes.number(kMasks + 4 * c, 4)
                               : header.num_bits == 16      ? kMasks16[c]
                                                            : kMasks32[c];
    header.channels[c] = channel_bits(bytes, mask);
  }
}

BmpHeader read_header(const std::string& path, const BmpBytes& bytes) {
  BmpHeader header;
  header.pixels_begin = bytes.number(10, 4);
  const std::uint32_t header_bytes = bytes.number(kFileHeaderBytes, 4);
  const bool is_core = header_bytes == kCoreHeaderBytes;
  if (!is_core && (header_bytes < kInfoHeaderBytes || header_bytes > kMaxHeaderBytes))
    bytes.fail(fmt::format("header of {} bytes", header_bytes));
  const std::size_t side_bytes = is_core ? 2 : 4;
  const std::size_t sides = kFileHeaderBytes + 4;
  const std::uint32_t width = bytes.number(sides, side_bytes);
  std::uint32_t height = bytes.number(sides + side_bytes, side_bytes);
  if (!is_core && height > 0x7fffffffU) {  // negative: the first row is the topmost
    header.is_top_down = true;
    height = 0U - height;
  }
  check_image_size(path, height, width);
  header.height = static_cast<int>(height);
  header.width = static_cast<int>(width);

  header.num_bits = bytes.number(sides + 2 * side_bytes + 2, 2);
  const std::uint32_t compression = is_core ? kUncompressed : bytes.number(sides + 12, 4);
  const bool has_palette = header.num_bits == 1 || header.num_bits == 4 || header.num_bits == 8;
  const bool has_masks = header.num_bits == 16 || header.num_bits == 32;
  if (compression == kRunLength8 || compression == kRunLength4)
    throw InputError(path + ": is a BMP image with run-length encoding, which is not supported");
  const bool is_known =
      compression == kUncompressed
          ? has_palette || has_masks || header.num_bits == 24
          : has_masks && (compression == kBitFields || compression == kAlphaBitFields);
  if (!is_known)
    throw InputError(
        fmt::format("{}: is a BMP image of {} bits and compression {}; supported are 1, 4, 8, 16, "
                    "24 and 32 bits without compression",
                    path, header.num_bits, compression));
  if (has_masks) read_channels(bytes, compression, header);
  if (has_palette) {
    const std::uint32_t most = 1U << header.num_bits;
    const std::uint32_t given = is_core ? 0 : bytes.number(sides + 28, 4);
    if (given > most) bytes.fail(fmt::format("palette of {} colours", given));
    read_palette(bytes, kFileHeaderBytes + header_bytes, given == 0 ? most : given, is_core ? 3 : 4,
                 header);
  }
  return header;
}

/// The pixels of a row, `to` interleaved RGB.
void read_row(const BmpBytes& bytes, const BmpHeader& header, std::size_t begin, std::uint8_t* to) {
  const auto width = static_cast<std::size_t>(header.width);
  const std::uint8_t* row = bytes.at(begin);
  if (header.num_bits == 24) {
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < 3; ++c) to[3 * x + c] = row[3 * x + 2 - c];
    return;
  }
  if (header.palette.empty()) {
    const std::size_t pixel_bytes = header.num_bits / 8;
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint32_t pixel = bytes.number(begin + x * pixel_bytes, pixel_bytes);
      for (std::size_t c = 0; c < 3; ++c) to[3 * x + c] = header.channels[c].value_of(pixel);
    }
    return;
  }
  // The leftmost pixel is in the highest bits of a byte.
  const std::size_t per_byte = 8 / header.num_bits;
  const std::uint32_t mask = (1U << header.num_bits) - 1;
  for (std::size_t x = 0; x < width; ++x) {
    const auto shift = static_cast<unsigned>((per_byte - 1 - x % per_byte) * header.num_bits);
    const std::uint32_t index = std::uint32_t{row[x / per_byte]} >> shift & mask;
    if (index >= header.palette.size()) bytes.fail("a pixel is not in the palette");
    for (std::size_t c = 0; c < 3; ++c) to[3 * x + c] = header.palette[index][c];
  }
}

}  // namespace

void decode_bmp(const std::string& path, const std::vector<std::uint8_t>& file, Image& image) {
  const BmpBytes bytes(path, file);
  const BmpHeader header = read_header(path, bytes);
  const auto width = static_cast<std::size_t>(header.width);
  const auto height = static_cast<std::size_t>(header.height);
  // Rows are padded to multiples of 4 bytes; some programs leave the padding of the last one out.
  const std::size_t row_bytes = (width * header.num_bits + 31) / 32 * 4;
  bytes.check(header.pixels_begin, row_bytes * (height - 1) + (width * header.num_bits + 7) / 8);
  image.channels = 3;
  image.height = header.height;
  image.width = header.width;
  image.pixels.resize(3 * width * height);
  for (std::size_t y = 0; y < height; ++y) {
    const std::size_t row = header.is_top_down ? y : height - 1 - y;
    read_row(bytes, header, header.pixels_begin + row * row_bytes,
             image.pixels.data() + 3 * width * y);
  }
}

}  // namespace tilewake
