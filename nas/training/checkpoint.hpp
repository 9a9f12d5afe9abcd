// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <torch/torch.h>

namespace tilewake {

/// Writes an archive in one step (never half a file), with its length and hash at the end.
void write_checkpoint(const std::string& path,
                      const std::function<void(torch::serialize::OutputArchive&)>& save);

/// Reads it back. Throws InputError naming the file where it is damaged, cut off or no checkpoint.
void read_checkpoint(const std::string& path,
                     const std::function<void(torch::serialize::InputArchive&)>& load);

/// All parameters and buffers of `module` by name. Loading demands the same names and shapes:
/// throws InputError naming the first that differs.
void save_module(torch::serialize::OutputArchive& archive, const torch::nn::Module& module);
void load_module(torch::serialize::InputArchive& archive, torch::nn::Module& module);

}  // namespace tilewake
