// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/frfcfs_controller.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

FrFcfsController::FrFcfsController(const BankedDramConfig& config)
    : BankedController(config),
      burst_cycles_(config.burst_cycles()),
      shortest_latency_(std::min(config.device.timings.t_cl, config.device.timings.t_cwl)) {}

void FrFcfsController::reset() {
  for (FrFcfsChannel& channel : channels_) channel.reset();
  outstanding_.clear();
  first_run_ = 0;
  outstanding_bytes_ = 0;
  num_waiting_.clear();
  begun_.clear();
  ending_.clear();
}

bool FrFcfsController::can_accept(std::int64_t now) const {
  std::int64_t bytes = outstanding_bytes_;
  for (const auto& [end, run] : ending_) {
    if (end > now) break;
    bytes -= outstanding_[static_cast<std::size_t>(run - first_run_)].bytes;
  }
  return bytes < 4 * max_request_bytes();
}

void FrFcfsController::on_issued(const FrFcfsChannel::Issued& burst) {
  Outstanding& o = outstanding(burst.run);
  const std::int64_t begin = burst.data_end - burst_cycles_;
  if (o.has_begun()) {
    o.data_begin = std::min(o.data_begin, begin);
  } else {
    o.data_begin = begin;
    const auto waiting = num_waiting_.find(o.bursts_left);
    if (--waiting->second == 0) num_waiting_.erase(waiting);
    begun_.insert(burst.run);
  }
  o.data_end = std::max(o.data_end, burst.data_end);
  ++(burst.row_hit ? o.completion.row_hits : o.completion.row_misses);
  if (--o.bursts_left > 0) return;
  o.completion.begin = to_npu_.floor(o.data_begin);
  o.completion.end = to_npu_.ceil(o.data_end);
  begun_.erase(burst.run);
  ending_.insert({o.completion.end, burst.run});
}

void FrFcfsController::run_until(std::int64_t dram_cycle) {
  for (FrFcfsChannel& channel : channels_) channel.advance(dram_cycle, issued_);
  for (const FrFcfsChannel::Issued& burst : issued_) on_issued(burst);
  issued_.clear();
}

void FrFcfsController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes());
  const std::int64_t arrive = to_dram_.ceil(now);
  run_until(arrive);
  const std::int64_t run = first_run_ + static_cast<std::int64_t>(outstanding_.size());
  Outstanding o;
  o.completion = {request.id, now, now};
  o.bytes = request.bytes;
  for_each_channel(request, [&](FrFcfsChannel& channel, std::int64_t first, std::int64_t count) {
    channel.add(run, first, count, request.write, arrive);
    o.bursts_left += count;
  });
  if (o.bursts_left > 0) {
    ++num_waiting_[o.bursts_left];
  } else {
    ending_.insert({now, run});
  }
  outstanding_bytes_ += o.bytes;
  outstanding_.push_back(o);
}

std::int64_t FrFcfsController::advance(std::int64_t now, std::vector<MemoryCompletion>& completed) {
  run_until(to_dram_.ceil(now));
  while (!ending_.empty() && ending_.begin()->first <= now) {
    Outstanding& o = outstanding(ending_.begin()->second);
    completed.push_back(o.completion);
    outstanding_bytes_ -= o.bytes;
    o.is_over = true;
    ending_.erase(ending_.begin());
  }
  while (!outstanding_.empty() && outstanding_.front().is_over) {
    outstanding_.pop_front();
    ++first_run_;
  }

  // Unissued bursts all need the bus, in the best case immediately.
  const auto num_channels = static_cast<std::int64_t>(channels_.size());
  const auto earliest_end = [&](std::int64_t bursts_left, std::int64_t data_end) {
    const std::int64_t bursts = ceil_div(bursts_left, num_channels);
    return to_npu_.ceil(
        std::max(data_end, to_dram_.ceil(now) + shortest_latency_ + bursts * burst_cycles_));
  };
  std::int64_t next = ending_.empty() ? kNever : ending_.begin()->first;
  if (!num_waiting_.empty()) next = std::min(next, earliest_end(num_waiting_.begin()->first, 0));
  for (const std::int64_t run : begun_) {
    const Outstanding& o = outstanding(run);
    next = std::min(next, earliest_end(o.bursts_left, o.data_end));
  }
  return next;
}

}  // namespace tilewake
