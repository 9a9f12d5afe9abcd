// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// A part of an image, in pixels from its top left corner; edges may be fractional.
struct Window {
  double top = 0.0;
  double left = 0.0;
  double height = 0.0;
  double width = 0.0;
};

/// Resizes a window of `image` to side x side pixels, by weighted means with a triangle of two
/// pixels of the coarser grid: bilinear interpolation for a finer result, averages over all pixels
/// (no aliasing) for a coarser one. Rounded to 8 bits. Reuses its memory from image to image.
class Resampler {
 public:
  void resample(const Image& image, const Window& window, int side, Image& result);

 private:
  // Input pixels of an output pixel: `count` weights starting at `first`.
  struct Taps {
    int first = 0;
    int count = 0;
    std::size_t weights = 0;  // index of the first weight
  };
  struct Axis {
    std::vector<Taps> taps;
    std::vector<float> weights;
  };
  static void fill_axis(double begin, double length, int input_size, int side, Axis& axis);
  void shrink_rows(const Image& image, int first_row, int num_rows, int side);
  void shrink_columns(int first_row, std::size_t row_values, Image& result) const;

  Axis horizontal_;
  Axis vertical_;
  std::vector<float> rows_;  // resized in x only
};

}  // namespace tilewake
