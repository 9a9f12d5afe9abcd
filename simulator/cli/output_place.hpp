// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace tilewake {

/// Throws IoError unless files can be created in `directory` (empty: the current one), or, where it
/// is missing, in its nearest existing parent. Changes nothing; called before the work starts.
void check_writable(const std::filesystem::path& directory);

}  // namespace tilewake
