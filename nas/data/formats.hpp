// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nas/data/folder_images.hpp"
#include "nas/data/image_source.hpp"
#include "nas/data/memory_images.hpp"

namespace tilewake {

// Opens a data set of one format of README.md. Functions fill in classes, channels, train and test;
// open_image_data() sets the name, checks the classes and measures the pixels if that was not done.

/// MNIST-style files. `classes` are the names; empty: "0", "1", .. up to the largest label.
ImageData open_idx(const std::string& directory, const std::vector<std::string>& classes);

/// The images of one file, all with the label 0.
std::shared_ptr<MemoryImages> open_idx_images(const std::string& path);

/// CIFAR-10 and CIFAR-100 (with its fine labels), binary and Python version.
ImageData open_cifar10(const std::string& directory);
ImageData open_cifar10_python(const std::string& directory);
ImageData open_cifar100(const std::string& directory);
ImageData open_cifar100_python(const std::string& directory);

/// train/CLASS/ and test/CLASS/ or val/CLASS/; without both of the latter, train/ is split. If
/// train/ holds images, it is a class: as open_class_folder().
ImageData open_image_folder(const std::string& directory);

/// CLASS/, split into training and test images.
ImageData open_class_folder(const std::string& directory);

/// The images in `directory` itself, by name, all with the label 0; nullptr if it holds none.
std::shared_ptr<FolderImages> open_images_of(const std::string& directory);

/// Gratings of 10 classes, 1 x 16 x 16: 2,000 for training and 500 for the test; deterministic.
ImageData make_synthetic();

}  // namespace tilewake
