// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/channel_timing.hpp"

#include <tuple>

namespace tilewake {

ChannelTiming::ChannelTiming(const BankedDramConfig& config)
    : t_(config.device.timings),
      burst_cycles_(config.burst_cycles()),
      groups_per_rank_(static_cast<int>(config.device.num_bank_groups)),
      banks_per_group_(static_cast<int>(config.device.banks_per_group)),
      num_ranks_(static_cast<int>(config.num_ranks)),
      banks_per_rank_(groups_per_rank_ * banks_per_group_),
      refresh_(config.device.refresh),
      refreshes_per_interval_(refresh_ == DramRefresh::kPerBank ? banks_per_rank_ : 1) {
  reset();
}

void ChannelTiming::reset() {
  const auto num_groups =
      static_cast<std::size_t>(num_ranks_) * static_cast<std::size_t>(groups_per_rank_);
  banks_.assign(num_groups * static_cast<std::size_t>(banks_per_group_), {});
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    banks_[i].group = static_cast<int>(i) / banks_per_group_;
    banks_[i].rank = banks_[i].group / groups_per_rank_;
  }
  groups_.assign(num_groups, {});
  ranks_.assign(static_cast<std::size_t>(num_ranks_), {});
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    ranks_[i].acts.fill(kLongAgo);
    ranks_[i].due = due_time(static_cast<std::int64_t>(i), 0);
    ranks_[i].num_left = banks_per_rank_;
  }
  last_column_ = data_end_ = kLongAgo;
  last_rank_ = 0;
  last_write_ = false;
  num_activates_ = 0;
}

std::int64_t ChannelTiming::due_time(std::int64_t rank, std::int64_t number) const {
  if (refresh_ == DramRefresh::kNone) return kNever;
  const std::int64_t interval = number / refreshes_per_interval_;
  const std::int64_t turn = number % refreshes_per_interval_ * num_ranks_ + rank + 1;
  return t_.t_refi * interval + t_.t_refi * turn / (refreshes_per_interval_ * num_ranks_);
}

void ChannelTiming::serve(int first, int stride, int num_banks, int next, std::int64_t row,
                          bool write, Heads& heads) {
  const int rank_number = bank(first).rank;
  Rank& rank = ranks_[static_cast<std::size_t>(rank_number)];
  const std::int64_t latency = write ? t_.t_cwl : t_.t_cl;
  const bool gap = rank_number != last_rank_ || (write && !last_write_);
  std::int64_t bus_ok = data_end_ + (gap ? t_.t_rtrs : 0) - latency;
  std::int64_t last_column = last_column_;
  std::int64_t rank_column = rank.last_column;
  heads.num_opened = 0;
  int served = 0;
  for (; served < heads.count; ++served) {
    const auto i = static_cast<std::size_t>(served);
    Bank& b = banks_[static_cast<std::size_t>(first + next * stride)];
    Group& group = groups_[static_cast<std::size_t>(b.group)];
    const std::int64_t enter = heads.enter[i];
    std::int64_t act = kNever;
    std::int64_t ready = b.column_ok;
    if (b.row != row) {
      act = latest(enter, b.act_ok, rank.acts[rank.last_act] + t_.t_rrd_s,
                   group.last_act + t_.t_rrd_l, rank.acts[(rank.last_act + 1) % 4] + t_.t_faw);
      if (b.row != kNoRow) act = std::max(act, std::max(enter, b.pre_ok) + t_.t_rp);
      ready = act + t_.t_rcd;
    }
    std::int64_t column = latest(enter, ready, last_column + 1, bus_ok, rank_column + t_.t_ccd_s,
                                 group.last_column + t_.t_ccd_l);
    if (!write) column = latest(column, rank.write_end + t_.t_wtr_s, group.write_end + t_.t_wtr_l);
    if (column >= rank.due) break;
    if (act != kNever) {
      set_open(b, rank, row, act);
      ++heads.num_opened;
    }
    b.last_column = group.last_column = rank_column = last_column = column;
    heads.column[i] = column;
    bus_ok = column + burst_cycles_;
    if (write) {
      rank.write_end = group.write_end = bus_ok + latency;
      b.pre_ok = std::max(b.pre_ok, bus_ok + latency + t_.t_wr);
    } else {
      b.pre_ok = std::max(b.pre_ok, column + t_.t_rtp);
    }
    if (++next == num_banks) next = 0;
  }
  heads.count = served;
  if (served == 0) return;
  last_column_ = rank.last_column = last_column;
  data_end_ = bus_ok + latency;
  last_rank_ = rank_number;
  last_write_ = write;
}

