// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/data/image_source.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

/// Whether most neighbouring images have the same class, as in image folders.
bool are_class_by_class(const ImageSource& images, const std::vector<std::int64_t>& indices) {
  std::size_t num_pieces = indices.empty() ? 0 : 1;
  for (std::size_t i = 1; i < indices.size(); ++i)
    num_pieces += images.label(indices[i]) != images.label(indices[i - 1]) ? 1 : 0;
  return 2 * num_pieces < indices.size();
}

void shuffle(std::vector<std::int64_t>& indices, std::uint64_t seed) {
  RandomStream random(seed);
  for (std::size_t i = indices.size(); i > 1; --i)
    std::swap(indices[i - 1], indices[random.below(i)]);
}

}  // namespace

Split split_train(const ImageSource& train, double validation_share, std::uint64_t seed) {
  if (!(validation_share > 0.0 && validation_share < 1.0))
    throw InputError(
        fmt::format("validation_share: must be between 0 and 1, not {}", validation_share));
  std::vector<std::vector<std::int64_t>> classes;
  for (std::int64_t i = 0; i < train.size(); ++i) {
    const auto label = static_cast<std::size_t>(train.label(i));
    if (label >= classes.size()) classes.resize(label + 1);
    classes[label].push_back(i);
  }
  Split split;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    std::vector<std::int64_t>& indices = classes[label];
    shuffle(indices, random_bits(seed, label));
    // A class of one image is used for training.
    const auto count = static_cast<std::int64_t>(indices.size());
    const std::int64_t wanted = std::llround(validation_share * static_cast<double>(count));
    const std::int64_t num = count < 2 ? 0 : std::clamp(wanted, std::int64_t{1}, count - 1);
    split.validation.insert(split.validation.end(), indices.begin(), indices.begin() + num);
    split.train.insert(split.train.end(), indices.begin() + num, indices.end());
  }
  if (split.validation.empty())
    throw InputError("validation_share: every class has one training image; none can be held out");
  for (std::vector<std::int64_t>* indices : {&split.validation, &split.train}) {
    std::sort(indices->begin(), indices->end());
    if (are_class_by_class(train, *indices)) shuffle(*indices, random_bits(seed, classes.size()));
  }
  return split;
}

}  // namespace tilewake
