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

/// Simulated traces of one machine and one build of the tool, kept between runs in one trace file
/// of many networks.
///
/// A network is found by the hash of its text. The rows of each network carry their own hash:
/// damaged rows, and rows of another tool or machine, are not used.
class TraceCache {
 public:
  /// Reads the file at `path` if it exists; errors in it become a warning.
  /// @param machine  machine_id()
  /// @param version  of the tool, including the build
  TraceCache(const std::string& path, const std::string& machine, const std::string& version);

  /// Why the file is not used; empty if it does not exist or is valid.
  const std::string& warning() const { return warning_; }

  /// The rows of `network` as passed to add(), if it was simulated before.
  std::optional<std::vector<TraceRow>> find(const Network& network);

  /// Keeps at most kMaxRows in memory and in the file; rows not used in this run are dropped first.
  /// Returns false if the rows do not fit.
  bool add(const Network& network, std::vector<TraceRow> rows);

  /// Replaces the file if rows were added; creates its directory. On InputError the file is
  /// unchanged.
  void save();

  static constexpr std::size_t kMaxRows = 150'000;       // the designed set; 37 MB of text
  static constexpr std::uintmax_t kMaxBytes = 1U << 26;  // larger files are not read

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
  std::map<std::uint64_t, Entry> entries_;  // by the hash of the network's text
  std::size_t num_rows_ = 0;                // in all entries
  bool is_changed_ = false;
};

/// Default path of the file of a machine: in $TILEWAKE_CACHE, otherwise $XDG_CACHE_HOME/tilewake,
/// otherwise ~/.cache/tilewake. Empty if none of these is set.
std::string trace_cache_path(const std::string& machine);

}  // namespace tilewake
