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
///
/// A file in it belongs to a run if `run.yaml` is there and lists it, or if it is a journal of a
/// sweep, or if a run was killed while it was written: then the temporary file of its `run.yaml` is
/// still there. No other file is ever replaced or removed.
class RunDirectory {
 public:
  /// What to do with a run that is in the directory.
  enum class Existing {
    kRefuse,   // unless it was killed while it was written
    kReplace,  // --force: refused if the directory holds any file that belongs to no run
    kResume    // --resume: replace its files; others stay
  };

  /// Throws InputError or IoError if `path` cannot be one: it is no directory, a file in it that
  /// would be replaced belongs to no run, `existing` forbids it, or nothing can be written there.
  /// Changes nothing.
  RunDirectory(const std::string& path, Existing existing);

  /// Replaces the run that was there: makes the directory, writes each file under a temporary name,
  /// removes what the new run lacks and renames. `run.yaml` goes first and comes last: where it is,
  /// the run is complete. Should anything fail once the old run is touched, no file of a run is
  /// left behind.
  void write(const std::vector<RunFile>& files, const std::string& run_yaml) const;

 private:
  /// Throws InputError for a file in the place of a run's file that belongs to no run.
  void check_owner_of_run_files() const;
  void remove_run(const std::vector<RunFile>& but = {}) const;

  std::filesystem::path path_;
};

}  // namespace tilewake
