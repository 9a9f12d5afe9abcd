// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/in_order_controller.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {

InOrderController::InOrderController(const BankedDramConfig& config) : BankedController(config) {}

void InOrderController::reset() {
  for (StreamChannel& channel : channels_) channel.reset();
  outstanding_.clear();
  outstanding_bytes_ = 0;
}

bool InOrderController::can_accept(std::int64_t now) const {
  std::int64_t bytes = outstanding_bytes_;
  for (const auto& [end, o] : outstanding_) {
    if (end > now) break;
    bytes -= o.bytes;  // ended since the last advance()
  }
  return bytes < 2 * max_request_bytes();
}

void InOrderController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes());
  MemoryCompletion completion{request.id, now, now};
  const std::int64_t arrive = to_dram_.ceil(now);
  std::int64_t begin = kNever;
  std::int64_t end = 0;
  for_each_channel(request, [&](StreamChannel& channel, std::int64_t first, std::int64_t count) {
    const ChannelRun run = channel.run(first, count, request.write, arrive);
    begin = std::min(begin, run.data_begin);
    end = std::max(end, run.data_end);
    completion.row_hits += run.row_hits;
    completion.row_misses += run.row_misses;
  });
  if (request.bytes > 0) {
    completion.begin = to_npu_.floor(begin);
    completion.end = to_npu_.ceil(end);
  }
  outstanding_.emplace(completion.end, Outstanding{completion, request.bytes});
  outstanding_bytes_ += request.bytes;
}

std::int64_t InOrderController::advance(std::int64_t now,
                                        std::vector<MemoryCompletion>& completed) {
  while (!outstanding_.empty() && outstanding_.begin()->first <= now) {
    const Outstanding& o = outstanding_.begin()->second;
    completed.push_back(o.completion);
    outstanding_bytes_ -= o.bytes;
    outstanding_.erase(outstanding_.begin());
  }
  return outstanding_.empty() ? kNever : outstanding_.begin()->first;
}

}  // namespace tilewake
