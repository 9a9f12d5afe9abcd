// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/frfcfs_channel.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

FrFcfsChannel::FrFcfsChannel(const BankedDramConfig& config)
    : map_(config),
      timing_(config),
      banks_per_rank_(static_cast<int>(config.banks_per_rank())),
      banks_(static_cast<std::size_t>(config.num_ranks * config.banks_per_rank())) {}

void FrFcfsChannel::reset() {
  timing_.reset();
  runs_.clear();
  reads_.clear();
  writes_.clear();
  num_draining_ = 0;
  for (Bank& bank : banks_) {
    bank.queue.clear();
    bank.idle_until = 0;
  }
  num_commands_ = last_bank_ = 0;
  now_ = 1;
}

void FrFcfsChannel::add(std::int64_t run, std::int64_t first, std::int64_t count, bool write,
                        std::int64_t arrive) {
  assert(count > 0);
  runs_.push_back({run, map_.wrap(first), count, arrive, write});
}

/// A burst can be served in the cycle after its arrival.
bool FrFcfsChannel::enter_one() {
  if (runs_.empty() || runs_.front().arrive >= now_) return false;
  Run& run = runs_.front();
  Queue& queue = run.write ? writes_ : reads_;
  if (queue.size() == kQueueBursts) return false;
  const RowPlace place = map_.place_of(run.next);
  queue.push_back({run.run, place.row, now_,
                   timing_.bank_index(place.rank, place.group, place.bank), run.write, false});
  run.next = map_.wrap(run.next + 1);
  if (--run.left == 0) runs_.pop_front();
  return true;
}

void FrFcfsChannel::choose_direction() {
  const auto is_late = [this](const Queue& queue) {
    return !queue.empty() && now_ - queue.front().entered > kStarvationCycles;
  };
  if (num_draining_ > 0) return;
  const bool begins = writes_.size() == kQueueBursts || reads_.empty() || is_late(writes_);
  if (begins && !is_late(reads_)) num_draining_ = writes_.size();
}

bool FrFcfsChannel::schedule_one() {
  choose_direction();
  Queue& queue = num_draining_ > 0 ? writes_ : reads_;
  const auto has_place = [this](const Burst& burst) {
    return banks_[static_cast<std::size_t>(burst.bank)].queue.size() < kBankBursts;
  };
  const auto burst = std::find_if(queue.begin(), queue.end(), has_place);
  if (burst == queue.end()) return false;
  Bank& bank = banks_[static_cast<std::size_t>(burst->bank)];
  bank.queue.push_back(*burst);
  bank.idle_until = 0;
  queue.erase(burst);
  ++num_commands_;
  if (num_draining_ > 0) --num_draining_;
  return true;
}

void FrFcfsChannel::refresh_what_is_due() {
  const auto is_used = [](const Bank& bank) { return !bank.queue.empty(); };
  for (int first = 0; first < static_cast<int>(banks_.size()); first += banks_per_rank_) {
    if (timing_.refresh_due(first) > now_) continue;
    const auto begin = banks_.begin() + first;
    const auto used = std::find_if(begin, begin + banks_per_rank_, is_used);
    const bool is_wanted = used != begin + banks_per_rank_;
    timing_.refresh(is_wanted ? static_cast<int>(used - banks_.begin()) : first, now_);
    for (auto bank = begin; bank != begin + banks_per_rank_; ++bank) bank->idle_until = 0;
  }
}

std::int64_t FrFcfsChannel::issue_from(int index, Commands commands, std::vector<Issued>& issued) {
  Bank& bank = banks_[static_cast<std::size_t>(index)];
  Burst& oldest = bank.queue.front();
  const std::int64_t row = timing_.bank(index).row;
  std::int64_t next = ChannelTiming::kNever;
  if (row != oldest.row && commands != Commands::kColumns) {
    if (row == ChannelTiming::kNoRow) {
      next = timing_.act_time(index);
      if (next > now_) return next;
      timing_.activate(index, oldest.row, now_);
      oldest.opened = true;
      bank.row_hits = 0;
      return now_;
    }
    const bool is_needed = std::any_of(bank.queue.begin(), bank.queue.end(),
                                       [row](const Burst& burst) { return burst.row == row; });
    if (!is_needed || bank.row_hits >= kMaxRowHits) {
      next = timing_.pre_time(index);
      if (next <= now_) {
        timing_.precharge(index, now_);
        return now_;
      }
    }
  }
  if (row == ChannelTiming::kNoRow || commands == Commands::kRows) return next;
  for (auto burst = bank.queue.begin(); burst != bank.queue.end(); ++burst) {
    if (burst->row != row) continue;
    const std::int64_t time = timing_.column_time(index, burst->write);
    if (time > now_) {
      next = std::min(next, time);
      continue;
    }
    issued.push_back({burst->run, timing_.column(index, burst->write, now_), !burst->opened});
    bank.queue.erase(burst);
    --num_commands_;
    ++bank.row_hits;
    return now_;
  }
  return next;
}

std::int64_t FrFcfsChannel::issue_one(Commands commands, std::vector<Issued>& issued) {
  std::int64_t next = ChannelTiming::kNever;
  for (std::size_t i = 1; i <= banks_.size(); ++i) {
    const std::size_t turn = last_bank_ + i;
    const std::size_t index = turn < banks_.size() ? turn : turn - banks_.size();
    Bank& bank = banks_[index];
    if (bank.queue.empty()) continue;
    if (bank.idle_until <= now_) {
      const std::int64_t time = issue_from(static_cast<int>(index), commands, issued);
      if (time == now_) {
        last_bank_ = index;
        return now_;
      }
      if (commands == Commands::kAll) bank.idle_until = time;
    }
    next = std::min({next, bank.idle_until, timing_.refresh_due(static_cast<int>(index))});
  }
  return next;
}

std::int64_t FrFcfsChannel::issue(std::vector<Issued>& issued) {
  if (num_commands_ == 0) return ChannelTiming::kNever;  // what is due now is refreshed later
  refresh_what_is_due();
  const std::size_t num_issued = issued.size();
  const std::int64_t next = issue_one(Commands::kAll, issued);
  if (next == now_)
    issue_one(issued.size() > num_issued ? Commands::kRows : Commands::kColumns, issued);
  return next;
}

void FrFcfsChannel::advance(std::int64_t end, std::vector<Issued>& issued) {
  while (now_ < end) {
    const bool entered = enter_one();
    const bool scheduled = schedule_one();
    std::int64_t next = issue(issued);
    if (entered || scheduled || next == now_) {
      ++now_;
      continue;
    }
    if (!runs_.empty() && runs_.front().arrive >= now_)
      next = std::min(next, runs_.front().arrive + 1);
    now_ = std::min(end, std::max(next, now_ + 1));
  }
}

}  // namespace tilewake
