// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tilewake {

/// One file of a run; its name is in the table in run_directory.cpp.
struct RunFile {
  std::string name;
  std::string text;
};

/// The directory of --out: it holds one complete run, or none.
///
/// A file in it belongs to a run if `run.yaml` lists it, if it is a journal of a sweep, or if a run
/// was killed while it was written, which leaves the temporary file of its `run.yaml`. No other
/// file is ever replaced or removed.
class RunDirectory {
 public:
  /// Treatment of a run that is in the directory.
  enum class Existing {
    kRefuse,   // unless it was killed while it was written
    kReplace,  // --force: refused if the directory holds any other file
    kResume    // --resume: replace its files; others stay
  };

  /// Throws InputError or IoError if `path` is not a directory or not writable, if a file that
  /// would be replaced does not belong to a run, or if `existing` forbids it. Changes nothing.
  RunDirectory(const std::string& path, Existing existing);

  /// Throws InputError if `file`, another output of the command, is `directory` or a file of the
  /// run in it.
  static void check_other_output(const std::string& directory, const std::string& file);

  /// Replaces the run that was there: creates the directory, writes each file under a temporary
  /// name, removes the files that the new run lacks, and renames. `run.yaml` is removed first and
  /// renamed last: a run that has one is complete. If a step fails after the removal has begun, no
  /// file of a run remains.
  void write(const std::vector<RunFile>& files, const std::string& run_yaml) const;

 private:
  /// Throws InputError for a file that has the name of a run's file but does not belong to a run.
  void check_owner_of_run_files() const;
  void remove_run(const std::vector<RunFile>& but = {}) const;

  std::filesystem::path path_;
};

}  // namespace tilewake
