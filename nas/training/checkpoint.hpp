// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <torch/torch.h>

#include "nas/training/state_archive.hpp"

namespace tilewake {

/// Larger files are refused by their size: 8 bytes a weight with AdamW and EMA twice over, this is
/// 130 million weights.
inline constexpr std::size_t kMaxCheckpointBytes = std::size_t{2} << 30;

/// Writes an archive in one step (never half a file). The file holds tensors and plain values with
/// a hash of all of it, in a format of this program (README.md): reading it executes nothing.
void write_checkpoint(const std::string& path, const std::function<void(StateArchive&)>& save);

/// Reads it back. Throws InputError naming the file where it is damaged, cut off, too large or no
/// checkpoint. Sizes are checked before memory is taken for them.
void read_checkpoint(const std::string& path, const std::function<void(const StateArchive&)>& load);

/// All parameters and buffers of `module` by name. Loading demands the same names and shapes:
/// throws InputError naming the first that differs.
void save_module(StateArchive& archive, const torch::nn::Module& module);
void load_module(const StateArchive& archive, torch::nn::Module& module);

}  // namespace tilewake
