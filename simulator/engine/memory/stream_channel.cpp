// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/stream_channel.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

#include "simulator/common/math.hpp"

namespace tilewake {

StreamChannel::StreamChannel(const BankedDramConfig& config)
    : map_(config),
      timing_(config),
      burst_cycles_(config.burst_cycles()),
      group_stride_(static_cast<int>(config.device.banks_per_group)) {
  const DramTimings& t = config.device.timings;
  const std::int64_t shortest_step = std::max(config.burst_cycles(), t.t_ccd_s);
  step_ = shortest_step;
  if (map_.interleaved_groups() == 1) step_ = std::max(step_, t.t_ccd_l);
  num_groups_ = map_.interleaved_groups();
  num_turns_ = Divisor(num_groups_);
  prepare_places();
  repeat_step_ = std::max(step_, t.t_ccd_l);
  can_cross_rows_ = step_ == shortest_step || config.device.num_bank_groups == 1;
  can_be_steady_ = num_groups_ * step_ >= t.t_ccd_l;
  if (can_be_steady_ && can_cross_rows_ && config.num_ranks == 1 &&
      config.device.refresh != DramRefresh::kPerBank && num_groups_ <= ChannelTiming::kMaxHeads)
    prepare_streams(config);
}

void StreamChannel::prepare_places() {
  bursts_per_place_ = Divisor(map_.bursts_per_place());
  const std::int64_t rotation = map_.bursts_per_rotation();
  if (rotation == 0) return;
  rotation_ = Divisor(rotation);
  for (std::int64_t index = 0; index < rotation; index += map_.bursts_per_place()) {
    const RowPlace place = map_.place_of(index);
    place_banks_.push_back(timing_.bank_index(place.rank, place.group, place.bank));
  }
}

/// There are streams if the next row is always open in time.
void StreamChannel::prepare_streams(const BankedDramConfig& config) {
  const DramTimings& t = config.device.timings;
  const RowPlace here = map_.place_of(0);
  const RowPlace next = map_.place_of(map_.wrap(map_.bursts_per_place()));
  if (here.bank == next.bank && (num_groups_ > 1 || here.group == next.group)) return;
  // When the banks of a row are activated, as early as enter() allows, or after a refresh.
  std::vector<std::int64_t> acts;
  std::vector<std::int64_t> restarts;
  const auto activate = [&](std::vector<std::int64_t>& times, std::int64_t time) {
    if (!times.empty()) time = std::max(time, times.back() + t.t_rrd_s);
    if (times.size() >= 4) time = std::max(time, times[times.size() - 4] + t.t_faw);
    times.push_back(time);
  };
  for (int i = 0; i < num_groups_; ++i) {
    activate(acts, i * step_ + 2 + t.t_rp);
    if (acts.back() + t.t_rcd > (kWindow + i) * step_) return;
    activate(restarts, 0);
    restart_cycles_ = std::max(restart_cycles_ + (i == 0 ? 0 : step_), restarts.back() + t.t_rcd);
  }
  // The longest delay of a command by another one, but for refreshes.
  const std::int64_t longest =
      std::max({t.t_rc, t.t_ras, t.t_rcd, t.t_faw, t.t_rrd_l, t.t_ccd_l, t.t_rtp,
                std::max(t.t_cwl + std::max(t.t_wr, t.t_wtr_l), t.t_cl) + config.burst_cycles()});
  const std::int64_t bursts = std::max(kWindow, ceil_div(longest, step_)) + 1;
  const bool is_refreshed_rarely =
      config.device.refresh == DramRefresh::kNone ||
      t.t_refi > 2 * (longest + t.t_rfc + bursts * step_ + config.banks_per_rank() * (t.t_ppd + 1));
  if (2 * bursts + num_groups_ < map_.bursts_per_place() && is_refreshed_rarely)
    stream_bursts_ = bursts;
}

void StreamChannel::reset() {
  timing_.reset();
  next_ = -1;
  write_ = false;
  oldest_ = num_pieces_ = 0;
  num_bursts_ = 0;
}

void StreamChannel::set_enter_times(std::int64_t arrive, ChannelTiming::Heads& heads) {
  std::int64_t head = num_bursts_ - kWindow;
  while (num_pieces_ > 0 && pieces_[oldest_].first + pieces_[oldest_].count <= head) {
    oldest_ = (oldest_ + 1) % kRing;
    --num_pieces_;
  }
  std::size_t at = oldest_;
  for (int i = 0; i < heads.count; ++i, ++head) {
    std::int64_t enter = arrive;
    if (head >= 0) {
      while (pieces_[at].first + pieces_[at].count <= head) at = (at + 1) % kRing;
      const Piece& piece = pieces_[at];
      enter = std::max(enter, piece.time + (head - piece.first) * piece.step + 1);
    }
    heads.enter[static_cast<std::size_t>(i)] = enter + 1;
  }
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

std::int64_t StreamChannel::issue(std::int64_t most, std::int64_t arrive, ChannelRun& run) {
  ChannelTiming::Heads heads;
  heads.count = static_cast<int>(
      std::min<std::int64_t>({most, left_, num_groups_, ChannelTiming::kMaxHeads}));
  set_enter_times(arrive, heads);
  std::int64_t last = timing_.last_column();
  timing_.serve(first_bank_, group_stride_, num_groups_, turn_, row_, write_, heads);
  if (heads.count == 0) {
    issue_after_refresh(heads.enter[0], run);
    return 1;
  }
  if (run.num_bursts() == 0) run.data_begin = data_begin(heads.column[0]);
  run.row_hits += heads.count - heads.num_opened;
  run.row_misses += heads.num_opened;
  for (int i = 0; i < heads.count; ++i) {
    const std::int64_t column = heads.column[static_cast<std::size_t>(i)];
    remember(column, column == last + step_ ? step_ : 0, 1);
    last = column;
  }
  return heads.count;
}

void StreamChannel::issue_after_refresh(std::int64_t enter, ChannelRun& run) {
  const std::int64_t last = timing_.last_column();
  const int bank = first_bank_ + turn_ * group_stride_;
  bool was_open = true;
  std::int64_t time = timing_.serve(bank, row_, write_, enter, was_open);
  while (time < 0) {
    timing_.refresh(bank, enter);
    time = timing_.serve(bank, row_, write_, enter, was_open);
  }
  if (run.num_bursts() == 0) run.data_begin = data_begin(time);
  ++(was_open ? run.row_hits : run.row_misses);
  remember(time, time == last + step_ ? step_ : 0, 1);
}

void StreamChannel::enter_row(std::int64_t index) {
  next_ = index;
  num_in_a_row_ = 0;
  if (!place_banks_.empty()) {
    row_ = rotation_.quotient(index);
    const std::int64_t rest = index - row_ * rotation_.value();
    const std::int64_t place = bursts_per_place_.quotient(rest);
    const std::int64_t done = rest - place * bursts_per_place_.value();
    left_ = bursts_per_place_.value() - done;
    first_bank_ = place_banks_[static_cast<std::size_t>(place)];
    turn_ = static_cast<int>(num_turns_.remainder(done));
    return;
  }
  const RowPlace place = map_.place_of(index);
  left_ = map_.bursts_left(index);
  first_bank_ = timing_.bank_index(place.rank, num_groups_ == 1 ? place.group : 0, place.bank);
  row_ = place.row;
  turn_ = num_groups_ == 1 ? 0 : place.group;
}

std::int64_t StreamChannel::stream_into_row(std::int64_t most, std::int64_t arrive,
                                            ChannelRun& run) {
  const bool is_steady = can_be_steady_ && can_cross_rows_ && num_in_a_row_ >= num_groups_ &&
                         num_pieces_ > 0 && last_piece().step == step_ &&
                         last_piece().count >= kWindow;
  enter_row(next_);
  if (!is_steady || turn_ != 0) return 0;
  const std::int64_t due = timing_.refresh_due(first_bank_);
  const std::int64_t count = std::min({left_, most, (due - 1 - timing_.last_column()) / step_});
  if (count < num_groups_) return 0;
  const std::int64_t head = timing_.last_column() - (kWindow - 1) * step_;
  const int num_opened = timing_.open_ahead(first_bank_, group_stride_, num_groups_, row_, write_,
                                            arrive, head, step_);
  if (num_opened < 0) return 0;
  issue_steadily(count, run);
  run.row_hits -= num_opened;
  run.row_misses += num_opened;
  return count;
}

void StreamChannel::issue_steadily(std::int64_t count, ChannelRun& run) {
  const std::int64_t begin = timing_.last_column() + step_;
  timing_.columns(first_bank_, group_stride_, num_groups_, turn_, write_, count, step_);
  if (run.num_bursts() == 0) run.data_begin = data_begin(begin);
  run.row_hits += count;
  remember(begin, step_, count);
}

bool StreamChannel::is_streaming(std::int64_t arrive) const {
  return stream_bursts_ > 0 && num_in_a_row_ >= stream_bursts_ && num_pieces_ > 0 &&
         pieces_[(oldest_ + num_pieces_ - 1) % kRing].step == step_ &&
         pieces_[(oldest_ + num_pieces_ - 1) % kRing].count >= stream_bursts_ &&
         arrive <= timing_.last_column() - (kWindow - 1) * step_;
}

void StreamChannel::stream(Work& work) {
  while (work.left > 0 && stream_once(work)) {
  }
  // The columns of the last bursts, in each bank and in the window.
  timing_.skip_columns(-num_groups_, step_);
  timing_.columns(first_bank_, group_stride_, num_groups_, turn_, write_, num_groups_, step_);
  oldest_ = 0;
  num_pieces_ = 1;
  last_piece() = {num_bursts_ - stream_bursts_,
                  timing_.last_column() - (stream_bursts_ - 1) * step_, step_, stream_bursts_};
}

/// To the end of the run, or so far beyond the end of the row or a refresh that the stream has
/// settled again. False if that is not possible, for instance because one follows soon after the
/// other.
bool StreamChannel::stream_once(Work& work) {
  const std::int64_t before_refresh =
      (timing_.refresh_due(first_bank_) - 1 - timing_.last_column()) / step_;
  const std::int64_t next = std::min(left_, before_refresh);
  const auto skip = [&](std::int64_t count) {
    timing_.skip_columns(count, step_);
    work.run.row_hits += count;
    num_bursts_ += count;
    advance_run(count, work);
  };
  if (work.left <= next) {
    advance_row(work.left);
    skip(work.left);
    return true;
  }
  const std::int64_t after = next + num_groups_ + stream_bursts_;
  if (work.left < after) return false;
  if (left_ + num_groups_ + stream_bursts_ <= before_refresh) {
    const std::int64_t most = std::min(before_refresh - num_groups_, work.left) - stream_bursts_;
    std::int64_t num_crossed = 0;
    while (num_crossed + left_ <= most) {
      num_crossed += left_;
      advance_row(left_);
      enter_row(next_);
      const int num_opened = timing_.open_rows(first_bank_, group_stride_, num_groups_, row_);
      work.run.row_hits -= num_opened;
      work.run.row_misses += num_opened;
    }
    advance_row(stream_bursts_);
    skip(num_crossed + stream_bursts_);
    return true;
  }
  if (after > left_) return false;
  // The first columns in each bank do not have equal steps.
  const std::int64_t first = work.done + before_refresh;
  for (std::size_t i = work.mark; i < work.marks.bursts.size(); ++i)
    if (first < work.marks.bursts[i] && work.marks.bursts[i] < first + num_groups_) return false;
  advance_row(before_refresh + num_groups_ + stream_bursts_);
  skip(before_refresh);
  const std::int64_t ready = timing_.refresh_in_stream(num_groups_, step_);
  timing_.open_rows(first_bank_, group_stride_, num_groups_, row_);
  timing_.skip_to(ready + restart_cycles_);
  work.run.row_misses += num_groups_;
  num_bursts_ += num_groups_;
  advance_run(num_groups_, work);
  skip(stream_bursts_);
  return true;
}

/// The repeated burst waits for the bank group of the last one, the others only for their steps.
bool StreamChannel::repeat_in_stream(Work& work) {
  const std::int64_t count = work.left;
  const std::int64_t repeated = timing_.last_column() + repeat_step_;
  const bool is_steady = num_in_a_row_ >= num_groups_ && can_be_steady_ && is_open() &&
                         count > num_groups_ && count <= left_ && work.mark == 2 &&
                         repeated + (count - 1) * step_ < timing_.refresh_due(first_bank_);
  if (!is_steady) return false;
  timing_.skip_columns(1, repeat_step_);
  timing_.columns(first_bank_, group_stride_, num_groups_, (turn_ + 1) % num_groups_, write_,
                  count - 1, step_);
  work.run.row_hits = count;
  work.run.data_begin = data_begin(repeated);
  remember(repeated, step_, count);
  advance(count, work);
  return true;
}

bool StreamChannel::is_open() const {
  for (int i = 0; i < num_groups_; ++i)
    if (timing_.bank(first_bank_ + i * group_stride_).row != row_) return false;
  return true;
}

std::int64_t StreamChannel::steady_columns() const {
  // After every bank had a column, only the previous step is a constraint.
  if (num_in_a_row_ < num_groups_ || !can_be_steady_ || left_ == 0 || !is_open()) return 0;
  const std::int64_t due = timing_.refresh_due(first_bank_);
  return std::clamp<std::int64_t>((due - 1 - timing_.last_column()) / step_, 0, left_);
}

ChannelRun StreamChannel::run(std::int64_t first, std::int64_t count, bool write,
                              std::int64_t arrive, RunMarks& marks) {
  assert(count > 0);
  const std::int64_t index = map_.wrap(first);
  Work work{{}, 0, count, arrive, marks, marks.bursts[0] > 0 ? 0 : marks.bursts.size()};
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
  if (arrive > timing_.last_column() && num_bursts_ > 0) {  // no earlier column delays this run
    oldest_ = 0;
    num_pieces_ = 1;
    last_piece() = {num_bursts_ - kWindow, timing_.last_column(), 0, kWindow};
    const int bank = first_bank_ + turn_ * group_stride_;
    if (left_ > 0 && timing_.refresh_due(bank) <= arrive + 1) timing_.refresh(bank, arrive + 1);
  }
  write_ = write;
  if (repeats && !repeat_in_stream(work)) advance(issue(1, arrive, work.run), work);
  while (work.left > 0) {
    if (work.done > 0 && is_streaming(arrive)) {
      stream(work);
      if (work.left == 0) break;
    }
    std::int64_t served = 0;
    if (left_ == 0) served = stream_into_row(work.left, arrive, work.run);
    if (served == 0) {
      served = std::min(work.left, steady_columns());
      if (served > 0) issue_steadily(served, work.run);
    }
    if (served == 0) {
      std::int64_t most = work.left;
      if (work.mark < marks.bursts.size())
        most = std::min(most, marks.bursts[work.mark] - work.done);
      served = issue(most, arrive, work.run);
    }
    advance(served, work);
  }
  work.run.data_end = timing_.data_end();
  return work.run;
}

void StreamChannel::advance(std::int64_t served, Work& work) {
  advance_row(served);
  advance_run(served, work);
}

void StreamChannel::advance_row(std::int64_t served) {
  turn_ = static_cast<int>(num_turns_.remainder(turn_ + served));
  num_in_a_row_ += served;
  left_ -= served;
  next_ += served;
  if (next_ == map_.num_bursts()) next_ = 0;
}

void StreamChannel::advance_run(std::int64_t served, Work& work) {
  work.left -= served;
  work.done += served;
  RunMarks& marks = work.marks;
  for (; work.mark < marks.bursts.size() && marks.bursts[work.mark] <= work.done; ++work.mark)
    marks.ends[work.mark] = timing_.data_end() - (work.done - marks.bursts[work.mark]) * step_;
}

}  // namespace tilewake
