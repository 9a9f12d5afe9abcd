// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "nas/data/image_loader.hpp"
#include "nas/data/image_source.hpp"

namespace tilewake {

/// Images that a function makes; the label of an image is its index, so that a batch says which
/// images are in it.
class MadeImages final : public ImageSource {
 public:
  using Maker = std::function<Image(std::int64_t index)>;
  MadeImages(std::int64_t size, Maker make) : size_(size), make_(std::move(make)) {}

  std::int64_t size() const override { return size_; }
  int label(std::int64_t index) const override { return static_cast<int>(index); }
  void read(std::int64_t index, Image& image) const override { image = make_(index); }

 private:
  std::int64_t size_;
  Maker make_;
};

/// A data set that is not normalised: a loader returns values from 0 to 255, up to rounding.
inline ImageData made_data(std::int64_t size, int channels, MadeImages::Maker make) {
  ImageData data;
  data.name = "made";
  data.classes = {"a", "b"};
  data.channels = channels;
  data.mean.assign(static_cast<std::size_t>(channels), 0.0F);
  data.stddev.assign(static_cast<std::size_t>(channels), 1.0F / 255.0F);
  data.train = std::make_shared<MadeImages>(size, std::move(make));
  data.test = data.train;
  return data;
}

/// Every pixel has a distinct value, from 1.
inline Image numbered_image(int channels, int side) {
  Image image{channels, side, side, {}};
  image.pixels.resize(static_cast<std::size_t>(channels * side * side));
  std::iota(image.pixels.begin(), image.pixels.end(), std::uint8_t{1});
  return image;
}

inline std::vector<std::int64_t> all_indices(const ImageSource& source) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(source.size()));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

/// The rest of an epoch.
inline std::vector<Batch> remaining(ImageLoader& loader) {
  std::vector<Batch> batches;
  Batch batch;
  while (loader.next(batch)) batches.push_back(batch);
  return batches;
}

inline std::vector<Batch> epoch_of(ImageLoader& loader, std::int64_t epoch,
                                   std::int64_t first_batch = 0) {
  loader.start(epoch, first_batch);
  return remaining(loader);
}

}  // namespace tilewake
