// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace tilewake {

/// Standard error of a share of `num_images` images.
inline double binomial_error(double share, std::int64_t num_images) {
  if (num_images == 0) return 0.0;
  return std::sqrt(share * (1.0 - share) / static_cast<double>(num_images));
}

/// How many images a network classifies correctly.
struct Accuracy {
  std::int64_t num_images = 0;
  std::int64_t num_correct = 0;
  double loss = 0.0;                  // mean cross entropy, without smoothing
  std::vector<std::uint8_t> correct;  // per image, in the loader's order

  /// 0..1
  double share() const {
    return num_images == 0 ? 0.0
                           : static_cast<double>(num_correct) / static_cast<double>(num_images);
  }
  /// Binomial.
  double standard_error() const { return binomial_error(share(), num_images); }
};

}  // namespace tilewake