int ChannelTiming::open_ahead(int first, int stride, int count, std::int64_t row, bool write,
                              std::int64_t arrive, std::int64_t head, std::int64_t step) {
  Rank& rank = ranks_[static_cast<std::size_t>(last_rank_)];
  if (bank(first).rank != last_rank_ || last_write_ != write || count > kMaxHeads) return -1;
  if (last_column_ + count * step >= rank.due) return -1;
  std::array<std::int64_t, kMaxHeads> acts;  // kNever: open already
  std::array<std::int64_t, 4> recent;        // of the rank, the oldest first
  for (std::size_t i = 0; i < 4; ++i) recent[i] = rank.acts[(rank.last_act + 1 + i) % 4];
  std::int64_t column = last_column_ + step;
  for (int i = 0; i < count; ++i, column += step, head += step) {
    const Bank& b = bank(first + i * stride);
    const Group& group = groups_[static_cast<std::size_t>(b.group)];
    std::int64_t& act = acts[static_cast<std::size_t>(i)];
    std::int64_t ready = b.column_ok;
    if (b.row == row) {
      act = kNever;
    } else {
      const std::int64_t enter = std::max(arrive, head + 1) + 1;
      act = latest(enter, b.act_ok, recent[3] + t_.t_rrd_s, group.last_act + t_.t_rrd_l,
                   recent[0] + t_.t_faw);
      if (b.row != kNoRow) act = std::max(act, std::max(enter, b.pre_ok) + t_.t_rp);
      recent = {recent[1], recent[2], recent[3], act};
      ready = act + t_.t_rcd;
    }
    if (!write) ready = latest(ready, rank.write_end + t_.t_wtr_s, group.write_end + t_.t_wtr_l);
    if (ready > column) return -1;
  }
  int num_opened = 0;
  for (int i = 0; i < count; ++i) {
    const std::int64_t act = acts[static_cast<std::size_t>(i)];
    if (act == kNever) continue;
    ++num_opened;
    set_open(banks_[static_cast<std::size_t>(first + i * stride)], rank, row, act);
  }
  return num_opened;
}

void ChannelTiming::columns(int first, int stride, int num_banks, int next, bool write,
                            std::int64_t count, std::int64_t step) {
  // Only the last columns of each bank have an effect, in order.
  const auto num_last = static_cast<int>(std::min<std::int64_t>(count, num_banks));
  auto turn = static_cast<int>((next + count - num_last) % num_banks);
  std::int64_t time = last_column_ + (count - num_last + 1) * step;
  const std::int64_t data_delay = (write ? t_.t_cwl : t_.t_cl) + burst_cycles_;
  const std::int64_t pre_delay = write ? data_delay + t_.t_wr : t_.t_rtp;
  for (int i = 0; i < num_last; ++i, time += step) {
    const int index = first + turn * stride;
    Bank& b = banks_[static_cast<std::size_t>(index)];
    Group& group = groups_[static_cast<std::size_t>(b.group)];
    b.last_column = group.last_column = time;
    b.pre_ok = std::max(b.pre_ok, time + pre_delay);
    if (write) group.write_end = time + data_delay;
    if (++turn == num_banks) turn = 0;
  }
  last_column_ = time - step;
  data_end_ = last_column_ + data_delay;
  last_rank_ = bank(first).rank;
  last_write_ = write;
  Rank& rank = ranks_[static_cast<std::size_t>(last_rank_)];
  rank.last_column = last_column_;
  if (write) rank.write_end = data_end_;
}

void ChannelTiming::refresh(int index, std::int64_t time) {
  const int number = bank(index).rank;
  Rank& rank = ranks_[static_cast<std::size_t>(number)];
  const int first_bank = number * banks_per_rank_;
  do {
    // After a long time without commands, only the last intervals have an effect.
    const std::int64_t idle = (time - rank.due) / t_.t_refi - 2;
    if (idle > 0) rank.num_refreshes += idle * refreshes_per_interval_;
    rank.due = due_time(number, rank.num_refreshes);
    if (refresh_ == DramRefresh::kPerBank)
      refresh_one(rank, first_bank, index);
    else
      refresh_all(rank, first_bank);
    rank.due = due_time(number, ++rank.num_refreshes);
  } while (rank.due <= time);
}

