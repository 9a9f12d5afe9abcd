// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// What is done to an image before it is trained on, in this order. Sizes are pixels of the input.
struct Augmentation {
  bool random_resized_crop = false;  // area 0.08..1, aspect 3/4..4/3 (as Inception trained)
  int pad_crop = 0;                  // zeros on every side, then a random crop of the old size
  bool flip = false;                 // left to right, one image in two
  int cutout = 0;                    // side of a square set to the mean
};

/// Images of a batch, ready for a network: float, normalised, N x height x width x channels in
/// memory (torch: channels_last).
struct Batch {
  std::int64_t num_images = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<float> images;
  std::vector<std::int64_t> labels;
};

struct LoaderOptions {
  int batch_size = 128;
  int resolution = 0;        // side of the (square) images given out; others are resized
  bool is_training = false;  // shuffled and augmented, the last incomplete batch left out;
                             // else in order, centre crop, everything
  Augmentation augmentation;
  std::uint64_t seed = 0;
  int num_threads = 1;  // that decode ahead
};

/// Gives out the batches of an epoch, prepared ahead by threads. Which images are in batch b of
/// epoch e, and how each is augmented, follows from (seed, e, b) alone: whoever resumes there
/// gets the same.
class ImageLoader {
 public:
  /// `indices` are of `source`. Throws InputError where they do not fill one batch.
  ImageLoader(const ImageData& data, std::shared_ptr<const ImageSource> source,
              std::vector<std::int64_t> indices, const LoaderOptions& options);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  std::int64_t num_images() const;         // of an epoch
  std::int64_t batches_per_epoch() const;  // at least 1
  const LoaderOptions& options() const;

  /// From here on, next() gives the batches of `epoch` from `first_batch`.
  void start(std::int64_t epoch, std::int64_t first_batch = 0);

  /// The next batch of the epoch; false at its end. What a thread found wrong is thrown here.
  bool next(Batch& batch);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tilewake
