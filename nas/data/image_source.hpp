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

/// Labelled images that can be read in any order, by several threads at once.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  virtual std::int64_t size() const = 0;
  virtual int label(std::int64_t index) const = 0;
  /// Throws InputError naming the file where an image cannot be decoded.
  virtual void read(std::int64_t index, Image& image) const = 0;

  /// The same for who needs no more than `short_side` pixels on the image's shorter side: it may be
  /// smaller than stored, by the same factor both ways, where that is faster to decode.
  virtual void read_scaled(std::int64_t index, int short_side, Image& image) const {
    static_cast<void>(short_side);
    read(index, image);
  }
  /// Photos of any size, which are evaluated on their centre, as opposed to images of one size.
  virtual bool varies_in_size() const { return false; }
};

/// A data set, opened. `train` is what every decision is made on; `test` is read once, at the end.
struct ImageData {
  std::string name;
  std::vector<std::string> classes;
  int channels = 0;
  std::vector<float> mean;  // per channel, of pixels in 0..1
  std::vector<float> stddev;
  std::shared_ptr<const ImageSource> train;
  std::shared_ptr<const ImageSource> test;

  int num_classes() const { return static_cast<int>(classes.size()); }
};

/// Opens what --data names: "fashion-mnist" (Debian's package dataset-fashion-mnist),
/// "synthetic", or a directory: CIFAR-10 in its binary format, idx files as of MNIST (gzip'ed or
/// not), or train/CLASS/*.jpg|jpeg|png with test/ (or val/) beside it. What is in it is found by
/// the names of its files.
///
/// Throws InputError, naming the file, for what is missing, empty or damaged.
ImageData open_image_data(const std::string& name_or_directory);

/// Indices of a fixed part of the training images, drawn by `seed` with equal shares of each class
/// as far as they go, and the others. Ascending; where the images lie class by class, in an order
/// drawn by `seed`, so that the first few hundred are of all classes there, too.
struct Split {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
};
Split split_train(const ImageSource& train, double validation_share, std::uint64_t seed);

}  // namespace tilewake
