// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <limits>
#include <vector>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// The latest of several times. A std::max of a list would keep the list in memory.
template <typename... Times>
std::int64_t latest(std::int64_t time, Times... times) {
  ((time = std::max(time, times)), ...);
  return time;
}

/// The banks of one channel, its data bus and its refresh: the earliest time of each command by
/// JEDEC timings. The controller decides on commands and their times. All times are memory clock
/// cycles since reset().
///
/// All-bank refreshes are due every tREFI, per-bank refreshes in equal parts of it, round-robin
/// over the ranks. In each interval every bank is refreshed once; the next bank is chosen when a
/// refresh is due: of the remaining banks the most recently used, because a stream returns to it
/// last, but not one used within tRC or the requested bank, unless no other remains.
///
/// Not modelled: the command bus (any number of ACT and PRE per cycle, one column), power-down,
/// postponed refreshes, and limits between a per-bank refresh and commands to other banks.
class ChannelTiming {
 public:
  static constexpr std::int64_t kLongAgo = -(std::int64_t{1} << 40);
  static constexpr std::int64_t kNoRow = -1;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  struct Bank {
    std::int64_t row = kNoRow;   // that is open
    std::int64_t act_ok = 0;     // earliest ACT allowed by the bank
    std::int64_t column_ok = 0;  // earliest column, if a row is open
    std::int64_t pre_ok = 0;     // earliest PRE, if a row is open
    std::int64_t last_column = kLongAgo;
    int rank = 0;
    int group = 0;              // index over all ranks
    bool is_refreshed = false;  // in this interval, by a per-bank refresh
  };

  explicit ChannelTiming(const BankedDramConfig& config);
  void reset();

  int bank_index(int rank, int group, int bank) const {
    return (rank * groups_per_rank_ + group) * banks_per_group_ + bank;
  }
  const Bank& bank(int index) const { return banks_[static_cast<std::size_t>(index)]; }

  /// Earliest cycle of each command. The bank must be open for a column command or PRE, closed for
  /// ACT.
  std::int64_t column_time(int index, bool write) const {
    const Bank& b = bank(index);
    const Rank& rank = ranks_[static_cast<std::size_t>(b.rank)];
    const Group& group = groups_[static_cast<std::size_t>(b.group)];
    const std::int64_t latency = write ? t_.t_cwl : t_.t_cl;
    const bool gap = b.rank != last_rank_ || (write && !last_write_);
    std::int64_t time =
        latest(b.column_ok, last_column_ + 1, data_end_ + (gap ? t_.t_rtrs : 0) - latency,
               rank.last_column + t_.t_ccd_s, group.last_column + t_.t_ccd_l);
    if (!write) time = latest(time, rank.write_end + t_.t_wtr_s, group.write_end + t_.t_wtr_l);
    return time;
  }
  std::int64_t act_time(int index) const {
    const Bank& b = bank(index);
    const Rank& rank = ranks_[static_cast<std::size_t>(b.rank)];
    const Group& group = groups_[static_cast<std::size_t>(b.group)];
    return latest(b.act_ok, rank.acts[rank.last_act] + t_.t_rrd_s, group.last_act + t_.t_rrd_l,
                  rank.acts[(rank.last_act + 1) % 4] + t_.t_faw);
  }
  std::int64_t pre_time(int index) const { return bank(index).pre_ok; }

  void activate(int index, std::int64_t row, std::int64_t time) {
    assert(time >= act_time(index) && time < refresh_due(index));
    Bank& b = banks_[static_cast<std::size_t>(index)];
    set_open(b, ranks_[static_cast<std::size_t>(b.rank)], row, time);
  }
  void precharge(int index, std::int64_t time) {
    assert(time >= pre_time(index) && time < refresh_due(index));
    Bank& b = banks_[static_cast<std::size_t>(index)];
    b.row = kNoRow;
    b.act_ok = std::max(b.act_ok, time + t_.t_rp);
  }
  /// Serves a burst that may be issued from cycle `enter` on: opens its row, if it is not open, and
  /// issues its column, each as early as allowed. Returns the time of the column, or -1 if a
  /// refresh is due first; the commands before it were issued. Sets `was_open` to false if the row
  /// was not.
  std::int64_t serve(int index, std::int64_t row, bool write, std::int64_t enter, bool& was_open) {
    const Bank& b = bank(index);
    const std::int64_t due = refresh_due(index);
    if (b.row != row) {
      if (b.row != kNoRow) {
        const std::int64_t time = std::max(enter, pre_time(index));
        if (time >= due) return -1;
        precharge(index, time);
      }
      was_open = false;
      const std::int64_t time = std::max(enter, act_time(index));
      if (time >= due) return -1;
      activate(index, row, time);
    }
    const std::int64_t time = std::max(enter, column_time(index, write));
    if (time >= due) return -1;
    note_column(index, write, time);
    return time;
  }
  /// Successive bursts of one row of several banks, and their columns.
  static constexpr int kMaxHeads = 8;
  struct Heads {
    int count = 0;
    std::array<std::int64_t, kMaxHeads> enter{};  // as in serve()
    std::array<std::int64_t, kMaxHeads> column{};
    int num_opened = 0;  // whose row was not open
  };
  /// serve() for several banks: `first`, first + stride, ..., `num_banks` of them, from number
  /// `next` on, rotating. Reduces `heads.count` to the bursts before a refresh is due; of the
  /// others, no command was issued.
  void serve(int first, int stride, int num_banks, int next, std::int64_t row, bool write,
             Heads& heads);
  /// Opens `row` in `count` banks of the last rank, first, first + stride, ..., each in another
  /// bank group, while columns continue with equal steps: bank i has its column `step` * (i + 1)
  /// after the last one, and its commands may be issued from max(arrive, head + step * i + 1) + 1
  /// on, as by serve(). Returns how many were not open; -1 without effect if one would be late, or
  /// a refresh is due. The columns are left to columns().
  int open_ahead(int first, int stride, int count, std::int64_t row, bool write,
                 std::int64_t arrive, std::int64_t head, std::int64_t step);
  /// Returns the end of its data.
  std::int64_t column(int index, bool write, std::int64_t time) {
    note_column(index, write, time);
    return data_end_;
  }
  /// Issues `count` more columns after the last one, `step` apart, rotating over the banks `first`,
  /// first + stride, ..., `num_banks` of them; `next` is the number of the next bank.
  void columns(int first, int stride, int num_banks, int next, bool write, std::int64_t count,
               std::int64_t step);

