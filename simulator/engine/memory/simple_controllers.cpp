// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/simple_controllers.hpp"

#include <algorithm>
#include <cassert>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

/// Moves the requests that have ended by `now` to `completed`. Returns when the next one ends.
std::int64_t complete(std::deque<MemoryCompletion>& outstanding, std::int64_t now,
                      std::vector<MemoryCompletion>& completed) {
  while (!outstanding.empty() && outstanding.front().end <= now) {
    completed.push_back(outstanding.front());
    outstanding.pop_front();
  }
  return outstanding.empty() ? MemoryController::kNever : outstanding.front().end;
}

}  // namespace

void PortController::reset() {
  busy_until_ = 0;
  outstanding_.clear();
}

void PortController::submit(const MemoryRequest& request, std::int64_t now) {
  const std::int64_t begin = std::max(now, busy_until_);
  busy_until_ = begin + ceil_div(request.bytes, bytes_per_cycle_);
  outstanding_.push_back({request.id, begin, busy_until_});
}

MemoryCompletion PortController::serve_transfer(const MemoryRequest& transfer, std::int64_t now) {
  if (transfer.bytes == 0) return {transfer.id, now, now};
  const std::int64_t begin = std::max(now, busy_until_);
  busy_until_ = begin + ceil_div(transfer.bytes, bytes_per_cycle_);
  return {transfer.id, begin, busy_until_};
}

std::int64_t PortController::advance(std::int64_t now, std::vector<MemoryCompletion>& completed) {
  return complete(outstanding_, now, completed);
}

LatencyBandwidthController::LatencyBandwidthController(const LatencyBandwidthDramConfig& config)
    : config_(config) {}

void LatencyBandwidthController::reset() {
  bus_end_ = submitted_ = 0;
  latest_ends_.clear();
  outstanding_.clear();
}

bool LatencyBandwidthController::can_accept(std::int64_t now) const {
  if (outstanding_.size() < kMaxOutstanding) return true;
  return outstanding_[outstanding_.size() - kMaxOutstanding].end <= now;
}

void LatencyBandwidthController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes());
  outstanding_.push_back(serve(request, now));
}

MemoryCompletion LatencyBandwidthController::serve(const MemoryRequest& request, std::int64_t now) {
  const std::int64_t latency = request.write ? 0 : config_.latency_cycles(request.bytes);
  const std::int64_t begin = std::max(now + latency, bus_end_);
  bus_end_ = begin + config_.transfer_cycles(request.bytes);
  return {request.id, begin, bus_end_};
}

MemoryCompletion LatencyBandwidthController::serve_transfer(const MemoryRequest& transfer,
                                                            std::int64_t now) {
  submitted_ = std::max(submitted_, now);
  if (transfer.bytes == 0) return {transfer.id, submitted_, submitted_};
  if (latest_ends_.size() == kMaxOutstanding) {
    submitted_ = std::max(submitted_, latest_ends_.front());
    latest_ends_.pop_front();
  }
  const MemoryCompletion done = serve(transfer, submitted_);
  latest_ends_.push_back(done.end);
  return done;
}

std::int64_t LatencyBandwidthController::advance(std::int64_t now,
                                                 std::vector<MemoryCompletion>& completed) {
  return complete(outstanding_, now, completed);
}

}  // namespace tilewake
