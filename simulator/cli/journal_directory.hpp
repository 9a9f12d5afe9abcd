// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/sweep_journal.hpp"

namespace tilewake {

/// A lock of a directory for the time of a command: a second process that writes to it is refused.
/// It leaves no file, and ends with the process, also where that is killed.
class DirectoryLock {
 public:
  /// Creates the directory if it is missing. Throws InputError if another process has the lock. A
  /// directory that cannot be opened is not locked: writing to it fails with a reason.
  explicit DirectoryLock(const std::string& path);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// The directory of --out of a command that simulates many points, with its journal.
struct JournalDirectory {
  /// Checks the options --resume and --force against the files in `out`; changes nothing. Throws
  /// InputError or IoError.
  JournalDirectory(const std::string& out, bool resume, bool force);

  std::string path;  // of the journal
  DirectoryLock lock;
  RunDirectory directory;
  SweepJournal journal;
};

}  // namespace tilewake
