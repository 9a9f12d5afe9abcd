// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tilewake {

/// Throws InputError if the directory of --out holds a run and neither `resume` nor `force` is set,
/// if there is no search to resume, or if nothing can be written there. Changes nothing.
void check_search_directory(const std::string& path, bool resume, bool force);

/// Makes the directory. With `force` the files of the run that is there are removed, others stay;
/// else only what a killed process was writing is.
void claim_search_directory(const std::string& path, bool force);

/// Files as they are now, to be put back if a resumed run turns out to be another one.
class FileBackup {
 public:
  explicit FileBackup(const std::vector<std::string>& paths);  // those that exist
  void restore() const;

 private:
  std::vector<std::pair<std::string, std::string>> texts_;  // by path
};

}  // namespace tilewake
