// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace tilewake {

/// Whether `path` ends in `ending` (".onnx"), in small or capital letters.
bool has_ending(std::string_view path, std::string_view ending);

/// The formats in which networks and machines are read.
enum class FileFormat { kText, kOnnx, kTflite };

/// The format that the ending of a network's path names; kText for .yaml, .csv and all others.
FileFormat network_format(std::string_view path);

/// How many first bytes refuse_foreign_format looks at.
inline constexpr std::size_t kFormatBytes = 4096;

/// Throws InputError "PATH: is a Git LFS pointer, not the file itself: run 'git lfs pull'" if the
/// first bytes are those of another format than `expected`, with what to do about it. Returns if
/// nothing else is recognised: the reader of the format has the last word.
void refuse_foreign_format(std::string_view first_bytes, std::string_view path,
                           FileFormat expected);

}  // namespace tilewake
