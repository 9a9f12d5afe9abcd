// SPDX-License-Identifier: Apache-2.0
#include "nas/data/decode.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>
#include <webp/encode.h>
#include <zlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/data/data_files.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Decode : public ::testing::Test {
 protected:
  Image decode(int short_side = 0) const {
    Image image;
    decode_image(path_, short_side, image);
    return image;
  }
  std::string error() const {
    return input_error_of([&] { decode(); });
  }
  void expect_same(const Image& expected) const {
    const Image image = decode();
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.height, expected.height);
    EXPECT_EQ(image.width, expected.width);
    EXPECT_EQ(image.pixels, expected.pixels);
  }
  // Every value within `tolerance`, for lossy formats.
  static void expect_close(const Image& image, const Image& expected, int tolerance) {
    ASSERT_EQ(image.height, expected.height);
    ASSERT_EQ(image.width, expected.width);
    ASSERT_EQ(image.pixels.size(), expected.pixels.size());
    int worst = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      worst = std::max(worst, std::abs(image.pixels[i] - expected.pixels[i]));
    EXPECT_LE(worst, tolerance);
  }

  TempDir dir_;
  const std::string path_ = dir_.file("image");
};

Image repeated(const Image& grey) {
  Image rgb{3, grey.height, grey.width, {}};
  for (const std::uint8_t value : grey.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, value);
  return rgb;
}

TEST_F(Decode, PngGivesRgbExactly) {
  for (const int interlace : {PNG_INTERLACE_NONE, PNG_INTERLACE_ADAM7}) {
    const Image image = random_image(3, 13, 7, 1);
    write_png(path_, 13, 7, 8, PNG_COLOR_TYPE_RGB, image.pixels, {}, interlace);
    expect_same(image);
  }
}

TEST_F(Decode, PngGreyIsRepeated) {
  const Image image = random_image(1, 9, 5, 2);
  write_png(path_, image);
  expect_same(repeated(image));
}

TEST_F(Decode, PngOfOneBitIsBlackAndWhite) {
  write_png(path_, 1, 8, 1, PNG_COLOR_TYPE_GRAY, {0b10110001});
  expect_same(repeated({1, 1, 8, {255, 0, 255, 255, 0, 0, 0, 255}}));
}

