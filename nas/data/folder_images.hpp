// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nas/data/decode.hpp"
#include "nas/data/image_source.hpp"
#include "nas/data/pixel_statistics.hpp"

namespace tilewake {

/// An image file of a class.
struct FolderFile {
  int label = 0;
  std::string name;
  std::uint64_t num_bytes = 0;
};

/// Images that stay on disk: directory/CLASS/file.
class FolderImages final : public ImageSource {
 public:
  /// `classes` are the names of the directories.
  FolderImages(std::filesystem::path directory, std::vector<std::string> classes,
               std::vector<FolderFile> files);

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  int label(std::int64_t index) const override { return file(index).label; }
  bool varies_in_size() const override { return varies_in_size_; }
  void read(std::int64_t index, Image& image) const override { read_scaled(index, 0, image); }
  void read_scaled(std::int64_t index, int short_side, Image& image) const override;

  const std::vector<FolderFile>& files() const { return files_; }
  const FolderFile& file(std::int64_t index) const {
    return files_[static_cast<std::size_t>(index)];
  }

  /// As read_scaled(), but always in RGB. Returns the size before scaling.
  StoredSize decode(std::int64_t index, int short_side, Image& image) const;

  /// Images are read in RGB and said to vary in size unless this is called: grey ones have one
  /// channel, the luma of Rec. ITU-R BT.601.
  void set_kind(bool is_grey, bool varies_in_size);

 private:
  std::filesystem::path directory_;
  std::vector<std::string> classes_;
  std::vector<FolderFile> files_;
  bool is_grey_ = false;
  bool varies_in_size_ = true;
};

/// What images of a folder have in common.
struct FolderSurvey {
  bool is_grey = true;           // no pixel has a colour
  bool is_one_square = true;     // all have one size, with equal sides
  std::vector<int> short_sides;  // pixels
  PixelSums pixels = PixelSums(3);
  StoredSize first;
};

/// Decodes the images once and adds what they are to `survey`: all of them up to 512 MiB of files,
/// otherwise an evenly spread sample of about as many bytes, of at least 200 images; deterministic.
/// Throws InputError naming the file if an image cannot be decoded.
void add_to_survey(const FolderImages& images, FolderSurvey& survey);

}  // namespace tilewake
