// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace tilewake {

/// The executable of this process.
std::filesystem::path executable_path();

/// The file that holds this code: the shared library, or the executable again.
std::filesystem::path library_path();

/// The version of the tool and a hash of these files ("0.1.0+0123456789abcdef"): results that
/// another build computed are not taken for our own.
std::string build_id();

}  // namespace tilewake
