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

/// Throws InputError if the directory of --out holds a run and neither `resume` nor `force` is set,
/// if there is no search to resume, if something in it is in the way of the run's files or, with
/// `force`, was not written by the run, or if nothing can be written there. Changes nothing.
void check_search_directory(const std::string& path, bool resume, bool force);

/// With `force` removes the run that is there; else only what a killed process left of it. To be
/// called after check_search_directory(). Returns the manifest, to which the run adds its files.
RunManifest claim_search_directory(const std::string& path, bool force);

/// Files as they are now, to be put back if a resumed run turns out to be another one.
class FileBackup {
 public:
  explicit FileBackup(const std::vector<std::string>& paths);  // those that exist
  void restore() const;

 private:
  std::vector<std::pair<std::string, std::string>> texts_;  // by path
};

}  // namespace tilewake
