// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_source.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "nas/data/formats.hpp"
#include "nas/data/pixel_statistics.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist";

ImageData open_fashion_mnist() {
  if (!fs::exists(fs::path(kFashionMnist) / "train-images-idx3-ubyte.gz"))
    throw InputError(
        fmt::format("{}: Fashion-MNIST is not installed; apt-get install "
                    "dataset-fashion-mnist",
                    kFashionMnist));
  // Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv:1708.07747, table 2.
  return open_idx(kFashionMnist, {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal",
                                  "Shirt", "Sneaker", "Bag", "Ankle boot"});
}

ImageData open_numbered_idx(const std::string& directory) { return open_idx(directory, {}); }

ImageData open_cifar10_below(const std::string& directory) {
  return open_cifar10((fs::path(directory) / "cifar-10-batches-bin").string());
}

struct NamedData {
  const char* name;
  ImageData (*open)();
};

// To add a named data set or a format: one line in one of these tables, one function in
// formats.hpp, one row in README.md.
constexpr NamedData kNamedData[] = {{"fashion-mnist", open_fashion_mnist},
                                    {"synthetic", make_synthetic}};

struct Format {
  std::vector<const char*> files;  // any of these identifies the format of a directory
  ImageData (*open)(const std::string& directory);
};

const Format kFormats[] = {{{"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                             "train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"},
                            open_numbered_idx},
                           {{"data_batch_1.bin", "test_batch.bin"}, open_cifar10},
                           {{"cifar-10-batches-bin"}, open_cifar10_below},
                           {{"train"}, open_image_folder}};

ImageData open_unchecked(const std::string& name) {
  for (const NamedData& named : kNamedData)
    if (name == named.name) return named.open();
  if (!fs::is_directory(name))
    throw InputError(
        fmt::format("{}: is neither a directory nor one of: fashion-mnist, synthetic", name));
  for (const Format& format : kFormats)
    for (const char* file : format.files)
      if (fs::exists(fs::path(name) / file)) return format.open(name);
  throw InputError(
      fmt::format("{}: no data set found: neither train-images-idx3-ubyte[.gz] (idx), "
                  "data_batch_1.bin (CIFAR-10) nor train/ (image folder)",
                  name));
}

std::string short_name(const std::string& name) {
  const fs::path path = fs::path(name).lexically_normal();
  const fs::path last = path.has_filename() ? path.filename() : path.parent_path().filename();
  std::string result = last.empty() ? name : last.string();
  // The name is printed, and written into comments.
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return result;
}

void check_classes(const ImageData& data, const std::string& where) {
  if (data.classes.size() < 2)
    throw InputError(where + ": all training images are of one class; at least 2 are needed");
  std::vector<std::int64_t> counts(data.classes.size());
  for (std::int64_t i = 0; i < data.train->size(); ++i)
    ++counts[static_cast<std::size_t>(data.train->label(i))];
  const auto empty = std::find(counts.begin(), counts.end(), 0);
  if (empty == counts.end()) return;
  const auto label = static_cast<std::size_t>(empty - counts.begin());
  throw InputError(
      fmt::format("{}: class {} ({}) has no training images", where, label, data.classes[label]));
}

}  // namespace

ImageData open_image_data(const std::string& name_or_directory) try {
  ImageData data = open_unchecked(name_or_directory);
  check_classes(data, name_or_directory);
  data.name = short_name(name_or_directory);
  PixelStatistics pixels = measure_pixels(*data.train, data.channels, name_or_directory);
  data.mean = std::move(pixels.mean);
  data.stddev = std::move(pixels.stddev);
  return data;
} catch (const fs::filesystem_error& e) {  // no permission, a name too long, ...
  throw InputError(fmt::format("{}: {}", e.path1().string(), e.code().message()));
}

}  // namespace tilewake
