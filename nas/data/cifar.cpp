// SPDX-License-Identifier: Apache-2.0
// Format: A. Krizhevsky, "The CIFAR-10 dataset" and "The CIFAR-100 dataset". Binary versions have
// records of one label byte (CIFAR-100: coarse, then fine) and 32 x 32 pixels, all red values, then
// all green, then all blue. Python versions have the same rows of pixels as an array, and the
// labels as a list. The coarse labels of CIFAR-100 are ignored.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "nas/data/byte_reader.hpp"
#include "nas/data/formats.hpp"
#include "nas/data/memory_images.hpp"
#include "nas/data/pickle.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr int kCifarSide = 32;
constexpr int kChannels = 3;
constexpr std::size_t kPlane = std::size_t{kCifarSide} * kCifarSide;
constexpr std::size_t kPixels = kChannels * kPlane;
constexpr std::size_t kMaxRecords = 100'000;  // of a file; the original ones have up to 50,000
constexpr std::size_t kMaxPickleBytes = 2 * kMaxRecords * kPixels;  // Python 3 writes up to 1.5
constexpr std::size_t kMaxNameBytes = 65536;

/// What the two data sets differ in.
struct Cifar {
  const char* name;
  std::size_t num_classes;
  std::size_t label_bytes;  // of a binary record; the last one is the label
  const char* labels;       // keys of the Python version
  const char* class_names;
};

constexpr Cifar kCifar10 = {"CIFAR-10", 10, 1, "labels", "label_names"};
constexpr Cifar kCifar100 = {"CIFAR-100", 100, 2, "fine_labels", "fine_label_names"};

struct Records {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
};

void append_pixels(const std::uint8_t* planes, Records& records) {
  for (std::size_t i = 0; i < kPlane; ++i)
    for (std::size_t c = 0; c < kChannels; ++c) records.pixels.push_back(planes[c * kPlane + i]);
}

void append_label(const std::string& path, const Cifar& cifar, std::size_t index,
                  std::int64_t label, Records& records) {
  if (label < 0 || label >= static_cast<std::int64_t>(cifar.num_classes))
    throw InputError(fmt::format("{}: label {} of image {} is invalid: there are {} classes", path,
                                 label, index, cifar.num_classes));
  records.labels.push_back(static_cast<std::uint8_t>(label));
}

void append_binary(const std::string& path, const Cifar& cifar, Records& records) {
  const std::size_t record = cifar.label_bytes + kPixels;
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxRecords * record);
  if (bytes.size() % record != 0)
    throw InputError(fmt::format("{}: {} bytes are not a multiple of the {} bytes of a record",
                                 path, bytes.size(), record));
  for (std::size_t begin = 0; begin < bytes.size(); begin += record) {
    append_label(path, cifar, begin / record, bytes[begin + cifar.label_bytes - 1], records);
    append_pixels(bytes.data() + begin + cifar.label_bytes, records);
  }
}

void append_python(const std::string& path, const Cifar& cifar, Records& records) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxPickleBytes);
  const Pickle pickle(path, bytes);
  const auto fail = [&](const std::string& what) { throw InputError(path + ": " + what); };
  const Pickle::Value* data = pickle.find("data");
  const Pickle::Value* labels = pickle.find(cifar.labels);
  if (data == nullptr || data->kind != Pickle::Kind::kArray || data->items.size() != 2 ||
      pickle.value(data->items[1]).integer != kPixels || data->text.empty())
    fail(fmt::format("has no 'data', an array of rows of {} bytes", kPixels));
  const std::size_t num_images = data->text.size() / kPixels;
  if (labels == nullptr || labels->kind != Pickle::Kind::kList ||
      labels->items.size() != num_images || num_images > kMaxRecords)
    fail(fmt::format("has no '{}', a list of one label for each of the {} images", cifar.labels,
                     num_images));
  for (std::size_t i = 0; i < num_images; ++i) {
    const Pickle::Value& label = pickle.value(labels->items[i]);
    if (label.kind != Pickle::Kind::kInteger)
      fail(fmt::format("label of image {} is no integer", i));
    append_label(path, cifar, i, label.integer, records);
    append_pixels(reinterpret_cast<const std::uint8_t*>(data->text.data()) + i * kPixels, records);
  }
}

