// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/data/image_source.hpp"

namespace tilewake {

// Opens a data set of one format of README.md. Functions fill in name, classes, channels, train and
// test; open_image_data() checks the classes and measures the pixels.

/// MNIST-style files. `classes` are the names; empty: "0", "1", .. up to the largest label.
ImageData open_idx(const std::string& directory, const std::vector<std::string>& classes);

/// CIFAR-10, binary version.
ImageData open_cifar10(const std::string& directory);

/// train/CLASS/ and test/CLASS/ or val/CLASS/.
ImageData open_image_folder(const std::string& directory);

/// Gratings of 10 classes, 1 x 16 x 16: 2,000 for training and 500 for the test; deterministic.
ImageData make_synthetic();

}  // namespace tilewake
