// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// Makes the directory in which `path` is to be, as needed. Throws IoError naming it.
void make_directory_of(const std::string& path);

/// Replaces the file at `path` by `text` in one step: no reader ever sees half of it, and when
/// anything fails the old file is still there and no temporary file is left behind.
///
/// The text goes to a new file `path`.tmp-PID-NUMBER, is synced and then renamed, and the directory
/// is synced: a crash of the system leaves the old text or the new one. A symbolic link at `path`
/// is replaced, not followed. What killed processes left of earlier writes to `path` is removed.
/// Throws IoError naming the path and the system's reason.
void write_file_atomically(const std::string& path, std::string_view text);

/// The same in two steps, for several files that belong together: the text is on disk under another
/// name after construction, and `commit` only renames. Without it no file is left.
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

/// The temporary files that killed processes left of writes to `path`, and no others: regular files
/// in its directory, named `path`.tmp-PID-NUMBER, owned by the user of this process, of a process
/// that no longer runs (or began after the file was last written), and not locked (a process in
/// another container has another PID, but holds the lock while it writes).
std::vector<std::string> stale_temporaries_of(const std::string& path);

}  // namespace tilewake
