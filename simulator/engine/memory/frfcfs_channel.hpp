// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "simulator/engine/memory/address_map.hpp"
#include "simulator/engine/memory/channel_timing.hpp"

namespace tilewake {

/// One channel that serves open rows first, then the oldest (FR-FCFS), command by command.
///
/// Bursts enter a queue of reads or one of writes, in order, as long as it has room. Reads go
/// first; writes are collected until their queue is nearly full or no read waits, and are then
/// issued until it is nearly empty and a read waits. In a cycle one command goes, the first of
///
///   1. a column to an open row, the oldest burst first,
///   2. ACT for the oldest burst of a bank that is closed,
///   3. PRE for the oldest burst of a bank, if no waiting burst needs the row that is open,
///
/// and a burst that has waited for kStarvationCycles cycles is served before all others. Cycles in
/// which nothing can go are skipped.
class FrFcfsChannel {
 public:
  static constexpr std::size_t kQueueBursts = 32;            // of each direction
  static constexpr std::size_t kWriteHighWatermark = 24;     // the writes' turn begins
  static constexpr std::size_t kWriteLowWatermark = 8;       // and ends
  static constexpr std::int64_t kStarvationCycles = 10'000;  // cycles

  /// A burst was issued: its data are on the bus until `data_end`.
  struct Issued {
    std::int64_t run = 0;
    std::int64_t data_end = 0;
    bool row_hit = false;
  };

  explicit FrFcfsChannel(const BankedDramConfig& config);
  void reset();

  /// Hands over `count` > 0 consecutive bursts from number `first` (modulo the capacity), which
  /// arrive at cycle `arrive`, no earlier than those before and than advance() went. `run` is the
  /// caller's.
  void add(std::int64_t run, std::int64_t first, std::int64_t count, bool write,
           std::int64_t arrive);
  /// Issues what goes before cycle `end`, and appends it to `issued`.
  void advance(std::int64_t end, std::vector<Issued>& issued);

  /// Cycle from which on commands may still be issued.
  std::int64_t now() const { return now_; }
  const ChannelTiming& timing() const { return timing_; }

 private:
  struct Run {
    std::int64_t run = 0;
    std::int64_t next = 0;
    std::int64_t left = 0;
    std::int64_t arrive = 0;
    bool write = false;
  };
  struct Burst {
    std::int64_t run = 0;
    std::int64_t row = 0;
    std::int64_t entered = 0;
    int bank = 0;
    bool opened = false;  // its row was opened for it
  };
  using Queue = std::vector<Burst>;  // the oldest first

  void fill_queues();
  void choose_direction();
  void refresh_what_is_due();
  /// Issues one command if any can go now; else returns the cycle at which one may.
  std::int64_t issue_one(std::vector<Issued>& issued);

  AddressMap map_;
  ChannelTiming timing_;
  int banks_per_rank_ = 1;
  std::deque<Run> runs_;
  Queue reads_;
  Queue writes_;
  bool writing_ = false;
  std::int64_t now_ = 1;
  std::vector<std::uint64_t> needed_;  // of each bank: scan in which its open row was asked for
  std::vector<std::uint64_t> seen_;    // and in which a command to it was considered
  std::uint64_t scan_ = 0;
};

}  // namespace tilewake
