// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/cli/journal_file.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {

/// The finished points of a sweep, one line of JSON each, appended as they finish. A resumed sweep
/// does not simulate them again.
///
/// The key of a point is its machine (machine_id, which covers all values), the hash of its network
/// file and the build of the tool. Each line has a hash of its contents; lines that are damaged,
/// incomplete or of another build are not used.
class SweepJournal {
 public:
  static constexpr std::string_view kFileName = "points.jsonl";

  /// With `resume`, reads the file at `path`; otherwise the first point replaces it. Throws
  /// InputError if it cannot be read.
  ///   @param build  of the tool, build_id()
  SweepJournal(const std::string& path, const std::string& build, bool resume);

  /// Adds the points of another journal, of this build of the tool. Throws InputError if it cannot
  /// be read.
  void read_also(const std::string& path);

  /// Whether the file as it was read ends a share of a sweep: finish() was called and no point was
  /// added since.
  bool is_finished() const { return is_finished_; }
  /// Marks the end. Throws IoError.
  void finish();

  /// Why lines of the file are not used; empty if all are used.
  const std::string& warning() const { return warning_; }

  /// The result of the point; null if it was not simulated.
  const Summary* find(const std::string& machine, std::uint64_t network_hash) const;

  /// Writes the point to the file before it returns. Throws IoError if that fails.
  void add(const Summary& point);

  /// The whole file with the points in this order, followed by the points of other sweeps in it.
  std::string text_of(const std::vector<const Summary*>& points) const;

 private:
  using Key = std::pair<std::string, std::uint64_t>;

  void read(const JournalFile& file, const std::string& path);

  JournalFile file_;
  std::string build_;
  std::string warning_;
  bool is_finished_ = false;
  std::map<Key, Summary> points_;  // as read
};

}  // namespace tilewake
