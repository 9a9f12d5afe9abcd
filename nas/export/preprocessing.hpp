// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tilewake {

/// The order of the dimensions of a batch of images, after the number of images.
enum class ImageLayout { kNhwc, kNchw };

inline constexpr std::array<std::pair<std::string_view, ImageLayout>, 2> kImageLayoutNames = {{
    {"nhwc", ImageLayout::kNhwc},  // as images lie in memory and in files
    {"nchw", ImageLayout::kNchw},
}};

/// How the images that a network was trained on were prepared: values of 0 to 255 become
/// (value / 255 - mean) / stddev.
struct Preprocessing {
  int channels = 0;
  int height = 0;  // pixels, of the network's input
  int width = 0;
  std::vector<float> mean;  // by channel, of values in 0..1
  std::vector<float> stddev;
  bool crops_centre = false;        // photos; others are resized as a whole
  std::vector<std::string> labels;  // names of the classes
};

/// How an image of another size becomes one of the network's size, in words.
std::string resize_rule(const Preprocessing& preprocessing);

}  // namespace tilewake
