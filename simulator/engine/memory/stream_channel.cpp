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
  num_groups_ = map_.interleaved_groups();
  can_be_steady_ = num_groups_ * step_ >= t.t_ccd_l;
}

void StreamChannel::reset() {
  timing_.reset();
  next_ = -1;
  write_ = false;
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
  const bool extends = num_pieces_ > 0 && last_piece().step == step && step > 0 &&
                       last_piece().time + last_piece().count * step == time;
  if (extends) {
    last_piece().count += count;
  } else {
    assert(num_pieces_ < kRing);
    ++num_pieces_;
    last_piece() = {num_bursts_, time, step, count};
  }
  num_bursts_ += count;
}

void StreamChannel::issue(int bank, std::int64_t row, bool write, std::int64_t arrive,
                          ChannelRun& run) {
  const std::int64_t enter = enter_time(arrive);
  bool was_open = true;
  std::int64_t time = timing_.serve(bank, row, write, enter, was_open);
  while (time < 0) {
    timing_.refresh(bank, enter);
    time = timing_.serve(bank, row, write, enter, was_open);
  }
  ++(was_open ? run.row_hits : run.row_misses);
  remember(time, 0, 1);
}

void StreamChannel::enter_row(std::int64_t index) {
  const RowPlace place = map_.place_of(index);
  next_ = index;
  left_ = map_.bursts_left(index);
  first_bank_ = timing_.bank_index(place.rank, num_groups_ == 1 ? place.group : 0, place.bank);
  row_ = place.row;
  turn_ = num_groups_ == 1 ? 0 : place.group;
  num_in_a_row_ = 0;
}

std::int64_t StreamChannel::steady_columns() const {
  // After every bank had a column, only the previous step is a constraint.
  if (num_in_a_row_ < num_groups_ || !can_be_steady_ || left_ == 0) return 0;
  for (int i = 0; i < num_groups_; ++i)
    if (timing_.bank(first_bank_ + i * group_stride_).row != row_) return 0;
  const std::int64_t due = timing_.refresh_due(first_bank_);
  return std::clamp<std::int64_t>((due - 1 - timing_.last_column()) / step_, 0, left_);
}

ChannelRun StreamChannel::run(std::int64_t first, std::int64_t count, bool write,
                              std::int64_t arrive, RunMarks& marks) {
  assert(count > 0);
  ChannelRun run;
  const std::int64_t index = map_.wrap(first);
  std::size_t mark = marks.bursts[0] > 0 ? 0 : marks.bursts.size();
  // An unaligned request may repeat the last burst of the one before.
  const bool repeats = index + 1 == next_ && left_ < map_.bursts_per_place();
  if (repeats) {
    next_ = index;
    ++left_;
    turn_ = (turn_ == 0 ? num_groups_ : turn_) - 1;
  } else if (index != next_) {
    enter_row(index);
  }
  if (write != write_ || arrive >= timing_.last_column() + step_) num_in_a_row_ = 0;
  write_ = write;
  for (std::int64_t left = count; left > 0;) {
    if (left_ == 0) enter_row(next_);
    std::int64_t served = repeats && left == count ? 0 : std::min(left, steady_columns());
    const std::int64_t begin = timing_.last_column() + step_;
    if (served > 0) {
      timing_.columns(first_bank_, group_stride_, num_groups_, turn_, write, served, step_);
      run.row_hits += served;
      remember(begin, step_, served);
    } else {
      served = 1;
      issue(first_bank_ + turn_ * group_stride_, row_, write, arrive, run);
    }
    if (left == count) run.data_begin = timing_.data_end() - burst_cycles_ - (served - 1) * step_;
    turn_ = static_cast<int>((turn_ + served) % num_groups_);
    num_in_a_row_ += served;
    left -= served;
    for (; mark < marks.bursts.size() && marks.bursts[mark] <= count - left; ++mark)
      marks.ends[mark] = timing_.data_end() - (count - left - marks.bursts[mark]) * step_;
    left_ -= served;
    next_ += served;
    if (next_ == map_.num_bursts()) next_ = 0;
  }
  run.data_end = timing_.data_end();
  return run;
}

}  // namespace tilewake