  // For streams: columns with equal steps that last so long that no earlier command delays a later
  // one. Only rows, the last columns and refreshes are kept up to date.

  /// Issues `count` columns whose effect on banks is left to a later columns().
  void skip_columns(std::int64_t count, std::int64_t step) {
    last_column_ += count * step;
    data_end_ += count * step;
  }
  /// The same after a pause: the last column is at `time`.
  void skip_to(std::int64_t time) { skip_columns(1, time - last_column_); }
  /// Opens `row` in `count` banks. Returns how many were not open.
  int open_rows(int first, int stride, int count, std::int64_t row) {
    int num_opened = 0;
    for (int i = 0; i < count; ++i) {
      const int index = first + i * stride;
      std::int64_t& open = banks_[static_cast<std::size_t>(index)].row;
      if (open != row) ++num_opened;
      open = row;
    }
    num_activates_ += num_opened;
    return num_opened;
  }
  /// Executes the refresh of all banks that is due after the last column; the last `num_active`
  /// columns were `step` apart, each in another bank. Returns when banks can be activated.
  std::int64_t refresh_in_stream(int num_active, std::int64_t step);

  std::int64_t last_column() const { return last_column_; }
  std::int64_t data_end() const { return data_end_; }

  /// When a refresh of the bank's rank is due: no command to it at or after that cycle before
  /// refresh(). kNever without refresh.
  std::int64_t refresh_due(int index) const {
    return ranks_[static_cast<std::size_t>(bank(index).rank)].due;
  }
  /// Executes the refreshes of the rank that are due by `time` (at least one), the time of a
  /// pending command for bank `index`. Open banks are precharged first. No command may have been
  /// issued to the rank at or after the due cycle.
  void refresh(int index, std::int64_t time);
  /// Number of refreshes due before `time`.
  std::int64_t num_refreshes(std::int64_t time) const;

  std::int64_t num_activates() const { return num_activates_; }

 private:
  struct Rank {
    std::array<std::int64_t, 4> acts{};  // the last four
    std::size_t last_act = 0;
    std::int64_t last_column = kLongAgo;
    std::int64_t write_end = kLongAgo;
    std::int64_t due = kNever;       // next refresh
    std::int64_t num_refreshes = 0;  // executed refreshes
    std::int64_t num_left = 0;       // banks to be refreshed in this interval
  };
  struct Group {
    std::int64_t last_act = kLongAgo;
    std::int64_t last_column = kLongAgo;
    std::int64_t write_end = kLongAgo;
  };

  std::int64_t due_time(std::int64_t rank, std::int64_t number) const;
  void set_open(Bank& b, Rank& rank, std::int64_t row, std::int64_t time) {
    b.row = row;
    b.act_ok = time + t_.t_rc;
    b.column_ok = time + t_.t_rcd;
    b.pre_ok = time + t_.t_ras;
    groups_[static_cast<std::size_t>(b.group)].last_act = time;
    rank.last_act = (rank.last_act + 1) % 4;
    rank.acts[rank.last_act] = time;
    ++num_activates_;
  }
  void refresh_all(Rank& rank, int first_bank);
  void refresh_one(Rank& rank, int first_bank, int wanted);
  void note_column(int index, bool write, std::int64_t time) {
    Bank& b = banks_[static_cast<std::size_t>(index)];
    Rank& rank = ranks_[static_cast<std::size_t>(b.rank)];
    Group& group = groups_[static_cast<std::size_t>(b.group)];
    b.last_column = rank.last_column = group.last_column = last_column_ = time;
    last_rank_ = b.rank;
    last_write_ = write;
    if (write) {
      data_end_ = time + t_.t_cwl + burst_cycles_;
      rank.write_end = group.write_end = data_end_;
      b.pre_ok = std::max(b.pre_ok, data_end_ + t_.t_wr);
    } else {
      data_end_ = time + t_.t_cl + burst_cycles_;
      b.pre_ok = std::max(b.pre_ok, time + t_.t_rtp);
    }
  }

  const DramTimings t_;
  const std::int64_t burst_cycles_;
  const int groups_per_rank_;
  const int banks_per_group_;
  const int num_ranks_;
  const int banks_per_rank_;
  const DramRefresh refresh_;
  const std::int64_t refreshes_per_interval_;  // per rank

  std::vector<Bank> banks_;
  std::vector<Group> groups_;
  std::vector<Rank> ranks_;
  std::vector<std::int64_t> due_;   // per unit
  std::vector<std::int64_t> open_;  // scratch: when the open banks of a unit may be precharged
  std::int64_t last_column_ = kLongAgo;
  std::int64_t data_end_ = kLongAgo;
  int last_rank_ = 0;
  bool last_write_ = false;
  std::int64_t num_activates_ = 0;
};

}  // namespace tilewake
