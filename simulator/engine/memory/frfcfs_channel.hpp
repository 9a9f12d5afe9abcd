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
/// Bursts enter a read queue or a write queue in order, until it is full. Reads have priority;
/// writes are collected until their queue is nearly full or no read is pending, and are then issued
/// until it is nearly empty and a read is pending. Each cycle issues one command, the first
/// possible of
///
///   1. a column to an open row, the oldest burst first,
///   2. ACT for the oldest burst of a bank that is closed,
///   3. PRE for the oldest burst of a bank, if no pending burst needs the open row,
///
/// A burst that has waited for kStarvationCycles cycles has priority over all others. Cycles
/// without a possible command are skipped.
class FrFcfsChannel {
 public:
  static constexpr std::size_t kQueueBursts = 32;            // per direction
  static constexpr std::size_t kWriteHighWatermark = 24;     // start of a batch of writes
  static constexpr std::size_t kWriteLowWatermark = 8;       // end of a batch of writes
  static constexpr std::int64_t kStarvationCycles = 10'000;  // memory clock cycles

  /// A burst was issued: its data are on the bus until `data_end`.
  struct Issued {
    std::int64_t run = 0;
    std::int64_t data_end = 0;
    bool row_hit = false;
  };

  explicit FrFcfsChannel(const BankedDramConfig& config);
  void reset();

  /// Adds `count` > 0 consecutive bursts from number `first` (modulo the capacity) that arrive at
  /// cycle `arrive`, in order, not before the time of advance(). `run` is an id of the caller.
  void add(std::int64_t run, std::int64_t first, std::int64_t count, bool write,
           std::int64_t arrive);
  /// Issues commands before cycle `end`, and appends issued bursts to `issued`.
  void advance(std::int64_t end, std::vector<Issued>& issued);

  /// The first cycle at which commands can still be issued.
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
  using Queue = std::vector<Burst>;  // oldest first

  void fill_queues();
  void choose_direction();
  void refresh_what_is_due();
  /// Issues one command if possible; otherwise returns the earliest cycle of the next one.
  std::int64_t issue_one(std::vector<Issued>& issued);

  AddressMap map_;
  ChannelTiming timing_;
  int banks_per_rank_ = 1;
  std::deque<Run> runs_;
  Queue reads_;
  Queue writes_;
  bool writing_ = false;
  std::int64_t now_ = 1;
  std::vector<std::uint64_t> needed_;  // per bank: scan in which its open row was requested
  std::vector<std::uint64_t> seen_;    // per bank: scan in which a command to it was considered
  std::uint64_t scan_ = 0;
};

}  // namespace tilewake
