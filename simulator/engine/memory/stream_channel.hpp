// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "simulator/engine/memory/address_map.hpp"
#include "simulator/engine/memory/channel_timing.hpp"

namespace tilewake {

/// Result of a run of bursts; DRAM cycles.
struct ChannelRun {
  std::int64_t data_begin = 0;
  std::int64_t data_end = 0;
  std::int64_t row_hits = 0;
  std::int64_t row_misses = 0;

  std::int64_t num_bursts() const { return row_hits + row_misses; }
};

/// Bursts of a run, counted from 1 in increasing order, and the ends of their data.
struct RunMarks {
  std::array<std::int64_t, 2> bursts{};  // 0: none
  std::array<std::int64_t, 2> ends{};
};

/// One channel that serves bursts strictly in order. Columns are issued in the order of bursts; PRE
/// and ACT of a burst may be issued once it is within kWindow bursts of the oldest:
///
///   enter(i)  = max(arrive, column(i - kWindow) + 1) + 1
///   PRE, ACT  = as early as enter(i) and the timings allow
///   column(i) = max(enter(i), ACT + tRCD, what column(i - 1) and the data bus allow)
///
/// No command is issued at or after the cycle at which a refresh of its bank is due; such commands
/// are delayed until after the refresh. A refresh that is due while idle is executed before the
/// next command.
///
/// Within a row, columns with equal steps are not computed one by one: the cost of a row is
/// independent of its length, with the same result. A run that continues the previous one in the
/// same row, before its columns have ended, continues these steps. In long streams, the next rows
/// and refreshes have the same effect each time, which is computed once (stream()).
class StreamChannel {
 public:
  static constexpr std::int64_t kWindow = 40;

  explicit StreamChannel(const BankedDramConfig& config);
  void reset();

  /// Serves `count` > 0 consecutive bursts from number `first` (modulo the capacity) that arrive at
  /// cycle `arrive`, in order of arrival.
  ChannelRun run(std::int64_t first, std::int64_t count, bool write, std::int64_t arrive) {
    RunMarks none;
    return run(first, count, write, arrive, none);
  }
  ChannelRun run(std::int64_t first, std::int64_t count, bool write, std::int64_t arrive,
                 RunMarks& marks);

  const ChannelTiming& timing() const { return timing_; }

 private:
  /// Columns with equal steps.
  struct Piece {
    std::int64_t first = 0;  // number of the burst, since reset
    std::int64_t time = 0;
    std::int64_t step = 0;
    std::int64_t count = 0;
  };

  /// Of the next bursts.
  void set_enter_times(std::int64_t arrive, ChannelTiming::Heads& heads);
  Piece& last_piece() { return pieces_[(oldest_ + num_pieces_ - 1) % kRing]; }
  void remember(std::int64_t time, std::int64_t step, std::int64_t count);
  void enter_row(std::int64_t index);
  /// Issues the next bursts of this row, at least one, and at most `most` and one of each bank.
  /// Returns their number.
  std::int64_t issue(std::int64_t most, std::int64_t arrive, ChannelRun& run);
  /// Issues the next burst, after refreshes that are due before it.
  void issue_after_refresh(std::int64_t enter, ChannelRun& run);
  /// Progress of a run.
  struct Work {
    ChannelRun run;
    std::int64_t done = 0;
    std::int64_t left = 0;
    std::int64_t arrive = 0;
    RunMarks& marks;
    std::size_t mark = 0;  // the next one
  };
  /// Counts `served` more bursts of the row and of the run, the last ones of which have had their
  /// columns with equal steps.
  void advance(std::int64_t served, Work& work);
  void advance_row(std::int64_t served);
  void advance_run(std::int64_t served, Work& work);
  /// Whether columns had equal steps, in this row, for so long that earlier commands delay none.
  bool is_streaming(std::int64_t arrive) const;
  /// Serves bursts as long as rows are opened and refreshes are executed in the middle of a stream.
  void stream(Work& work);
  bool stream_once(Work& work);
  void prepare_places();
  void prepare_streams(const BankedDramConfig& config);
  /// Enters the row of `next_` while columns continue with equal steps, and issues up to `most`
  /// bursts of it. Returns their number; 0 if its banks cannot be opened in time.
  std::int64_t stream_into_row(std::int64_t most, std::int64_t arrive, ChannelRun& run);
  void issue_steadily(std::int64_t count, ChannelRun& run);
  /// When the data of a burst with this column begin; of the same direction as the last one.
  std::int64_t data_begin(std::int64_t column) const {
    return timing_.data_end() - burst_cycles_ - (timing_.last_column() - column);
  }
  /// Serves a whole run that repeats the last burst of the previous one, if only columns remain.
  bool repeat_in_stream(Work& work);
  /// Whether all banks of the row are open.
  bool is_open() const;
  /// Number of further columns with equal steps in this row.
  std::int64_t steady_columns() const;

  AddressMap map_;
  Divisor bursts_per_place_;
  // The first bank of each place of a rotation, if all rows have the same places: finds a row in a
  // fraction of the time of place_of().
  Divisor rotation_;
  std::vector<int> place_banks_;
  ChannelTiming timing_;
  std::int64_t burst_cycles_ = 1;
  int group_stride_ = 1;          // from a bank to the same bank of the next bank group
  std::int64_t step_ = 1;         // between columns in the middle of a row
  std::int64_t repeat_step_ = 1;  // to a column of the same bank
  bool can_be_steady_ = true;     // in steady state, no column waits for its bank group
  bool can_cross_rows_ = true;    // the first column of a row is not earlier than a step

  // Streams: bursts after which no earlier command delays a later one (0: there are no streams),
  // and the time from the end of a refresh to the last of the first columns in each bank.
  std::int64_t stream_bursts_ = 0;
  std::int64_t restart_cycles_ = 0;

  // The row of the last burst: in one bank, or in one bank of each of `num_groups_` bank groups.
  int num_groups_ = 1;
  Divisor num_turns_;  // as num_groups_
  int first_bank_ = 0;
  std::int64_t row_ = 0;
  bool write_ = false;
  std::int64_t next_ = -1;         // the burst after the last one
  std::int64_t left_ = 0;          // bursts from `next_` to the end of the row
  int turn_ = 0;                   // bank group of `next_`
  std::int64_t num_in_a_row_ = 0;  // bursts of this row without a change of direction or a pause

  // Columns of the last kWindow bursts, a ring buffer.
  static constexpr std::size_t kRing = 64;
  static_assert(kRing > kWindow + 1);
  std::array<Piece, kRing> pieces_{};
  std::size_t oldest_ = 0;
  std::size_t num_pieces_ = 0;
  std::int64_t num_bursts_ = 0;
};

}  // namespace tilewake
