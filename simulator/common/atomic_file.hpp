// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tilewake {

/// Makes the directory in which `path` is to be, as needed. Throws InputError naming it.
void make_directory_of(const std::string& path);

/// Replaces the file at `path` by `text` in one step: no reader ever sees half of it, and when
/// anything fails the old file is still there and no temporary file is left behind.
///
/// The text goes to a new file in the same directory, is synced and then renamed; a symbolic link
/// at `path` is replaced, not followed. Throws InputError naming the path and the system's reason.
void write_file_atomically(const std::string& path, std::string_view text);

/// The same in two steps, for several files that belong together: the text is on disk under another
/// name after construction, and `commit` only renames. Without it nothing is left behind.
class PreparedFile {
 public:
  PreparedFile(const std::string& path, std::string_view text);
  ~PreparedFile();
  PreparedFile(PreparedFile&&) noexcept;

  void commit();

 private:
  class TemporaryFile;
  std::unique_ptr<TemporaryFile> file_;
};

}  // namespace tilewake
