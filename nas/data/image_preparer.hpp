// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nas/common/random.hpp"
#include "nas/data/image_loader.hpp"
#include "nas/data/image_source.hpp"
#include "nas/data/resample.hpp"

namespace tilewake {

/// The window of a random_resized_crop: a share of the image's area, uniform in 0.08..1, and an
/// aspect ratio (width/height), log-uniform in the part of 3/4..4/3 that fits into the image with
/// that area. If nothing fits, the largest window of the nearest aspect ratio.
///
/// As in Szegedy et al., "Going Deeper with Convolutions", arXiv:1409.4842, section 6, but without
/// rejected tries, so that the area is known before the image is decoded.
double random_area_share(RandomStream& random);
Window random_window(int height, int width, double area_share, RandomStream& random);

/// Photos are evaluated on the central 224 of 256 pixels of their shorter side, for all
/// resolutions. Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 2 and 4.1.
inline constexpr double kCentre = 224.0 / 256.0;

/// Prepares one image of a batch from one of a source. All randomness derives from `seed`.
class ImagePreparer {
 public:
  ImagePreparer(const ImageData& data, std::shared_ptr<const ImageSource> source,
                const LoaderOptions& options);

  /// Buffers of a thread, reused from image to image.
  struct ScratchImages {
    Image read;
    Image resized;
    Resampler resampler;
  };

  std::int64_t values_per_image() const;

  /// Writes resolution x resolution x channels values to `to`. `seed` is specific to this image in
  /// this epoch. Thread-safe if each thread has its own scratch.
  void prepare(std::int64_t index, std::uint64_t seed, ScratchImages& scratch, float* to) const;

 private:
  const Image& frame(std::int64_t index, RandomStream& random, ScratchImages& scratch) const;
  void read(std::int64_t index, int short_side, Image& image) const;
  void place(const Image& image, RandomStream& random, float* to) const;
  void cut_out(RandomStream& random, float* to) const;

  int channels_;
  std::shared_ptr<const ImageSource> source_;
  int resolution_;
  Augmentation augmentation_;      // none for evaluation
  std::vector<float> normalised_;  // by channel and value 0..255
};

}  // namespace tilewake
