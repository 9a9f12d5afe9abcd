// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

class TemporaryFile;

/// Creates the directory of `path` if it does not exist. Throws IoError naming it.
void make_directory_of(const std::string& path);

/// Replaces the file at `path` by `text` atomically: readers never see a partial file, and after an
/// error the old file is unchanged and no temporary file remains.
///
/// The text is written to a new file `path`.tmp-PID-NUMBER, synced and renamed, and the directory
/// is synced: after a system crash the file has the old or the new text. A symbolic link at `path`
/// is replaced, not followed. Temporary files of killed processes for `path` are removed. Throws
/// IoError naming the path and the system's reason.
void write_file_atomically(const std::string& path, std::string_view text);

/// The same in two steps, for files that belong together. The constructor writes the text to disk
/// under a temporary name; `commit` only renames. Without it no file remains.
class PreparedFile {
 public:
  PreparedFile(const std::string& path, std::string_view text);
  ~PreparedFile();
  PreparedFile(PreparedFile&&) noexcept;

  void commit();

 private:
  std::unique_ptr<TemporaryFile> file_;
};

/// The same for a text that is written part by part, because it is too long for memory. `commit`
/// syncs and renames.
class StreamedFile {
 public:
  explicit StreamedFile(const std::string& path);
  ~StreamedFile();
  StreamedFile(StreamedFile&&) noexcept;

  void write(std::string_view part);
  void commit();

 private:
  std::unique_ptr<TemporaryFile> file_;
};

/// The temporary files of `path` left by killed processes: regular files in its directory, named
/// `path`.tmp-PID-NUMBER, owned by the current user, of a process that no longer runs (or started
/// after the last write to the file), and not locked (a process in another container has another
/// PID, but holds the lock while it writes).
std::vector<std::string> stale_temporaries_of(const std::string& path);

}  // namespace tilewake
