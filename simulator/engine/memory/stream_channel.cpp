// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/stream_channel.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

StreamChannel::StreamChannel(const BankedDramConfig& config)
    : map_(config),
      timing_(config),
      burst_cycles_(config.burst_cycles()),
      group_stride_(static_cast<int>(config.device.banks_per_group)) {
  const DramTimings& t = config.device.timings;
  step_ = std::max(config.burst_cycles(), t.t_ccd_s);
  if (map_.interleaved_groups() == 1) step_ = std::max(step_, t.t_ccd_l);
  can_be_steady_ = map_.interleaved_groups() * step_ >= t.t_ccd_l;
}

void StreamChannel::reset() {
  timing_.reset();
  oldest_ = num_pieces_ = 0;
  num_bursts_ = 0;
}

std::int64_t StreamChannel::enter_time(std::int64_t arrive) {
  const std::int64_t head = num_bursts_ - kWindow;
  if (head < 0) return arrive + 1;
  while (pieces_[oldest_].first + pieces_[oldest_].count <= head) {
    oldest_ = (oldest_ + 1) % kRing;
    --num_pieces_;
  }
  const Piece& piece = pieces_[oldest_];
  return std::max(arrive, piece.time + (head - piece.first) * piece.step + 1) + 1;
}

void StreamChannel::remember(std::int64_t time, std::int64_t step, std::int64_t count) {
  assert(num_pieces_ < kRing);
  pieces_[(oldest_ + num_pieces_) % kRing] = {num_bursts_, time, step, count};
  ++num_pieces_;
  num_bursts_ += count;
}

void StreamChannel::issue(int bank, std::int64_t row, bool write, std::int64_t arrive,
                          ChannelRun& run) {
  const std::int64_t enter = enter_time(arrive);
  bool was_open = true;
  for (;;) {
    const ChannelTiming::Bank& b = timing_.bank(bank);
    const std::int64_t due = timing_.refresh_due(bank);
    std::int64_t time = 0;
    if (b.row == row) {
      time = std::max(enter, timing_.column_time(bank, write));
      if (time < due) {
        timing_.column(bank, write, time);
        ++(was_open ? run.row_hits : run.row_misses);
        remember(time, 0, 1);
        return;
      }
    } else if (b.row != ChannelTiming::kNoRow) {
      time = std::max(enter, timing_.pre_time(bank));
      if (time < due) {
        timing_.precharge(bank, time);
        continue;
      }
    } else {
      was_open = false;
      time = std::max(enter, timing_.act_time(bank));
      if (time < due) {
        timing_.activate(bank, row, time);
        continue;
      }
    }
    timing_.refresh(bank, enter);
  }
}

std::int64_t StreamChannel::steady_columns(int first_bank, int stride, int num_banks,
                                           std::int64_t row, std::int64_t left) const {
  for (int i = 0; i < num_banks; ++i)
    if (timing_.bank(first_bank + i * stride).row != row) return 0;
  const std::int64_t due = timing_.refresh_due(first_bank);
  return std::clamp<std::int64_t>((due - 1 - timing_.last_column()) / step_, 0, left);
}

ChannelRun StreamChannel::run(std::int64_t first, std::int64_t count, bool write,
                              std::int64_t arrive) {
  assert(count > 0);
  ChannelRun run;
  const int num_groups = map_.interleaved_groups();
  std::int64_t index = first % map_.num_bursts();
  bool is_first = true;
  while (count > 0) {
    const RowPlace place = map_.place_of(index);
    std::int64_t left = std::min(count, map_.bursts_per_place() - index % map_.bursts_per_place());
    count -= left;
    index = (index + left) % map_.num_bursts();

    const int own = num_groups == 1 ? place.group : 0;
    const int first_bank = timing_.bank_index(place.rank, own, place.bank);
    int turn = num_groups == 1 ? 0 : place.group;
    // After every bank of the row had a column of this run, only the previous step is a constraint.
    for (int issued = 1; left > 0; ++issued) {
      issue(first_bank + turn * group_stride_, place.row, write, arrive, run);
      if (is_first) run.data_begin = timing_.data_end() - burst_cycles_;
      is_first = false;
      turn = (turn + 1) % num_groups;
      --left;
      if (issued < num_groups || !can_be_steady_ || left == 0) continue;
      const std::int64_t steady =
          steady_columns(first_bank, group_stride_, num_groups, place.row, left);
      if (steady == 0) continue;
      const std::int64_t begin = timing_.last_column() + step_;
      timing_.columns(first_bank, group_stride_, num_groups, turn, write, steady, step_);
      run.row_hits += steady;
      remember(begin, step_, steady);
      turn = static_cast<int>((turn + steady) % num_groups);
      left -= steady;
    }
  }
  run.data_end = timing_.data_end();
  return run;
}

}  // namespace tilewake
