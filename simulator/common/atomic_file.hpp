// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// Replaces the file at `path` by `text` in one step: no reader ever sees half of it, and when
/// anything fails the old file is still there and no temporary file is left behind.
///
/// The text goes to a new file in the same directory, is synced and then renamed; a symbolic link
/// at `path` is replaced, not followed. Throws InputError naming the path and the system's reason.
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace tilewake
