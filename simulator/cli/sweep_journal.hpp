// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "simulator/trace/summary.hpp"

namespace tilewake {

/// The points of a sweep that are done, a line of JSON each, written as they come: what a sweep
/// that is resumed need not do again.
///
/// A point is known by its machine (machine_id, so all values), the hash of its network's file and
/// the build of the tool. Each line carries a hash of itself: what is damaged, cut off, or was made
/// by another build is never believed.
class SweepJournal {
 public:
  static constexpr std::string_view kFileName = "points.jsonl";

  /// With `resume`, reads the file at `path`; else what is there goes when the first point comes.
  /// Throws InputError if it cannot be read.
  ///   @param build  of the tool, build_id()
  SweepJournal(const std::string& path, const std::string& build, bool resume);
  ~SweepJournal();
  SweepJournal(const SweepJournal&) = delete;
  SweepJournal& operator=(const SweepJournal&) = delete;

  /// Why lines of the file are not used; empty if all is well.
  const std::string& warning() const { return warning_; }

  /// What the point came to; null if it was not done.
  const Summary* find(const std::string& machine, std::uint64_t network_hash) const;

  /// Hands the point over to the system before it returns. Throws InputError if that fails.
  void add(const Summary& point);

  /// The whole file, had the points come in this order; then those of other sweeps that were there.
  std::string text_of(const std::vector<const Summary*>& points) const;

 private:
  using Key = std::pair<std::string, std::uint64_t>;

  void read(const std::string& text);
  bool read_line(const std::string& line);
  std::string line_of(const Summary& point) const;
  void open();

  std::string path_;
  std::string build_;
  std::string warning_;
  std::map<Key, Summary> points_;  // as read
  int file_ = -1;
};

}  // namespace tilewake
