// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/frfcfs_controller.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {
namespace {

constexpr std::int64_t kChannelRequestBytes = 4096;

}  // namespace

FrFcfsController::FrFcfsController(const BankedDramConfig& config)
    : interleave_(config),
      to_dram_(config.npu_clock_mhz, config.device.clock_mhz),
      to_npu_(config.device.clock_mhz, config.npu_clock_mhz),
      max_request_bytes_(interleave_.stripe_bytes(kChannelRequestBytes)),
      burst_cycles_(config.burst_cycles()),
      shortest_latency_(std::min(config.device.timings.t_cl, config.device.timings.t_cwl)),
      channels_(static_cast<std::size_t>(config.num_channels), FrFcfsChannel(config)) {}

void FrFcfsController::reset() {
  for (FrFcfsChannel& channel : channels_) channel.reset();
  outstanding_.clear();
  num_submitted_ = 0;
}

bool FrFcfsController::can_accept(std::int64_t now) const {
  std::int64_t bytes = 0;
  for (const Outstanding& o : outstanding_) {
    if (!is_done(o, now)) bytes += o.bytes;
  }
  return bytes < 4 * max_request_bytes_;
}

void FrFcfsController::run_until(std::int64_t dram_cycle) {
  for (FrFcfsChannel& channel : channels_) channel.advance(dram_cycle, issued_);
  for (const FrFcfsChannel::Issued& burst : issued_) {
    // Runs are numbered as they are submitted, and completed ones are gone.
    const auto found =
        std::lower_bound(outstanding_.begin(), outstanding_.end(), burst.run,
                         [](const Outstanding& o, std::int64_t run) { return o.run < run; });
    Outstanding& o = *found;
    const std::int64_t begin = burst.data_end - burst_cycles_;
    o.data_begin = o.has_begun ? std::min(o.data_begin, begin) : begin;
    o.has_begun = true;
    o.data_end = std::max(o.data_end, burst.data_end);
    ++(burst.row_hit ? o.completion.row_hits : o.completion.row_misses);
    if (--o.bursts_left > 0) continue;
    o.completion.begin = to_npu_.floor(o.data_begin);
    o.completion.end = to_npu_.ceil(o.data_end);
  }
  issued_.clear();
}

void FrFcfsController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes_);
  const std::int64_t arrive = to_dram_.ceil(now);
  run_until(arrive);
  Outstanding o;
  o.completion = {request.id, now, now};
  o.run = num_submitted_++;
  o.bytes = request.bytes;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    const auto bursts =
        interleave_.bursts_in(static_cast<std::int64_t>(i), request.address, request.bytes);
    if (bursts.count == 0) continue;
    channels_[i].add(o.run, bursts.first, bursts.count, request.write, arrive);
    o.bursts_left += bursts.count;
  }
  outstanding_.push_back(o);
}

std::int64_t FrFcfsController::advance(std::int64_t now, std::vector<MemoryCompletion>& completed) {
  run_until(to_dram_.ceil(now));
  const std::size_t first = completed.size();
  std::erase_if(outstanding_, [&](const Outstanding& o) {
    if (!is_done(o, now)) return false;
    completed.push_back(o.completion);
    return true;
  });
  std::stable_sort(
      completed.begin() + static_cast<std::ptrdiff_t>(first), completed.end(),
      [](const MemoryCompletion& a, const MemoryCompletion& b) { return a.end < b.end; });

  // What is not issued yet needs the bus for all its bursts, in the best case at once.
  const auto num_channels = static_cast<std::int64_t>(channels_.size());
  std::int64_t next = kNever;
  for (const Outstanding& o : outstanding_) {
    const std::int64_t bursts = ceil_div(o.bursts_left, num_channels);
    const std::int64_t earliest =
        std::max(o.data_end, to_dram_.ceil(now) + shortest_latency_ + bursts * burst_cycles_);
    next = std::min(next, o.bursts_left == 0 ? o.completion.end : to_npu_.ceil(earliest));
  }
  return next;
}

std::int64_t FrFcfsController::num_refreshes(std::int64_t now) const {
  std::int64_t count = 0;
  for (const FrFcfsChannel& channel : channels_)
    count += channel.timing().num_refreshes(to_dram_.ceil(now));
  return count;
}

}  // namespace tilewake
