// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

/// Images for a network that is trained already.
struct GivenImages {
  std::shared_ptr<const ImageSource> source;
  std::vector<std::string> classes;  // of its labels; empty: the images have none
};

/// What a network takes.
struct InputFormat {
  int channels = 0;
  bool crops_centre = false;  // photos; others are resized as a whole
};

/// Opens images of `path`: a NumPy array NAME.npy of uint8 (N x H x W, or N x H x W x C), an idx
/// file of images, plain or gzip'ed, or a directory of image files, all without labels; otherwise
/// the test images of what open_image_data() opens. Throws InputError naming the file, also where
/// the images have other channels than `format`.
GivenImages open_given_images(const std::string& path, const InputFormat& format);

}  // namespace tilewake
