// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "nas/data/decode.hpp"
#include "nas/data/formats.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxClasses = 100'000;
constexpr std::size_t kMaxFolderImages = 100'000'000;

/// Images that stay on disk: directory/CLASS/file.
class ImageFolder final : public ImageSource {
 public:
  struct File {
    int label;
    std::string name;
  };

  ImageFolder(fs::path directory, std::vector<std::string> classes, std::vector<File> files)
      : directory_(std::move(directory)), classes_(std::move(classes)), files_(std::move(files)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  int label(std::int64_t index) const override { return file(index).label; }
  bool varies_in_size() const override { return true; }
  void read(std::int64_t index, Image& image) const override { read_scaled(index, 0, image); }
  void read_scaled(std::int64_t index, int short_side, Image& image) const override {
    const std::string& class_name = classes_[static_cast<std::size_t>(label(index))];
    decode_image((directory_ / class_name / file(index).name).string(), short_side, image);
  }

 private:
  const File& file(std::int64_t index) const { return files_[static_cast<std::size_t>(index)]; }

  fs::path directory_;
  std::vector<std::string> classes_;
  std::vector<File> files_;
};

/// The entries of a directory, sorted by name, without hidden ones (.DS_Store).
std::vector<fs::directory_entry> entries_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().front() != '.') entries.push_back(*it);
  if (error)
    throw InputError(
        fmt::format("{}: cannot read directory: {}", directory.string(), error.message()));
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<std::string> class_names_of(const fs::path& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries_of(directory)) {
    if (!entry.is_directory())
      throw InputError(entry.path().string() +
                       ": must be a directory with the images of one class");
    names.push_back(entry.path().filename().string());
  }
  if (names.size() > kMaxClasses)
    throw InputError(fmt::format("{}: has {} classes; the limit is {}", directory.string(),
                                 names.size(), kMaxClasses));
  return names;
}

bool is_image_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

std::shared_ptr<const ImageSource> list_images(const fs::path& directory,
                                               const std::vector<std::string>& classes) {
  std::vector<ImageFolder::File> files;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const fs::path class_directory = directory / classes[label];
    const std::size_t num_before = files.size();
    for (const fs::directory_entry& entry : entries_of(class_directory)) {
      if (!entry.is_regular_file() || !is_image_name(entry.path()))
        throw InputError(entry.path().string() + ": must be an image, .jpg, .jpeg or .png");
      files.push_back({static_cast<int>(label), entry.path().filename().string()});
    }
    if (files.size() == num_before) throw InputError(class_directory.string() + ": has no images");
    if (files.size() > kMaxFolderImages)
      throw InputError(
          fmt::format("{}: has more than {} images", directory.string(), kMaxFolderImages));
  }
  return std::make_shared<ImageFolder>(directory, classes, std::move(files));
}

void check_same_classes(const fs::path& train, const std::vector<std::string>& train_classes,
                        const fs::path& test, const std::vector<std::string>& test_classes) {
  std::vector<std::string> different;
  std::set_symmetric_difference(train_classes.begin(), train_classes.end(), test_classes.begin(),
                                test_classes.end(), std::back_inserter(different));
  if (different.empty()) return;
  const bool is_in_train =
      std::binary_search(train_classes.begin(), train_classes.end(), different.front());
  throw InputError(fmt::format("{}: class '{}' is only in {}; both must have the same classes",
                               test.string(), different.front(),
                               is_in_train ? train.string() : test.string()));
}

}  // namespace

ImageData open_image_folder(const std::string& directory) {
  const fs::path train = fs::path(directory) / "train";
  fs::path test = fs::path(directory) / "test";
  if (!fs::exists(test)) test = fs::path(directory) / "val";
  if (!fs::exists(test)) throw InputError(directory + ": has train/, but neither test/ nor val/");
  ImageData data;
  data.channels = 3;
  data.classes = class_names_of(train);
  if (data.classes.empty()) throw InputError(train.string() + ": has no classes");
  check_same_classes(train, data.classes, test, class_names_of(test));
  data.train = list_images(train, data.classes);
  data.test = list_images(test, data.classes);
  return data;
}

}  // namespace tilewake