void ChannelTiming::refresh_all(Rank& rank, int first_bank) {
  const auto begin = banks_.begin() + first_bank;
  const auto end = begin + banks_per_rank_;
  // Open banks are precharged one after another, each as early as allowed.
  std::int64_t num_open = 0;
  std::int64_t last_pre_ok = rank.due;
  std::int64_t time = rank.due;  // of the refresh
  for (auto b = begin; b != end; ++b) {
    time = std::max(time, b->act_ok);
    if (b->row == kNoRow) continue;
    ++num_open;
    last_pre_ok = std::max(last_pre_ok, b->pre_ok);
  }
  const std::int64_t gap = std::max<std::int64_t>(1, t_.t_ppd);
  if (last_pre_ok > rank.due) {
    open_.clear();
    for (auto b = begin; b != end; ++b)
      if (b->row != kNoRow) open_.push_back(b->pre_ok);
    std::sort(open_.begin(), open_.end());
    std::int64_t next = rank.due;  // of a precharge
    for (const std::int64_t pre_ok : open_) {
      next = std::max(next, pre_ok);
      last_pre_ok = next;
      next += gap;
    }
  } else {
    last_pre_ok += (num_open - 1) * gap;
  }
  if (num_open > 0) time = std::max(time, last_pre_ok + t_.t_rp);
  for (auto b = begin; b != end; ++b) {
    b->row = kNoRow;
    b->act_ok = time + t_.t_rfc;
  }
}

std::int64_t ChannelTiming::refresh_in_stream(int num_active, std::int64_t step) {
  Rank& rank = ranks_[static_cast<std::size_t>(last_rank_)];
  std::int64_t num_open = 0;
  for (auto b = banks_.begin() + last_rank_ * banks_per_rank_, end = b + banks_per_rank_; b != end;
       ++b) {
    if (b->row != kNoRow) ++num_open;
    b->row = kNoRow;
  }
  // As in refresh_all(): all others can be precharged before these.
  const std::int64_t gap = std::max<std::int64_t>(1, t_.t_ppd);
  const std::int64_t delay = last_write_ ? t_.t_cwl + burst_cycles_ + t_.t_wr : t_.t_rtp;
  std::int64_t next = rank.due + (num_open - num_active) * gap;
  for (int i = num_active; i > 0; --i)
    next = std::max(next, last_column_ - (i - 1) * step + delay) + gap;
  rank.due = due_time(last_rank_, ++rank.num_refreshes);
  return next - gap + t_.t_rp + t_.t_rfc;
}

void ChannelTiming::refresh_one(Rank& rank, int first_bank, int wanted) {
  // Larger is better: idle banks by latest use, all others by earliest.
  const auto merit = [&](int index) {
    const std::int64_t used = bank(index).last_column;
    const bool is_idle = index != wanted && used < rank.due - t_.t_rc;
    return std::tuple(is_idle, index != wanted, is_idle ? used : -used);
  };
  int chosen = -1;
  for (int i = first_bank; i < first_bank + banks_per_rank_; ++i) {
    if (bank(i).is_refreshed) continue;
    if (chosen < 0 || merit(i) > merit(chosen)) chosen = i;
  }
  Bank& b = banks_[static_cast<std::size_t>(chosen)];
  std::int64_t time = std::max(rank.due, b.act_ok);
  if (b.row != kNoRow) time = std::max(time, std::max(rank.due, b.pre_ok) + t_.t_rp);
  b.row = kNoRow;
  b.act_ok = time + t_.t_rfc_pb;
  b.is_refreshed = true;
  if (--rank.num_left > 0) return;
  rank.num_left = banks_per_rank_;
  for (int i = first_bank; i < first_bank + banks_per_rank_; ++i)
    banks_[static_cast<std::size_t>(i)].is_refreshed = false;
}

std::int64_t ChannelTiming::num_refreshes(std::int64_t time) const {
  if (refresh_ == DramRefresh::kNone || time <= 0) return 0;
  const std::int64_t whole = (time - 1) / t_.t_refi * refreshes_per_interval_;
  std::int64_t count = 0;
  for (int rank = 0; rank < num_ranks_; ++rank) {
    std::int64_t number = whole;
    while (due_time(rank, number) < time) ++number;
    count += number;
  }
  return count;
}

}  // namespace tilewake
