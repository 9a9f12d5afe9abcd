// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_source.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "nas/data/formats.hpp"
#include "nas/data/pixel_statistics.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"

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

struct NamedData {
  const char* name;
  ImageData (*open)();
};

// To add a named data set or a format: one line in one of these tables, one function in
// formats.hpp, one row in README.md.
constexpr NamedData kNamedData[] = {{"fashion-mnist", open_fashion_mnist},
                                    {"synthetic", make_synthetic}};

struct Format {
  std::vector<const char*> names;  // any of these identifies the format; with '/': a directory
  ImageData (*open)(const std::string& directory);
  const char* archive = nullptr;  // the directory in the published archive, if any
};

const Format kFormats[] = {
    {{"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte",
      "train-labels-idx1-ubyte.gz"},
     open_numbered_idx},
    {{"data_batch_1.bin", "test_batch.bin"}, open_cifar10, "cifar-10-batches-bin"},
    {{"data_batch_1", "test_batch"}, open_cifar10_python, "cifar-10-batches-py"},
    {{"train.bin", "test.bin"}, open_cifar100, "cifar-100-binary"},
    {{"train"}, open_cifar100_python, "cifar-100-python"},
    {{"train/"}, open_image_folder}};

bool has_entry(const fs::path& directory, std::string_view name) {
  const bool is_directory = name.back() == '/';
  if (is_directory) name.remove_suffix(1);
  const fs::file_status status = fs::status(directory / name);
  return fs::exists(status) && fs::is_directory(status) == is_directory;
}

bool has_directories(const fs::path& directory) {
  return std::any_of(fs::directory_iterator(directory), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) {
                       return entry.is_directory() &&
                              entry.path().filename().string().front() != '.';
                     });
}

ImageData open_unchecked(const std::string& name) {
  for (const NamedData& named : kNamedData)
    if (name == named.name) return named.open();
  if (!fs::is_directory(name))
    throw InputError(
        fmt::format("{}: is neither a directory nor one of: fashion-mnist, synthetic", name));
  const auto holds = [](const fs::path& directory, const Format& format) {
    return std::any_of(format.names.begin(), format.names.end(),
                       [&](const char* entry) { return has_entry(directory, entry); });
  };
  for (const Format& format : kFormats)
    if (holds(name, format)) return format.open(name);
  for (const Format& format : kFormats) {
    if (format.archive == nullptr) continue;
    const fs::path below = fs::path(name) / format.archive;
    if (fs::is_directory(below) && holds(below, format)) return format.open(below.string());
  }
  if (has_directories(name)) return open_class_folder(name);
  throw InputError(
      fmt::format("{}: no data set found: neither train-images-idx3-ubyte[.gz] (idx) nor "
                  "data_batch_1[.bin] (CIFAR-10) nor train[.bin] (CIFAR-100), and no directories "
                  "with the images of a class each",
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

/// The name of a class as one line of UTF-8. Of other names every byte that is not printable ASCII
/// becomes \xNN.
std::string printable_class(const std::string& name) {
  if (one_line(name) == name) return name;
  std::string result;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte > 0x7e ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return result;
}

void name_classes(std::vector<std::string>& classes, const std::string& where) {
  std::set<std::string> distinct;
  for (std::string& name : classes) {
    name = printable_class(name);
    if (!distinct.insert(name).second)
      throw InputError(fmt::format("{}: two classes have the name '{}'", where, name));
  }
}

// A class with this many times the images of another is reported.
constexpr std::int64_t kImbalance = 2;

std::vector<std::int64_t> class_counts(const ImageSource& images, std::size_t num_classes) {
  std::vector<std::int64_t> counts(num_classes);
  for (std::int64_t i = 0; i < images.size(); ++i)
    ++counts[static_cast<std::size_t>(images.label(i))];
  return counts;
}

/// Refuses a data set that cannot be learnt; warns of imbalance.
void check_classes(ImageData& data, const std::string& where) {
  if (data.classes.size() < 2)
    throw InputError(where + ": all training images are of one class; at least 2 are needed");
  const std::vector<std::int64_t> counts = class_counts(*data.train, data.classes.size());
  const auto [smallest, largest] = std::minmax_element(counts.begin(), counts.end());
  const auto name_of = [&](const std::int64_t& count) {
    return data.classes[static_cast<std::size_t>(&count - counts.data())];
  };
  if (*smallest == 0)
    throw InputError(fmt::format("{}: class {} ({}) has no training images", where,
                                 &*smallest - counts.data(), name_of(*smallest)));
  if (*largest < kImbalance * *smallest) return;
  const std::int64_t num_test = class_counts(
      *data.test, data.classes.size())[static_cast<std::size_t>(largest - counts.begin())];
  data.warnings.push_back(fmt::format(
      "{}: the classes are imbalanced: {} training images of '{}', {} of '{}'; always answering "
      "'{}' is right for {:.1f} % of the test images",
      where, *smallest, name_of(*smallest), *largest, name_of(*largest), name_of(*largest),
      100.0 * static_cast<double>(num_test) / static_cast<double>(data.test->size())));
}

/// The shorter side of the first training image: for sets of one size.
int first_side(const ImageSource& images) {
  Image image;
  images.read(0, image);
  return std::min(image.height, image.width);
}

}  // namespace

ImageData open_image_data(const std::string& name_or_directory) try {
  ImageData data = open_unchecked(name_or_directory);
  name_classes(data.classes, name_or_directory);
  check_classes(data, name_or_directory);
  data.name = short_name(name_or_directory);
  if (data.side == 0) data.side = first_side(*data.train);
  if (data.mean.empty()) {
    PixelStatistics pixels = measure_pixels(*data.train, data.channels, name_or_directory);
    data.mean = std::move(pixels.mean);
    data.stddev = std::move(pixels.stddev);
  }
  return data;
} catch (const fs::filesystem_error& e) {  // no permission, a name too long, ...
  throw InputError(fmt::format("{}: {}", e.path1().string(), e.code().message()));
}

}  // namespace tilewake
