// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// Augmentation of training images, in this order. Sizes are pixels of the input.
struct Augmentation {
  bool random_resized_crop = false;  // area 0.08..1, aspect 3/4..4/3 (as for Inception)
  int pad_crop = 0;                  // zeros on every side, then a random crop of the original size
  bool flip = false;                 // left to right, one image in two
  int cutout = 0;                    // side of a square set to the mean
};

/// The images of a batch: float, normalised, N x height x width x channels in memory (torch:
/// channels_last).
struct Batch {
  std::int64_t num_images = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<float> images;
  std::vector<std::int64_t> labels;
};

/// The images of each batch that one of several processes has: a range of it, of as equal a size as
/// possible.
struct BatchShare {
  int index = 0;  // below `count`
  int count = 1;

  /// First image of the share of process `i` in a batch of `size` images.
  std::int64_t begin_of(int i, std::int64_t size) const { return size * i / count; }
  std::int64_t begin(std::int64_t size) const { return begin_of(index, size); }
  std::int64_t end(std::int64_t size) const { return begin_of(index + 1, size); }
};

struct LoaderOptions {
  int batch_size = 128;
  int resolution = 0;        // side of the (square) output images; inputs are resized
  bool is_training = false;  // true: shuffled and augmented, without an incomplete last batch;
                             // false: in order, centre crop, all images
  Augmentation augmentation;
  std::uint64_t seed = 0;
  int num_threads = 1;  // threads that decode ahead
};

/// Provides the batches of an epoch, prepared ahead by threads. The images of batch b of epoch e
/// and their augmentation depend only on (seed, e, b), so a resumed run gets the same batches.
class ImageLoader {
 public:
  /// `indices` are of `source`. Throws InputError if they do not fill one batch.
  ImageLoader(const ImageData& data, std::shared_ptr<const ImageSource> source,
              std::vector<std::int64_t> indices, const LoaderOptions& options);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  std::int64_t num_images() const;         // per epoch
  std::int64_t batches_per_epoch() const;  // at least 1
  const LoaderOptions& options() const;

  /// Starts `epoch` at batch `first_batch`: next() returns its batches, or the share of each. The
  /// images of all shares are those of the batch, with the same augmentation. Of an incomplete last
  /// batch a share may be empty.
  void start(std::int64_t epoch, std::int64_t first_batch = 0, BatchShare share = {});

  /// The next batch of the epoch; false at its end. Rethrows exceptions of the threads.
  bool next(Batch& batch);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tilewake
