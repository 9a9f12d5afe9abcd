// SPDX-License-Identifier: Apache-2.0
#include "nas/data/folder_images.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace tilewake {
namespace {

constexpr std::uint64_t kMaxSurveyBytes = std::uint64_t{512} << 20;
constexpr std::int64_t kMinSurveyImages = 200;
constexpr int kSurveySide = 128;  // pixels; sufficient for statistics, and faster to decode

bool has_colour(const Image& image) {
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    if (image.pixels[i] != image.pixels[i + 1] || image.pixels[i] != image.pixels[i + 2])
      return true;
  }
  return false;
}

void make_grey(Image& image) {
  const std::size_t num_pixels = image.pixels.size() / 3;
  for (std::size_t i = 0; i < num_pixels; ++i) {
    const int luma =
        299 * image.pixels[3 * i] + 587 * image.pixels[3 * i + 1] + 114 * image.pixels[3 * i + 2];
    image.pixels[i] = static_cast<std::uint8_t>((luma + 500) / 1000);
  }
  image.pixels.resize(num_pixels);
  image.channels = 1;
}

std::vector<std::int64_t> surveyed(const FolderImages& images) {
  std::uint64_t num_bytes = 0;
  for (const FolderFile& file : images.files()) num_bytes += file.num_bytes;
  if (num_bytes <= kMaxSurveyBytes) return spread_sample(images.size(), images.size());
  const double share = static_cast<double>(kMaxSurveyBytes) / static_cast<double>(num_bytes);
  return spread_sample(images.size(),
                       std::max(kMinSurveyImages, static_cast<std::int64_t>(
                                                      share * static_cast<double>(images.size()))));
}

}  // namespace

FolderImages::FolderImages(std::filesystem::path directory, std::vector<std::string> classes,
                           std::vector<FolderFile> files)
    : directory_(std::move(directory)), classes_(std::move(classes)), files_(std::move(files)) {}

StoredSize FolderImages::decode(std::int64_t index, int short_side, Image& image) const {
  const std::string& class_name = classes_[static_cast<std::size_t>(label(index))];
  return decode_image((directory_ / class_name / file(index).name).string(), short_side, image);
}

void FolderImages::read_scaled(std::int64_t index, int short_side, Image& image) const {
  decode(index, short_side, image);
  if (is_grey_) make_grey(image);
}

void FolderImages::set_kind(bool is_grey, bool varies_in_size) {
  is_grey_ = is_grey;
  varies_in_size_ = varies_in_size;
}

void add_to_survey(const FolderImages& images, FolderSurvey& survey) {
  Image image;
  for (const std::int64_t index : surveyed(images)) {
    const StoredSize size = images.decode(index, kSurveySide, image);
    if (survey.short_sides.empty()) survey.first = size;
    survey.short_sides.push_back(std::min(size.height, size.width));
    survey.is_one_square =
        survey.is_one_square && size == survey.first && size.height == size.width;
    survey.is_grey = survey.is_grey && !has_colour(image);
    survey.pixels.add(image);
  }
}

}  // namespace tilewake
