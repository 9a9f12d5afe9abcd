// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/cli/run_manifest.hpp"

namespace tilewake {

/// The manifest of a directory whose files have the names that `is_file` accepts, and are not in
/// subdirectories.
RunManifest flat_manifest(const std::string& directory, bool (*is_file)(std::string_view name));

/// Throws InputError unless run.yaml in `directory` begins with `mark`, the first line of every
/// run.yaml of one command.
void check_run_mark(const std::string& directory, std::string_view mark);

/// The manifest of a search's directory, with the names of all files that a search may write.
RunManifest search_manifest(const std::string& directory);

/// First lines of the run.yaml of a search, and of the training of a given network, whose files
/// have the names of a search's.
inline constexpr std::string_view kSearchMark = "# A search of tilewake.";
inline constexpr std::string_view kTrainingMark = "# A training of tilewake.";

/// Throws InputError if the directory of --out holds a run of another `mark`, or a run and neither
/// `resume` nor `force` is set, if there is no search to resume, if the run would replace a file
/// that it did not write, or, with `force`, if there is any other file. Throws IoError if it is not
/// writable. Changes nothing.
void check_search_directory(const std::string& path, bool resume, bool force,
                            std::string_view mark = kSearchMark);

/// With `force` removes the run that is there; otherwise only the temporary files of killed
/// processes and checkpoints that a record replaces. To be called after check_search_directory().
/// Returns the manifest, to which the run adds its files.
RunManifest claim_search_directory(const std::string& path, bool force);

/// The manifest of the directory of several runs, each of which is in a subdirectory with a
/// separate manifest: only files of `is_file` are removed or replaced. Throws InputError if the
/// directory holds a run of another `mark`, one that is not resumed, or none to resume; IoError if
/// it is not writable.
///   @param noun  of messages: "comparison"
RunManifest claim_runs_directory(const std::string& directory, bool resume, std::string_view mark,
                                 std::string_view noun, bool (*is_file)(std::string_view name));

/// The present contents of files, restored if a resumed run has other settings.
class FileBackup {
 public:
  explicit FileBackup(const std::vector<std::string>& paths);  // those that exist
  void restore() const;

 private:
  std::vector<std::pair<std::string, std::string>> texts_;  // by path
};

}  // namespace tilewake
