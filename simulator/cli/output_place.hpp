// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace tilewake {

/// Throws IoError unless files can be created in `directory` (empty: the current one), or, where it
/// is missing, in its nearest existing parent. Changes nothing; called before the work starts.
void check_writable(const std::filesystem::path& directory);

/// The same for the directory of `file`, which must not exist without `force`. Throws InputError or
/// IoError.
void check_output_file(const std::string& file, bool force);

}  // namespace tilewake
