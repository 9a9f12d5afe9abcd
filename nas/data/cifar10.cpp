// SPDX-License-Identifier: Apache-2.0
// Format: A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version": records of a label byte
// and 32 x 32 pixels, all red values, then all green, then all blue.
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

constexpr int kCifarSide = 32;
constexpr int kChannels = 3;
constexpr std::size_t kPlane = std::size_t{kCifarSide} * kCifarSide;
constexpr std::size_t kRecord = 1 + kChannels * kPlane;
constexpr std::size_t kMaxFileBytes = 100'000 * kRecord;  // the original files have 10,000 records
constexpr std::size_t kNumCifarClasses = 10;

struct Records {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
};

void append_records(const std::string& path, Records& records) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxFileBytes);
  if (bytes.size() % kRecord != 0)
    throw InputError(fmt::format("{}: {} bytes are not a multiple of the {} bytes of a record",
                                 path, bytes.size(), kRecord));
  for (std::size_t begin = 0; begin < bytes.size(); begin += kRecord) {
    const std::uint8_t label = bytes[begin];
    if (label >= kNumCifarClasses)
      throw InputError(fmt::format("{}: label {} of image {} is invalid: there are {} classes",
                                   path, label, begin / kRecord, kNumCifarClasses));
    records.labels.push_back(label);
    for (std::size_t i = 0; i < kPlane; ++i)
      for (std::size_t c = 0; c < kChannels; ++c)
        records.pixels.push_back(bytes[begin + 1 + c * kPlane + i]);
  }
}

std::shared_ptr<const ImageSource> read_records(const std::filesystem::path& directory,
                                                const std::vector<std::string>& names) {
  Records records;
  for (const std::string& name : names) append_records((directory / name).string(), records);
  return std::make_shared<MemoryImages>(kChannels, kCifarSide, kCifarSide,
                                        std::move(records.pixels), std::move(records.labels));
}

// batches.meta.txt has one name per line and an empty line at the end.
std::vector<std::string> read_class_names(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    return {"airplane", "automobile", "bird",  "cat",  "deer",
            "dog",      "frog",       "horse", "ship", "truck"};
  const std::vector<std::uint8_t> bytes = read_file(path.string(), 4096);
  std::vector<std::string> names(1);
  for (const std::uint8_t byte : bytes) {
    if (byte == '\n') {
      names.emplace_back();
    } else if (byte != '\r') {
      names.back() += static_cast<char>(byte);
    }
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  if (names.size() != kNumCifarClasses)
    throw InputError(fmt::format("{}: has {} classes; CIFAR-10 has {}", path.string(), names.size(),
                                 kNumCifarClasses));
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].empty())
      throw InputError(fmt::format("{}:{}: the name of a class is empty", path.string(), i + 1));
  return names;
}

}  // namespace

ImageData open_cifar10(const std::string& directory) {
  ImageData data;
  data.channels = kChannels;
  data.classes = read_class_names(std::filesystem::path(directory) / "batches.meta.txt");
  data.train = read_records(directory, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin"});
  data.test = read_records(directory, {"test_batch.bin"});
  return data;
}

}  // namespace tilewake
