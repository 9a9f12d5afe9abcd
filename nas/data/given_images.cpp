// SPDX-License-Identifier: Apache-2.0
// Format of .npy files: NumPy, "A simple file format for NumPy arrays" (NEP 1): the magic string, a
// version, the length of a header, a Python dictionary as text, and the values.
#include "nas/data/given_images.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "nas/data/byte_reader.hpp"
#include "nas/data/decode.hpp"
#include "nas/data/formats.hpp"
#include "nas/data/memory_images.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHeaderBytes = 65536;
constexpr std::uint64_t kMaxArrayBytes = std::uint64_t{1} << 30;

[[noreturn]] void refuse_array(const std::string& path, const std::string& what) {
  throw InputError(
      fmt::format("{}: {}; images are an array of uint8, N x height x width or N x "
                  "height x width x channels, in C order",
                  path, what));
}

/// The text after `key` and a colon in the dictionary of a header.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& path) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) refuse_array(path, fmt::format("its header has no '{}'", key));
  std::string_view value = header.substr(at + key.size() + 3);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

std::vector<std::uint64_t> shape_in(std::string_view header, const std::string& path) {
  std::string_view text = value_of(header, "shape", path);
  const std::size_t end = text.find(')');
  if (text.empty() || text.front() != '(' || end == std::string_view::npos)
    refuse_array(path, "its header has no shape");
  std::vector<std::uint64_t> shape;
  std::uint64_t number = 0;
  bool has_digits = false;
  for (const char c : text.substr(1, end)) {
    if (c >= '0' && c <= '9') {
      number = std::min(10 * number + static_cast<std::uint64_t>(c - '0'), 2 * kMaxArrayBytes);
      has_digits = true;
    } else if (c == ',' || c == ')') {
      if (has_digits) shape.push_back(number);
      number = 0;
      has_digits = false;
    } else if (c != ' ') {
      refuse_array(path, "its shape is no list of sizes");
    }
  }
  return shape;
}

std::shared_ptr<MemoryImages> open_array(const std::string& path) {
  ByteReader file(path);
  const std::vector<std::uint8_t> magic = file.read(8);
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (!std::equal(kMagic.begin(), kMagic.end(), magic.begin(),
                  [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
    refuse_array(path, "is no NumPy file");
  std::size_t length = 0;
  std::size_t shift = 0;
  for (const std::uint8_t byte : file.read(magic[6] == 1 ? 2 : 4)) {
    length |= static_cast<std::size_t>(byte) << shift;
    shift += 8;
  }
  if (length > kMaxHeaderBytes) refuse_array(path, "its header is too long");
  const std::vector<std::uint8_t> bytes = file.read(length);
  const std::string header(bytes.begin(), bytes.end());
  const std::string_view kind = value_of(header, "descr", path);
  if (kind.substr(0, 5) != "'|u1'")
    refuse_array(path, fmt::format("holds values of another kind ({})",
                                   std::string(kind.substr(0, kind.find(',')))));
  if (value_of(header, "fortran_order", path).substr(0, 5) != "False")
    refuse_array(path, "is in Fortran order");
  std::vector<std::uint64_t> shape = shape_in(header, path);
  if (shape.size() == 3) shape.push_back(1);
  if (shape.size() != 4) refuse_array(path, fmt::format("has {} dimensions", shape.size()));
  std::uint64_t total = 1;
  for (const std::uint64_t size : shape) {
    if (size == 0) refuse_array(path, "has no images");
    if (size > kMaxArrayBytes / total) refuse_array(path, "has more than 1 GiB");
    total *= size;
  }
  check_image_size(path, shape[1], shape[2]);
  if (shape[3] > 4) refuse_array(path, fmt::format("has {} channels", shape[3]));
  std::vector<std::uint8_t> pixels = file.read(static_cast<std::size_t>(total));
  file.finish();
  return std::make_shared<MemoryImages>(
      static_cast<int>(shape[3]), static_cast<int>(shape[1]), static_cast<int>(shape[2]),
      std::move(pixels), std::vector<std::uint8_t>(static_cast<std::size_t>(shape[0]), 0));
}

void check_channels(const std::string& path, int channels, const InputFormat& format) {
  if (channels != format.channels)
    throw InputError(fmt::format("{}: images have {} channels, the network takes {}", path,
                                 channels, format.channels));
}

GivenImages without_labels(const std::string& path, std::shared_ptr<MemoryImages> images,
                           const InputFormat& format) {
  Image first;
  images->read(0, first);
  check_channels(path, first.channels, format);
  return {std::move(images), {}};
}

}  // namespace

GivenImages open_given_images(const std::string& path, const InputFormat& format) {
  std::error_code error;
  if (fs::path(path).extension() == ".npy") return without_labels(path, open_array(path), format);
  if (fs::is_regular_file(path, error)) return without_labels(path, open_idx_images(path), format);
  if (fs::is_directory(path, error)) {
    if (const auto images = open_images_of(path)) {
      images->set_kind(format.channels == 1, format.crops_centre);
      return {images, {}};
    }
  }
  ImageData data = open_image_data(path);
  check_channels(path, data.channels, format);
  return {data.test, data.classes};
}

}  // namespace tilewake
