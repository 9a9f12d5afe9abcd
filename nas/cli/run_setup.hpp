// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/data/image_source.hpp"
#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// What commands that train have in common. All throw InputError, and UsageError for options.

/// The device of --device: auto, cpu or cuda.
torch::Device device_of(const std::string& name);

/// Whether --precision means mixed precision on that device.
bool is_mixed(const std::string& precision, torch::Device device);

/// The recipe that "auto" means: "small" for few training images, otherwise "standard".
std::string recipe_name(const std::string& option, const ImageData& data);

/// The recipe of that name or path with the values of --set.
Recipe recipe_of(const std::string& name, const std::vector<std::string>& overrides);

/// Sets the number of threads (0: one per core, shared by `local_size` processes of this machine).
/// Returns that of loaders of images.
int start_threads(std::int64_t num_threads, int local_size = 1);

}  // namespace tilewake
