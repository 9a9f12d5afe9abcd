// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "simulator/network/network.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// What was simulated before, on one machine by one build of the tool: a trace file with many
/// networks, kept between runs.
///
/// A network is found by a hash of its text. Each one's rows carry a hash of themselves: what is
/// damaged, or was made by another tool or on another machine, is never believed.
class TraceCache {
 public:
  /// Reads the file at `path` if there is one; whatever is wrong with it becomes a warning.
  /// @param machine  machine_id()
  /// @param version  of the tool, to the build
  TraceCache(const std::string& path, const std::string& machine, const std::string& version);

  /// Why what is in the file is not used; empty if there is no file or all is well.
  const std::string& warning() const { return warning_; }

  /// The rows of `network`, as they were given to add(); none if it was not simulated before.
  std::optional<std::vector<TraceRow>> find(const Network& network);

  /// Keeps at most kMaxRows, in memory and so in the file: what this run did not use goes first.
  /// Returns whether there was room.
  bool add(const Network& network, std::vector<TraceRow> rows);

  /// Replaces the file if anything was added, and makes its directory. Throws InputError, and the
  /// file is as it was.
  void save();

  static constexpr std::size_t kMaxRows = 150'000;       // of the designed set: 37 MB of text
  static constexpr std::uintmax_t kMaxBytes = 1U << 26;  // a larger file is not even read

 private:
  struct Entry {
    std::vector<TraceRow> rows;
    bool is_used = false;  // by this run
  };

  void read();
  void insert(std::uint64_t hash, Entry entry);
  void drop_unused();
  std::string text() const;

  std::string path_;
  std::string machine_;
  std::string version_;
  std::string warning_;
  std::map<std::uint64_t, Entry> entries_;  // by the hash of a network's text
  std::size_t num_rows_ = 0;                // of all entries
  bool is_changed_ = false;
};

/// Where the file of a machine is by default: below $TILEWAKE_CACHE, else $XDG_CACHE_HOME/tilewake,
/// else ~/.cache/tilewake. Empty if none of these is set.
std::string trace_cache_path(const std::string& machine);

}  // namespace tilewake
