// SPDX-License-Identifier: Apache-2.0
// Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "file formats": a
// big-endian header of magic number (two zero bytes, type, number of dimensions) and sizes, then
// the values.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "nas/data/byte_reader.hpp"
#include "nas/data/formats.hpp"
#include "nas/data/memory_images.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::uint32_t kLabelsMagic = 0x00000801;  // unsigned bytes, 1 dimension
constexpr std::uint32_t kImagesMagic = 0x00000803;  // unsigned bytes, 3 dimensions
constexpr std::uint32_t kMaxIdxImages = 10'000'000;
constexpr std::uint32_t kMaxSide = 16384;
constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{1} << 30;

std::uint32_t read_uint32(ByteReader& file) {
  std::uint32_t value = 0;
  for (const std::uint8_t byte : file.read(4)) value = value << 8 | byte;
  return value;
}

void check_magic(ByteReader& file, std::uint32_t expected, const char* what) {
  const std::uint32_t magic = read_uint32(file);
  if (magic != expected)
    throw InputError(fmt::format("{}: is not an idx file of {}: starts with {:#010x}, not {:#010x}",
                                 file.path(), what, magic, expected));
}

std::uint32_t read_count(ByteReader& file) {
  const std::uint32_t count = read_uint32(file);
  if (count == 0) throw InputError(file.path() + ": has no images");
  if (count > kMaxIdxImages)
    throw InputError(fmt::format("{}: has {} images according to its header; the limit is {}",
                                 file.path(), count, kMaxIdxImages));
  return count;
}

std::vector<std::uint8_t> read_labels(const std::string& path) {
  ByteReader file(path);
  check_magic(file, kLabelsMagic, "labels");
  std::vector<std::uint8_t> labels = file.read(read_count(file));
  file.finish();
  return labels;
}

std::uint32_t read_side(ByteReader& file, const char* name) {
  const std::uint32_t side = read_uint32(file);
  if (side < 1 || side > kMaxSide)
    throw InputError(fmt::format("{}: images are {} pixels {}; must be from 1 to {}", file.path(),
                                 side, name, kMaxSide));
  return side;
}

/// @param labels  empty: all are 0
std::shared_ptr<MemoryImages> read_images(const std::string& path,
                                          std::vector<std::uint8_t> labels) {
  ByteReader file(path);
  check_magic(file, kImagesMagic, "images");
  const std::uint32_t count = read_count(file);
  if (labels.empty()) labels.resize(count);
  if (count != labels.size())
    throw InputError(fmt::format("{}: has {} images, but {} labels", path, count, labels.size()));
  const std::uint32_t height = read_side(file, "high");
  const std::uint32_t width = read_side(file, "wide");
  const std::uint64_t bytes = std::uint64_t{height} * width * count;
  if (bytes > kMaxIdxBytes)
    throw InputError(fmt::format("{}: has {} bytes according to its header; the limit is {}", path,
                                 bytes, kMaxIdxBytes));
  std::vector<std::uint8_t> pixels = file.read(static_cast<std::size_t>(bytes));
  file.finish();
  return std::make_shared<MemoryImages>(1, static_cast<int>(height), static_cast<int>(width),
                                        std::move(pixels), std::move(labels));
}

std::string plain_or_gzip(const std::string& directory, const std::string& name) {
  std::string path = (std::filesystem::path(directory) / name).string();
  if (std::filesystem::exists(path)) return path;
  if (std::filesystem::exists(path + ".gz")) return path + ".gz";
  throw InputError(path + ": missing; neither it nor " + name + ".gz exists");
}

std::vector<std::string> class_numbers(const std::vector<std::uint8_t>& labels) {
  std::vector<std::string> names;
  const int last = *std::max_element(labels.begin(), labels.end());
  for (int i = 0; i <= last; ++i) names.push_back(std::to_string(i));
  return names;
}

void check_labels(const std::vector<std::uint8_t>& labels, std::size_t num_classes,
                  const std::string& path) {
  const auto bad = std::find_if(labels.begin(), labels.end(),
                                [&](std::uint8_t label) { return label >= num_classes; });
  if (bad != labels.end())
    throw InputError(fmt::format("{}: label {} of image {} is invalid: there are {} classes", path,
                                 *bad, bad - labels.begin(), num_classes));
}

}  // namespace

std::shared_ptr<MemoryImages> open_idx_images(const std::string& path) {
  return read_images(path, {});
}

ImageData open_idx(const std::string& directory, const std::vector<std::string>& classes) {
  ImageData data;
  data.channels = 1;
  const std::string train_path = plain_or_gzip(directory, "train-labels-idx1-ubyte");
  const std::string test_path = plain_or_gzip(directory, "t10k-labels-idx1-ubyte");
  std::vector<std::uint8_t> train_labels = read_labels(train_path);
  std::vector<std::uint8_t> test_labels = read_labels(test_path);
  data.classes = classes.empty() ? class_numbers(train_labels) : classes;
  check_labels(train_labels, data.classes.size(), train_path);
  check_labels(test_labels, data.classes.size(), test_path);

  const std::shared_ptr<MemoryImages> train =
      read_images(plain_or_gzip(directory, "train-images-idx3-ubyte"), std::move(train_labels));
  const std::string test_images = plain_or_gzip(directory, "t10k-images-idx3-ubyte");
  const std::shared_ptr<MemoryImages> test = read_images(test_images, std::move(test_labels));
  if (test->height() != train->height() || test->width() != train->width())
    throw InputError(fmt::format("{}: images are {} x {} pixels, but those for training {} x {}",
                                 test_images, test->height(), test->width(), train->height(),
                                 train->width()));
  data.train = train;
  data.test = test;
  return data;
}

}  // namespace tilewake
