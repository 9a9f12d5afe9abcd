// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/api/shard.hpp"
#include "simulator/cli/command.hpp"

namespace tilewake {

inline constexpr const char* kShardHelp =
    "only every Nth point, from the Ith; 'tilewake merge DIR' joins them; auto: as the array task "
    "of "
    "Slurm, or the rank of srun, mpirun or torchrun, says";

/// "3/8", or "auto": the place of this process among those that Slurm, Open MPI or torchrun
/// started. Throws UsageError.
Shard parse_shard(const std::string& text);

/// Throws UsageError unless `shard` is empty, or goes with the other options.
///   @param replaces  --resume or --force is given
void check_shard_options(const std::string& shard, const std::string& out, bool replaces);

/// What a shard says at its end.
std::string shard_is_done(const Shard& shard, std::int64_t num_points, const std::string& out);

/// What the shards of one run have in common, in the file `shards/shards.json` of its directory.
struct ShardedRun {
  std::string command;  // "simulate" or "explore"
  Arguments arguments;  // without --shard, --out and what does not change the result
  std::int64_t count = 1;
};

/// The run of a command line that has --shard.
ShardedRun sharded_run(const std::string& command, const Arguments& arguments, const Shard& shard);

/// The directory `shards` in that of --out: a journal for each shard. Shards may run at the same
/// time, on several machines; each writes its own files only.
class ShardDirectory {
 public:
  explicit ShardDirectory(const std::string& out);

  bool exists() const;

  /// Makes the directory for `run`. Throws InputError if it holds shards of another run, and
  /// IoError.
  void claim(const ShardedRun& run) const;

  /// Throws InputError if there is none, or it was damaged.
  ShardedRun read() const;

  std::string journal_of(const Shard& shard) const;  // its path
  std::vector<std::string> journals() const;         // those that are there, by number

  /// Removes its files, and the directory if no other file is in it. Throws IoError.
  void remove() const;

 private:
  std::string record() const;  // path of shards.json

  std::string path_;
};

}  // namespace tilewake
