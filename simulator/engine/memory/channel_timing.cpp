// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/channel_timing.hpp"

#include <cassert>

namespace tilewake {

ChannelTiming::ChannelTiming(const BankedDramConfig& config)
    : t_(config.device.timings),
      burst_cycles_(config.burst_cycles()),
      groups_per_rank_(static_cast<int>(config.device.num_bank_groups)),
      banks_per_group_(static_cast<int>(config.device.banks_per_group)),
      num_ranks_(static_cast<int>(config.num_ranks)),
      refresh_(config.device.refresh),
      banks_per_unit_(refresh_ == DramRefresh::kPerBank ? 1 : groups_per_rank_ * banks_per_group_),
      refresh_cycles_(refresh_ == DramRefresh::kPerBank ? t_.t_rfc_pb : t_.t_rfc) {
  reset();
}

void ChannelTiming::reset() {
  const int num_groups = num_ranks_ * groups_per_rank_;
  banks_.assign(static_cast<std::size_t>(num_groups * banks_per_group_), {});
  for (std::size_t i = 0; i < banks_.size(); ++i) {
    banks_[i].group = static_cast<int>(i) / banks_per_group_;
    banks_[i].rank = banks_[i].group / groups_per_rank_;
  }
  groups_.assign(static_cast<std::size_t>(num_groups), {});
  ranks_.assign(static_cast<std::size_t>(num_ranks_), {});
  for (Rank& rank : ranks_) rank.acts.fill(kLongAgo);
  due_.assign(banks_.size() / static_cast<std::size_t>(banks_per_unit_), kNever);
  for (std::size_t unit = 0; unit < due_.size(); ++unit) due_[unit] = first_due(unit);
  last_column_ = data_end_ = kLongAgo;
  last_rank_ = 0;
  last_write_ = false;
  num_activates_ = 0;
}

/// Refreshes are spread over the interval: bank after bank, and in turn in all ranks.
std::int64_t ChannelTiming::first_due(std::size_t unit) const {
  if (refresh_ == DramRefresh::kNone) return kNever;
  const auto num_units = static_cast<std::int64_t>(due_.size());
  const std::int64_t per_rank = num_units / num_ranks_;
  const auto u = static_cast<std::int64_t>(unit);
  const std::int64_t turn = u % per_rank * num_ranks_ + u / per_rank;
  return t_.t_refi * (turn + 1) / num_units;
}

void ChannelTiming::activate(int index, std::int64_t row, std::int64_t time) {
  assert(time >= act_time(index) && time < refresh_due(index));
  Bank& b = banks_[static_cast<std::size_t>(index)];
  Rank& rank = ranks_[static_cast<std::size_t>(b.rank)];
  b.row = row;
  b.act_ok = time + t_.t_rc;
  b.column_ok = time + t_.t_rcd;
  b.pre_ok = time + t_.t_ras;
  groups_[static_cast<std::size_t>(b.group)].last_act = time;
  rank.last_act = (rank.last_act + 1) % 4;
  rank.acts[rank.last_act] = time;
  ++num_activates_;
}

void ChannelTiming::precharge(int index, std::int64_t time) {
  assert(time >= pre_time(index) && time < refresh_due(index));
  Bank& b = banks_[static_cast<std::size_t>(index)];
  b.row = kNoRow;
  b.act_ok = std::max(b.act_ok, time + t_.t_rp);
}

void ChannelTiming::columns(int first, int stride, int num_banks, int next, bool write,
                            std::int64_t count, std::int64_t step) {
  const std::int64_t end = last_column_ + count * step;
  const std::int64_t last = std::min<std::int64_t>(count, num_banks);
  for (std::int64_t back = last; back-- > 0;) {  // the last columns of each bank, in order
    const auto turn = static_cast<int>((next + count - 1 - back) % num_banks);
    note_column(first + turn * stride, write, end - back * step);
  }
}

void ChannelTiming::refresh(int index) {
  const std::size_t unit = unit_of(index);
  const auto begin = banks_.begin() + static_cast<std::ptrdiff_t>(unit) * banks_per_unit_;
  const auto end = begin + banks_per_unit_;
  // Open banks are precharged one after another, each as soon as it may be.
  open_.clear();
  for (auto b = begin; b != end; ++b)
    if (b->row != kNoRow) open_.push_back(b->pre_ok);
  std::sort(open_.begin(), open_.end());
  std::int64_t time = due_[unit];  // of the refresh
  std::int64_t next = due_[unit];  // of a precharge
  for (const std::int64_t pre_ok : open_) {
    next = std::max(next, pre_ok);
    time = next + t_.t_rp;
    next += std::max<std::int64_t>(1, t_.t_ppd);
  }
  for (auto b = begin; b != end; ++b) time = std::max(time, b->act_ok);
  for (auto b = begin; b != end; ++b) {
    b->row = kNoRow;
    b->act_ok = time + refresh_cycles_;
  }
  due_[unit] += t_.t_refi;
}

void ChannelTiming::refresh_until(int index, std::int64_t time) {
  const std::size_t unit = unit_of(index);
  refresh(index);
  if (due_[unit] > time) return;
  // With all rows closed a refresh goes when it is due, and is over before the next one is.
  const std::int64_t more = (time - due_[unit]) / t_.t_refi;
  due_[unit] += more * t_.t_refi;
  refresh(index);
}

std::int64_t ChannelTiming::num_refreshes(std::int64_t time) const {
  if (refresh_ == DramRefresh::kNone) return 0;
  std::int64_t count = 0;
  for (std::size_t unit = 0; unit < due_.size(); ++unit) {
    const std::int64_t due = first_due(unit);
    if (due < time) count += (time - 1 - due) / t_.t_refi + 1;
  }
  return count;
}

}  // namespace tilewake