TEST_F(Decode, PngPaletteIsLookedUp) {
  write_png(path_, 1, 3, 8, PNG_COLOR_TYPE_PALETTE, {2, 0, 1}, {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  expect_same({3, 1, 3, {7, 8, 9, 1, 2, 3, 4, 5, 6}});
}

TEST_F(Decode, PngTransparencyIsDropped) {
  write_png(path_, 1, 2, 8, PNG_COLOR_TYPE_RGB_ALPHA, {10, 20, 30, 0, 40, 50, 60, 255});
  expect_same({3, 1, 2, {10, 20, 30, 40, 50, 60}});
}

TEST_F(Decode, PngOf16BitsIsScaledTo8) {
  write_png(path_, 1, 3, 16, PNG_COLOR_TYPE_GRAY, {0, 0, 0x80, 0x80, 0xff, 0xff});
  expect_same(repeated({1, 1, 3, {0, 128, 255}}));
}

TEST_F(Decode, JpegGivesRgbClosely) {
  for (const bool is_progressive : {false, true}) {
    const Image image = smooth_image(61, 83);
    write_jpeg(path_, image, 95, is_progressive);
    expect_close(decode(), image, 6);
  }
}

TEST_F(Decode, JpegGreyIsRepeated) {
  Image image{1, 40, 40, {}};
  for (int i = 0; i < 1600; ++i) image.pixels.push_back(static_cast<std::uint8_t>(50 + i / 16));
  write_jpeg(path_, image);
  expect_close(decode(), repeated(image), 4);
}

// Full ink of a colour takes its light away; black takes all. Adobe writes 255 - ink.
TEST_F(Decode, JpegCmykBecomesRgb) {
  const int cyan = 200;
  const int magenta = 100;
  const int yellow = 0;
  const int black = 51;
  const auto light = [&](int ink) { return (255 - ink) * (255 - black) / 255; };
  Image expected{3, 16, 16, {}};
  for (int i = 0; i < 256; ++i)
    for (const int ink : {cyan, magenta, yellow})
      expected.pixels.push_back(static_cast<std::uint8_t>(light(ink)));
  for (const bool is_adobe : {true, false}) {
    Image image{4, 16, 16, {}};
    for (int i = 0; i < 256; ++i)
      for (const int ink : {cyan, magenta, yellow, black})
        image.pixels.push_back(static_cast<std::uint8_t>(is_adobe ? 255 - ink : ink));
    write_jpeg(path_, image, 100, false, is_adobe);
    expect_close(decode(), expected, 3);
  }
}

TEST_F(Decode, JpegIsScaledDownIfThatIsEnough) {
  const Image image = smooth_image(320, 480);
  write_jpeg(path_, image);
  for (const auto& [short_side, height] : {std::pair{0, 320},
                                           {320, 320},
                                           {161, 320},
                                           {160, 160},
                                           {81, 160},
                                           {80, 80},
                                           {41, 80},
                                           {40, 40},
                                           {39, 40},
                                           {1, 40},
                                           {1000, 320}}) {
    const Image small = decode(short_side);
    EXPECT_EQ(small.height, height) << short_side;
    expect_close(small, smooth_image(height, height * 3 / 2), 8);
  }
}

TEST_F(Decode, PngIgnoresTheSizeThatIsEnough) {
  const Image image = random_image(3, 64, 64, 3);
  write_png(path_, image);
  EXPECT_EQ(decode(4).pixels, image.pixels);
}

TEST_F(Decode, WebpGivesRgbExactly) {
  for (const auto& [height, width] : {std::pair{13, 7}, {1, 1}, {40, 64}}) {
    const Image image = random_image(3, height, width, 5);
    write_bytes(path_, webp_of(image));
    expect_same(image);
  }
}

TEST_F(Decode, WebpTransparencyIsDropped) {
  const Bytes rgba = {10, 20, 30, 255, 40, 50, 60, 128};
  std::uint8_t* output = nullptr;
  const std::size_t size = WebPEncodeLosslessRGBA(rgba.data(), 2, 1, 8, &output);
  write_bytes(path_, Bytes(output, output + size));
  WebPFree(output);
  expect_same({3, 1, 2, {10, 20, 30, 40, 50, 60}});
}

TEST_F(Decode, AnimatedWebpIsRefusedByName) {
  write_bytes(path_, animated_webp_of(random_image(3, 8, 8, 6)));
  EXPECT_THAT(error(), AllOf(StartsWith(path_ + ": "), HasSubstr("animated")));
}

TEST_F(Decode, WebpCannotAskForMoreThanTheLimits) {
  Bytes bytes = webp_of(random_image(3, 4, 4, 7));
  for (std::size_t i = 21; i < 24; ++i)
    bytes[i] = 0xff;  // 14 bits each of width and height, less 1
  bytes[24] = 0x0f;
  write_bytes(path_, bytes);
  EXPECT_THAT(error(), StartsWith(path_ + ": has 16384 x 16384"));
}

TEST_F(Decode, BmpOf24BitsGivesRgbExactly) {
  for (const int width : {1, 2, 3, 4, 5}) {  // of all paddings
    const Image image = random_image(3, 3, width, 8);
    write_bytes(path_, bmp_of(image));
    expect_same(image);
  }
}

TEST_F(Decode, BmpRowsAreTopDownIfTheHeightIsNegative) {
  const Bytes rows = {1, 2, 3, 0, 4, 5, 6, 0};
  write_bytes(path_, bmp_of(2, 1, {}, rows));
  expect_same({3, 2, 1, {6, 5, 4, 3, 2, 1}});
  write_bytes(path_, bmp_of(-2, 1, {}, rows));
  expect_same({3, 2, 1, {3, 2, 1, 6, 5, 4}});
}

// 5 pixels of increasing index; the leftmost is in the highest bits.
TEST_F(Decode, BmpPaletteIsLookedUp) {
  Bytes palette;
  Image expected{3, 1, 5, {}};
  for (const int i : {0, 1, 2, 3, 4}) {
    for (const int value : {30 + i, 20 + i, 10 + i, 0})
      palette.push_back(static_cast<std::uint8_t>(value));
    for (const int value : {10 + i, 20 + i, 30 + i})
      expected.pixels.push_back(static_cast<std::uint8_t>(value));
  }
  write_bytes(path_, bmp_of(1, 5, {8, palette}, {0, 1, 2, 3, 4, 0, 0, 0}));
  expect_same(expected);
  write_bytes(path_, bmp_of(1, 5, {4, palette}, {0x01, 0x23, 0x40, 0}));
  expect_same(expected);
  write_bytes(path_, bmp_of(1, 5, {1, {0, 0, 0, 0, 255, 255, 255, 0}}, {0b10110000, 0, 0, 0}));
  expect_same(repeated({1, 1, 5, {255, 0, 255, 255, 0}}));
  write_bytes(path_, bmp_of(1, 5, {8, palette}, {0, 1, 2, 3, 5, 0, 0, 0}));
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
}

// Black, full colours and white, of every layout that has them.
TEST_F(Decode, BmpOf16And32BitsHasTheChannelsOfItsMasks) {
  const Image expected{3, 1, 5, {0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};
  for (const auto& [num_bits, red, green, blue, compression, header_bytes] : std::vector<
           std::tuple<int, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t, int>>{
           {16, 0x7c00, 0x03e0, 0x001f, 0, 40},
           {16, 0xf800, 0x07e0, 0x001f, 3, 40},
           {16, 0xf800, 0x07e0, 0x001f, 3, 124},
           {16, 0x0f00, 0x00f0, 0x000f, 3, 56},
           {32, 0xff0000, 0xff00, 0xff, 0, 40},
           {32, 0xff000000, 0xff0000, 0xff00, 3, 108},
           {32, 0x3ff00000, 0xffc00, 0x3ff, 3, 40},
           {32, 0xff, 0xff00, 0xff0000, 6, 40}}) {
    Bytes rows;
    for (const std::uint32_t pixel : {0U, red, green, blue, red | green | blue})
      append_little(rows, pixel, num_bits / 8);
    while (rows.size() % 4 != 0) rows.push_back(0);
    BmpFormat format{num_bits, {}, compression, {}, header_bytes};
    if (compression != 0) format.masks = {red, green, blue};
    write_bytes(path_, bmp_of(1, 5, format, rows));
    expect_same(expected);
  }
}

TEST_F(Decode, BmpMayLackThePaddingOfItsLastRow) {
  const Image image = random_image(3, 2, 3, 9);
  Bytes bytes = bmp_of(image);
  bytes.erase(bytes.end() - 3, bytes.end());
  write_bytes(path_, bytes);
  expect_same(image);
}

TEST_F(Decode, OtherBmpFilesAreRefusedByName) {
  for (const auto& [num_bits, compression] :
       {std::pair{8, 1U}, {4, 2U}, {24, 3U}, {0, 4U}, {24, 5U}, {2, 0U}, {64, 0U}}) {
    write_bytes(path_, bmp_of(1, 4, {num_bits, {}, compression, {1, 2, 4}}, Bytes(4096)));
    EXPECT_THAT(error(), StartsWith(path_ + ": is a BMP image "));
  }
  for (const std::uint32_t mask : {0U, 5U}) {  // no bits; not contiguous
    write_bytes(path_, bmp_of(1, 4, {32, {}, 3, {mask, 0xff00, 0xff0000}}, Bytes(16)));
    EXPECT_THAT(error(), StartsWith(path_ + ": damaged BMP image: "));
  }
  for (const auto& [height, width] : {std::pair{0, 4}, {4, 0}, {16385, 4}, {4, -1}, {9000, 9000}}) {
    write_bytes(path_, bmp_of(height, width, {}, Bytes(64)));
    EXPECT_THAT(error(), StartsWith(path_ + ": has "));
  }
}

TEST_F(Decode, FormatIsDetectedByContentNotByName) {
  const std::string path = dir_.file("really_a_png.JPEG");
  const Image image = random_image(3, 4, 4, 4);
  write_png(path, image);
  Image read;
  decode_image(path, 0, read);
  EXPECT_EQ(read.pixels, image.pixels);
}

TEST_F(Decode, OtherFilesAreRefused) {
  write_bytes(path_, {'G', 'I', 'F', '8', '9', 'a'});
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
  write_bytes(path_, {0x89});
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
  write_bytes(path_, {});
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
  std::filesystem::remove(path_);
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
}

TEST_F(Decode, FileBeyondTheLimitIsNotRead) {
  write_png(path_, random_image(3, 4, 4, 5));
  std::filesystem::resize_file(path_, kMaxImageFileBytes + 1);
  EXPECT_THAT(error(), StartsWith(path_ + ": has 67108865"));
}

// Sizes follow the chunk's name (PNG, with a checksum) and the frame's marker (JPEG).
TEST_F(Decode, HeaderCannotAskForMoreThanTheLimits) {
  write_png(path_, 1, 16385, 8, PNG_COLOR_TYPE_GRAY, Bytes(16385));
  EXPECT_THAT(error(), StartsWith(path_ + ": has 1 x 16385"));

  write_jpeg(path_, smooth_image(16, 16));
  Bytes bytes = read_bytes(path_);
  const Bytes frame = {0xff, 0xc0, 0, 17, 8};  // baseline, 17 bytes, 8 bits
  const auto at = std::search(bytes.begin(), bytes.end(), frame.begin(), frame.end());
  ASSERT_NE(at, bytes.end());
  const auto set_size = [&](int height, int width) {
    at[5] = static_cast<std::uint8_t>(height >> 8);
    at[6] = static_cast<std::uint8_t>(height & 255);
    at[7] = static_cast<std::uint8_t>(width >> 8);
    at[8] = static_cast<std::uint8_t>(width & 255);
    write_bytes(path_, bytes);
  };
  set_size(65000, 16);
  EXPECT_THAT(error(), StartsWith(path_ + ": has 65000 x 16"));
  set_size(16384, 16384);
  EXPECT_THAT(error(), StartsWith(path_ + ": has 16384 x 16384"));
  set_size(16, 32);  // the data end early, which libjpeg only warns of
  EXPECT_THAT(error(), StartsWith(path_ + ": damaged JPEG image: "));
}

/// A progressive image whose last scan comes `num_more` times more.
Bytes with_scans(const Image& image, int num_more, const std::string& path) {
  write_jpeg(path, image, 95, true);
  const Bytes whole = read_bytes(path);
  // From its marker (start of scan) to the end of the image.
  const Bytes marker = {0xff, 0xda};
  const auto last = std::find_end(whole.begin(), whole.end() - 2, marker.begin(), marker.end());
  Bytes bytes(whole.begin(), whole.end() - 2);
  for (int i = 0; i < num_more; ++i) bytes.insert(bytes.end(), last, whole.end() - 2);
  bytes.insert(bytes.end(), whole.end() - 2, whole.end());
  return bytes;
}

TEST_F(Decode, ManyScansAreRefused) {
  write_bytes(path_, with_scans(smooth_image(16, 16), 1000, path_));
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
}

TEST_F(Decode, ScansAreBoundedByThePixelsThatTheyVisit) {
  // 10 scans of 2^22 pixels and 480 more; each takes a few bytes where nothing changes.
  const Image image{1, 2048, 2048, Bytes(std::size_t{2048} * 2048, 128)};
  write_bytes(path_, with_scans(image, 480, path_));
  EXPECT_THAT(error(), AllOf(StartsWith(path_ + ": "), HasSubstr("scans")));
  // Within the bound; libjpeg then refuses the repeated scans of this test for their order.
  write_bytes(path_, with_scans(image, 100, path_));
  EXPECT_THAT(error(), Not(HasSubstr("scans")));
  // A preview after the end, as cameras write them, does not count.
  Bytes bytes = with_scans(image, 100, path_);
  const Bytes preview = with_scans(image, 400, path_);
  bytes.insert(bytes.end(), preview.begin(), preview.end());
  write_bytes(path_, bytes);
  EXPECT_THAT(error(), Not(HasSubstr("scans")));
}

TEST_F(Decode, CompressedTextOfAPngIsNotUnfolded) {
  write_png(path_, random_image(3, 4, 4, 5));
  const Bytes whole = read_bytes(path_);
  const Bytes expected = decode().pixels;
  // zTXt: keyword, 0, method 0, then what is no zlib stream: whoever unfolds it warns or fails.
  Bytes chunk = {'z', 'T', 'X', 't', 'k', 0, 0, 1, 2, 3};
  const auto append = [](Bytes& bytes, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  Bytes bytes(whole.begin(), whole.begin() + 33);  // signature and IHDR
  for (int i = 0; i < 3000; ++i) {                 // more than libpng would keep
    append(bytes, static_cast<std::uint32_t>(chunk.size() - 4));
    bytes.insert(bytes.end(), chunk.begin(), chunk.end());
    append(bytes,
           static_cast<std::uint32_t>(::crc32(0, chunk.data(), static_cast<uInt>(chunk.size()))));
  }
  bytes.insert(bytes.end(), whole.begin() + 33, whole.end());
  write_bytes(path_, bytes);
  EXPECT_EQ(decode().pixels, expected);
}

TEST_F(Decode, TruncationIsRefusedAtEveryByte) {
  for (const std::string kind : {"PNG", "JPEG", "WebP", "BMP"}) {
    if (kind == "PNG") write_png(path_, random_image(3, 5, 6, 6));
    if (kind == "JPEG") write_jpeg(path_, smooth_image(20, 24));
    if (kind == "WebP") write_bytes(path_, webp_of(random_image(3, 5, 6, 6)));
    if (kind == "BMP") write_bytes(path_, bmp_of(random_image(3, 5, 4, 6)));
    const Bytes whole = read_bytes(path_);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      write_bytes(path_, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      EXPECT_THAT(error(), StartsWith(path_ + ": ")) << kind << " " << size;
    }
  }
}

TEST_F(Decode, ErrorOfTruncationIsThatOfTheLibrary) {
  write_png(path_, random_image(3, 5, 6, 7));
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 20);
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
  write_jpeg(path_, smooth_image(20, 24));
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 20);
  EXPECT_THAT(error(), StartsWith(path_ + ": "));
}

TEST_F(Decode, DamagedFilesAreRefusedOrRead) {
  const auto write = [&](int kind) {
    if (kind == 0) write_png(path_, random_image(3, 11, 9, 8));
    if (kind == 1)
      write_png(path_, 2, 3, 8, PNG_COLOR_TYPE_PALETTE, {0, 1, 2, 2, 1, 0}, {{}, {}, {}});
    if (kind == 2) write_jpeg(path_, smooth_image(24, 33));
    if (kind == 3) write_jpeg(path_, smooth_image(24, 33), 80, true);
    if (kind == 4) write_jpeg(path_, random_image(4, 16, 16, 9));
    if (kind == 5) write_bytes(path_, webp_of(random_image(3, 11, 9, 11)));
    if (kind == 6) write_bytes(path_, animated_webp_of(random_image(3, 11, 9, 12)));
    if (kind == 7) write_bytes(path_, bmp_of(random_image(3, 3, 2, 13)));
    if (kind == 8) write_bytes(path_, bmp_of(2, 5, {4, Bytes(12, 7)}, random_bytes(8, 14)));
  };
  Random random(10);
  int num_refused = 0;
  for (int kind = 0; kind < 9; ++kind) {
    write(kind);
    const Bytes whole = read_bytes(path_);
    for (int i = 0; i < 400; ++i) {
      write_bytes(path_, damaged(whole, random));
      const std::string message = error();  // any other exception fails the test
      EXPECT_THAT(message, AnyOf("no error", StartsWith(path_ + ": ")));
      num_refused += message != "no error" ? 1 : 0;
    }
  }
  EXPECT_GT(num_refused, 1000);
}

}  // namespace
}  // namespace tilewake
