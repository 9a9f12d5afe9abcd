// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tilewake {

/// One file of a run; its name stands in the table in run_directory.cpp.
struct RunFile {
  std::string name;
  std::string text;
};

/// The directory of --out: it holds one complete run, or none.
class RunDirectory {
 public:
  /// Throws InputError if `path` cannot be one: it is no directory, or something in the place of a
  /// run's file is no file, or a run's file is there and `force` is not set; or if nothing can be
  /// written there. Changes nothing.
  RunDirectory(const std::string& path, bool force);

  /// Replaces the run that was there: makes the directory, writes each file under a temporary name,
  /// removes what the new run lacks and renames. `run.yaml` goes first and comes last: where it is,
  /// the run is complete. Should anything fail once the old run is touched, no file of a run is
  /// left behind.
  void write(const std::vector<RunFile>& files, const std::string& run_yaml) const;

 private:
  void remove_run(const std::vector<RunFile>& but = {}) const;

  std::filesystem::path path_;
};

}  // namespace tilewake
