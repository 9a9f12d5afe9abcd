// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/data/folder_images.hpp"
#include "nas/data/formats.hpp"
#include "nas/data/image_preparer.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxClasses = 100'000;
constexpr std::size_t kMaxFolderImages = 100'000'000;
constexpr double kTestShare = 0.2;
constexpr std::uint64_t kTestSeed = 0;

constexpr std::array<std::string_view, 5> kImageEndings = {".jpg", ".jpeg", ".png", ".webp",
                                                           ".bmp"};
constexpr const char* kMustBeImage = ": must be an image: .jpg, .jpeg, .png, .webp or .bmp";

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

std::vector<std::string> directories_of_classes(const fs::path& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : entries_of(directory)) {
    if (!entry.is_directory())
      throw InputError(entry.path().string() +
                       ": must be a directory with the images of one class");
    names.push_back(entry.path().filename().string());
  }
  if (names.empty()) throw InputError(directory.string() + ": has no classes");
  if (names.size() > kMaxClasses)
    throw InputError(fmt::format("{}: has {} classes; the limit is {}", directory.string(),
                                 names.size(), kMaxClasses));
  return names;
}

bool is_image_name(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kImageEndings.begin(), kImageEndings.end(), ending) != kImageEndings.end();
}

std::vector<FolderFile> list_images(const fs::path& directory,
                                    const std::vector<std::string>& classes) {
  std::vector<FolderFile> files;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const fs::path class_directory = directory / classes[label];
    const std::size_t num_before = files.size();
    for (const fs::directory_entry& entry : entries_of(class_directory)) {
      if (!entry.is_regular_file() || !is_image_name(entry.path()))
        throw InputError(entry.path().string() + kMustBeImage);
      files.push_back(
          {static_cast<int>(label), entry.path().filename().string(), entry.file_size()});
    }
    if (files.size() == num_before) throw InputError(class_directory.string() + ": has no images");
    if (files.size() > kMaxFolderImages)
      throw InputError(
          fmt::format("{}: has more than {} images", directory.string(), kMaxFolderImages));
  }
  return files;
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

struct FolderParts {
  std::vector<FolderFile> train;
  std::vector<FolderFile> test;
};

/// A fifth of each class for the test, at least one image. Which ones follows from the names of
/// class and file alone, so that the same images are split equally anywhere.
FolderParts split_files(const fs::path& directory, const std::vector<std::string>& classes,
                        const std::vector<FolderFile>& files) {
  FolderParts parts;
  for (auto begin = files.begin(); begin != files.end();) {
    const std::string& class_name = classes[static_cast<std::size_t>(begin->label)];
    const auto end = std::find_if(
        begin, files.end(), [&](const FolderFile& file) { return file.label != begin->label; });
    if (end - begin < 2)
      throw InputError((directory / class_name / begin->name).string() +
                       ": is the only image of its class; a split into training and test images "
                       "needs two");
    std::vector<std::pair<std::uint64_t, std::ptrdiff_t>> order;
    for (auto it = begin; it != end; ++it)
      order.emplace_back(random_bits(kTestSeed, fnv1a64(class_name), fnv1a64(it->name)),
                         it - begin);
    const auto num_test =
        std::max<std::ptrdiff_t>(1, std::llround(kTestShare * static_cast<double>(end - begin)));
    std::nth_element(order.begin(), order.begin() + num_test, order.end());
    std::vector<bool> is_test(order.size());
    for (std::ptrdiff_t i = 0; i < num_test; ++i)
      is_test[static_cast<std::size_t>(order[static_cast<std::size_t>(i)].second)] = true;
    for (auto it = begin; it != end; ++it)
      (is_test[static_cast<std::size_t>(it - begin)] ? parts.test : parts.train).push_back(*it);
    begin = end;
  }
  return parts;
}

