// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tilewake {

/// A decoded image, rows of pixels of interleaved channels (HWC), 8 bits each.
struct Image {
  int channels = 0;
  int height = 0;
  int width = 0;
  std::vector<std::uint8_t> pixels;
};

/// Labelled images with random access, thread-safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual std::int64_t size() const = 0;
  virtual int label(std::int64_t index) const = 0;
  /// Throws InputError naming the file if an image cannot be decoded.
  virtual void read(std::int64_t index, Image& image) const = 0;

  /// The same if at most `short_side` pixels are needed on the shorter side: the result may be
  /// smaller than stored, by the same factor in both dimensions, if this is faster to decode.
  virtual void read_scaled(std::int64_t index, int short_side, Image& image) const {
    static_cast<void>(short_side);
    read(index, image);
  }
  /// Whether images vary in size (photos, evaluated on their centre) or have one size.
  virtual bool varies_in_size() const { return false; }
};

/// An open data set. All decisions use `train`; `test` is read once, at the end.
struct ImageData {
  std::string name;
  std::vector<std::string> classes;  // names: one line of UTF-8 each, all different
  int channels = 0;
  std::vector<float> mean;  // per channel, of pixels in 0..1
  std::vector<float> stddev;
  std::shared_ptr<const ImageSource> train;
  std::shared_ptr<const ImageSource> test;
  int side = 0;                    // pixels; of the square that evaluation sees of the median image
  std::string fingerprint;         // of a folder: of all names, sizes in bytes, and the split
  std::vector<std::string> notes;  // for the log: how the images were split
  std::vector<std::string> warnings;  // for the log: imbalance of the classes

  int num_classes() const { return static_cast<int>(classes.size()); }
};

/// Opens the value of --data: "fashion-mnist" (Debian's package dataset-fashion-mnist),
/// "synthetic", or a directory: MNIST-style idx files (optionally gzip'ed), CIFAR-10 or CIFAR-100
/// (binary or Python version), or images in directories CLASS/, split here, or in train/CLASS/ and
/// test/CLASS/ (or val/). File names determine the format.
///
/// Throws InputError naming the file if something is missing, empty or damaged. Images of a folder
/// are decoded once (of large folders a sample), so that most damaged ones are found now.
ImageData open_image_data(const std::string& name_or_directory);

/// Indices of a fixed part of the training images, drawn by `seed` with equal shares of each class
/// as far as possible, and of the rest. Ascending; if the images are ordered by class, in an order
/// drawn by `seed`, so that the first few hundred are of all classes.
struct Split {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
};
Split split_train(const ImageSource& train, double validation_share, std::uint64_t seed);

}  // namespace tilewake
