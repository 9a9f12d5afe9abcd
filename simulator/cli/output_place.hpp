// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace tilewake {

/// Throws IoError unless files can be made in `directory` (empty: the current one), or, where it
/// is missing, in the nearest one above. Changes nothing: to be called before the work.
void check_writable(const std::filesystem::path& directory);

}  // namespace tilewake
