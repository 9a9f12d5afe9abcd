// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/frfcfs_channel.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

FrFcfsChannel::FrFcfsChannel(const BankedDramConfig& config)
    : map_(config),
      timing_(config),
      banks_per_rank_(static_cast<int>(config.banks_per_rank())),
      needed_(static_cast<std::size_t>(config.num_ranks * config.banks_per_rank())),
      seen_(needed_.size()) {}

void FrFcfsChannel::reset() {
  timing_.reset();
  runs_.clear();
  reads_.clear();
  writes_.clear();
  writing_ = false;
  now_ = 1;
}

void FrFcfsChannel::add(std::int64_t run, std::int64_t first, std::int64_t count, bool write,
                        std::int64_t arrive) {
  assert(count > 0);
  runs_.push_back({run, first % map_.num_bursts(), count, arrive, write});
}

/// A burst can be served in the cycle after its arrival.
void FrFcfsChannel::fill_queues() {
  while (!runs_.empty() && runs_.front().arrive < now_) {
    Run& run = runs_.front();
    Queue& queue = run.write ? writes_ : reads_;
    while (run.left > 0 && queue.size() < kQueueBursts) {
      const RowPlace place = map_.place_of(run.next);
      queue.push_back({run.run, place.row, now_,
                       timing_.bank_index(place.rank, place.group, place.bank), false});
      run.next = (run.next + 1) % map_.num_bursts();
      --run.left;
    }
    if (run.left > 0) return;
    runs_.pop_front();
  }
}

void FrFcfsChannel::choose_direction() {
  if (reads_.empty() || writes_.empty()) {
    writing_ = !writes_.empty();
    return;
  }
  const std::int64_t oldest_read = reads_.front().entered;
  const std::int64_t oldest_write = writes_.front().entered;
  if (now_ - std::min(oldest_read, oldest_write) > kStarvationCycles)
    writing_ = oldest_write < oldest_read;
  else
    writing_ = writes_.size() >= (writing_ ? kWriteLowWatermark + 1 : kWriteHighWatermark);
}

void FrFcfsChannel::refresh_what_is_due() {
  const Queue& queue = writing_ ? writes_ : reads_;
  for (int bank = 0; bank < static_cast<int>(needed_.size()); bank += banks_per_rank_) {
    if (timing_.refresh_due(bank) > now_) continue;
    const bool is_wanted =
        !queue.empty() && queue.front().bank / banks_per_rank_ * banks_per_rank_ == bank;
    timing_.refresh(is_wanted ? queue.front().bank : bank, now_);
  }
}

std::int64_t FrFcfsChannel::issue_one(std::vector<Issued>& issued) {
  Queue& queue = writing_ ? writes_ : reads_;
  std::int64_t next = ChannelTiming::kNever;
  if (queue.empty()) return next;
  for (int bank = 0; bank < static_cast<int>(needed_.size()); bank += banks_per_rank_)
    next = std::min(next, timing_.refresh_due(bank));

  ++scan_;
  const bool is_late = now_ - queue.front().entered > kStarvationCycles;
  const std::size_t num_served = is_late ? 1 : queue.size();
  for (std::size_t i = 0; i < num_served; ++i) {
    const Burst& burst = queue[i];
    const auto bank = static_cast<std::size_t>(burst.bank);
    if (timing_.bank(burst.bank).row == burst.row) needed_[bank] = scan_;
  }
  const Burst* activate = nullptr;
  const Burst* precharge = nullptr;
  for (std::size_t i = 0; i < num_served; ++i) {
    Burst& burst = queue[i];
    const auto bank = static_cast<std::size_t>(burst.bank);
    const std::int64_t row = timing_.bank(burst.bank).row;
    if (seen_[bank] == scan_) continue;  // an older burst can be issued as early
    if (row == burst.row) {
      seen_[bank] = scan_;
      const std::int64_t time = timing_.column_time(burst.bank, writing_);
      if (time <= now_) {
        issued.push_back({burst.run, timing_.column(burst.bank, writing_, now_), !burst.opened});
        queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(i));
        return now_;
      }
      next = std::min(next, time);
      continue;
    }
    if (needed_[bank] == scan_) continue;
    seen_[bank] = scan_;
    const bool is_closed = row == ChannelTiming::kNoRow;
    const std::int64_t time =
        is_closed ? timing_.act_time(burst.bank) : timing_.pre_time(burst.bank);
    next = std::min(next, time);
    if (time > now_) continue;
    const Burst*& candidate = is_closed ? activate : precharge;
    if (candidate == nullptr) candidate = &burst;
  }
  if (activate != nullptr) {
    timing_.activate(activate->bank, activate->row, now_);
    queue[static_cast<std::size_t>(activate - queue.data())].opened = true;
    return now_;
  }
  if (precharge != nullptr) {
    timing_.precharge(precharge->bank, now_);
    return now_;
  }
  return next;
}

void FrFcfsChannel::advance(std::int64_t end, std::vector<Issued>& issued) {
  while (now_ < end) {
    fill_queues();
    choose_direction();
    if (reads_.empty() && writes_.empty()) {
      // Refreshes that are due meanwhile are executed with the next command.
      now_ = runs_.empty() ? end : std::min(end, runs_.front().arrive + 1);
      continue;
    }
    refresh_what_is_due();
    const std::int64_t next = issue_one(issued);
    if (next == now_) {
      ++now_;
      continue;
    }
    // A run that arrives meanwhile may have a better candidate, if its queue is not full.
    const bool is_full =
        !runs_.empty() && (runs_.front().write ? writes_ : reads_).size() == kQueueBursts;
    const bool is_waiting = !runs_.empty() && !is_full && runs_.front().arrive >= now_;
    const std::int64_t arrival = is_waiting ? runs_.front().arrive + 1 : end;
    now_ = std::min({end, arrival, std::max(next, now_ + 1)});
  }
}

}  // namespace tilewake