using Append = void (*)(const std::string& path, const Cifar& cifar, Records& records);

std::shared_ptr<const ImageSource> read_records(const fs::path& directory, const Cifar& cifar,
                                                const std::vector<std::string>& names,
                                                Append append) {
  Records records;
  for (const std::string& name : names) append((directory / name).string(), cifar, records);
  return std::make_shared<MemoryImages>(kChannels, kCifarSide, kCifarSide,
                                        std::move(records.pixels), std::move(records.labels));
}

std::vector<std::string> published_names() {
  return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
}

void check_count(const std::string& path, const Cifar& cifar,
                 const std::vector<std::string>& names) {
  if (names.size() != cifar.num_classes)
    throw InputError(fmt::format("{}: has {} classes; {} has {}", path, names.size(), cifar.name,
                                 cifar.num_classes));
}

/// One name per line, and an empty line at the end.
std::vector<std::string> names_in_text(const std::string& path, const Cifar& cifar) {
  std::vector<std::string> names(1);
  for (const std::uint8_t byte : read_file(path, kMaxNameBytes)) {
    if (byte == '\n') {
      names.emplace_back();
    } else if (byte != '\r') {
      names.back() += static_cast<char>(byte);
    }
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  check_count(path, cifar, names);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].empty())
      throw InputError(fmt::format("{}:{}: the name of a class is empty", path, i + 1));
  return names;
}

std::vector<std::string> names_in_pickle(const std::string& path, const Cifar& cifar) {
  const std::vector<std::uint8_t> bytes = read_file(path, kMaxNameBytes);
  const Pickle pickle(path, bytes);
  const Pickle::Value* list = pickle.find(cifar.class_names);
  std::vector<std::string> names;
  if (list != nullptr && list->kind == Pickle::Kind::kList) {
    for (const Pickle::Ref ref : list->items) names.emplace_back(pickle.value(ref).text);
  }
  check_count(path, cifar, names);
  for (const std::string& name : names)
    if (name.empty()) throw InputError(path + ": the name of a class is empty");
  return names;
}

struct CifarFiles {
  std::vector<std::string> train;
  std::string test;
  std::string names;
  bool has_published_names;  // used if there is no file of names
  Append append;
  std::vector<std::string> (*read_names)(const std::string& path, const Cifar& cifar);
};

ImageData open_cifar(const fs::path& directory, const Cifar& cifar, const CifarFiles& files) {
  ImageData data;
  data.channels = kChannels;
  const fs::path names = directory / files.names;
  data.classes = files.has_published_names && !fs::exists(names)
                     ? published_names()
                     : files.read_names(names.string(), cifar);
  data.train = read_records(directory, cifar, files.train, files.append);
  data.test = read_records(directory, cifar, {files.test}, files.append);
  return data;
}

}  // namespace

ImageData open_cifar10(const std::string& directory) {
  return open_cifar(directory, kCifar10,
                    {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                      "data_batch_4.bin", "data_batch_5.bin"},
                     "test_batch.bin",
                     "batches.meta.txt",
                     true,
                     append_binary,
                     names_in_text});
}

ImageData open_cifar10_python(const std::string& directory) {
  return open_cifar(
      directory, kCifar10,
      {{"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
       "test_batch",
       "batches.meta",
       true,
       append_python,
       names_in_pickle});
}

ImageData open_cifar100(const std::string& directory) {
  return open_cifar(
      directory, kCifar100,
      {{"train.bin"}, "test.bin", "fine_label_names.txt", false, append_binary, names_in_text});
}

ImageData open_cifar100_python(const std::string& directory) {
  return open_cifar(directory, kCifar100,
                    {{"train"}, "test", "meta", false, append_python, names_in_pickle});
}

}  // namespace tilewake
