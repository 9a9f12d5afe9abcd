// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulator/cli/output_place.hpp"
#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/shard_directory.hpp"
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
  std::optional<NewDirectories> made_;  // removed again if nothing was written
  int descriptor_ = -1;
};

/// The directory of --out of a command that simulates many points, with its journal. With `resume`
/// the journal has the points of the shards in the directory, too.
struct JournalDirectory {
  /// Checks the options --resume and --force against the files in `out`; changes nothing. Throws
  /// InputError or IoError.
  JournalDirectory(const std::string& out, bool resume, bool force);

  std::string path;  // of the journal
  RunDirectory directory;
  DirectoryLock lock;
  ShardDirectory shards;
  SweepJournal journal;

  /// Replaces the run, and removes the shards, whose points are in it. Throws IoError.
  void write(const std::vector<RunFile>& files, const std::string& run_yaml) const;
};

/// The journal of one shard of `run`, with the points that it has already. Throws InputError if
/// `out` holds a run or shards of another one, and IoError.
std::unique_ptr<SweepJournal> claim_shard(const std::string& out, const ShardedRun& run,
                                          const Shard& shard);

}  // namespace tilewake