std::string fingerprint_of(const std::vector<std::string>& classes, const FolderParts& parts) {
  std::uint64_t hash = fnv1a64("");
  for (const std::vector<FolderFile>* part : {&parts.train, &parts.test}) {
    for (const FolderFile& file : *part)
      hash = fnv1a64(fmt::format("{}/{} {}\n", classes[static_cast<std::size_t>(file.label)],
                                 file.name, file.num_bytes),
                     hash);
    hash = fnv1a64("\n", hash);
  }
  return fmt::format("{:016x}", hash);
}

int median_of(std::vector<int> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The data set of the files of both parts.
ImageData data_of(const fs::path& directory, const fs::path& train_directory,
                  const fs::path& test_directory, const std::vector<std::string>& classes,
                  FolderParts parts) {
  ImageData data;
  data.classes = classes;
  data.fingerprint = fingerprint_of(classes, parts);
  const auto train =
      std::make_shared<FolderImages>(train_directory, classes, std::move(parts.train));
  const auto test = std::make_shared<FolderImages>(test_directory, classes, std::move(parts.test));
  FolderSurvey survey;
  add_to_survey(*train, survey);
  const PixelSums pixels = survey.pixels;  // test images are not among them
  const int side = median_of(survey.short_sides);
  add_to_survey(*test, survey);
  train->set_kind(survey.is_grey, !survey.is_one_square);
  test->set_kind(survey.is_grey, !survey.is_one_square);
  data.channels = survey.is_grey ? 1 : 3;
  data.side = survey.is_one_square ? side : std::max(1, static_cast<int>(kCentre * side));
  PixelStatistics statistics = pixels.statistics(data.channels, directory.string());
  data.mean = std::move(statistics.mean);
  data.stddev = std::move(statistics.stddev);
  data.train = train;
  data.test = test;
  return data;
}

/// The directories of classes in `images`, split into both parts.
ImageData open_split(const fs::path& directory, const fs::path& images) {
  const std::vector<std::string> classes = directories_of_classes(images);
  ImageData data = data_of(directory, images, images, classes,
                           split_files(images, classes, list_images(images, classes)));
  data.notes.push_back(
      fmt::format("{}: split {} images of {} classes into {} for training and {} for the test",
                  images.string(), data.train->size() + data.test->size(), data.classes.size(),
                  data.train->size(), data.test->size()));
  return data;
}

/// Whether train/ holds the images of a class of this name.
bool is_class(const fs::path& train) {
  const std::vector<fs::directory_entry> entries = entries_of(train);
  return !entries.empty() &&
         std::all_of(entries.begin(), entries.end(), [](const fs::directory_entry& entry) {
           return entry.is_regular_file() && is_image_name(entry.path());
         });
}

}  // namespace

ImageData open_class_folder(const std::string& directory) {
  return open_split(directory, directory);
}

ImageData open_image_folder(const std::string& directory) {
  const fs::path train = fs::path(directory) / "train";
  if (is_class(train)) return open_class_folder(directory);
  fs::path test = fs::path(directory) / "test";
  if (!fs::exists(test)) test = fs::path(directory) / "val";
  if (!fs::exists(test)) return open_split(directory, train);
  const std::vector<std::string> classes = directories_of_classes(train);
  check_same_classes(train, classes, test, directories_of_classes(test));
  return data_of(directory, train, test, classes,
                 {list_images(train, classes), list_images(test, classes)});
}

std::shared_ptr<FolderImages> open_images_of(const std::string& directory) {
  const std::vector<fs::directory_entry> entries = entries_of(directory);
  const bool has_images =
      std::any_of(entries.begin(), entries.end(), [](const fs::directory_entry& entry) {
        return entry.is_regular_file() && is_image_name(entry.path());
      });
  if (!has_images) return nullptr;
  const std::vector<std::string> no_classes = {""};
  return std::make_shared<FolderImages>(directory, no_classes, list_images(directory, no_classes));
}

}  // namespace tilewake
