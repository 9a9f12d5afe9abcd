// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <vector>

#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

/// Completes every request in the cycle of its submission, without a limit of requests.
class IdealController final : public MemoryController {
 public:
  void reset() override { served_.clear(); }
  std::int64_t max_request_bytes() const override { return std::int64_t{1} << 40; }
  bool can_accept(std::int64_t /*now*/) const override { return true; }
  void submit(const MemoryRequest& request, std::int64_t now) override {
    served_.push_back({request.id, now, now});
  }
  bool can_serve_transfers() const override { return true; }
  MemoryCompletion serve_transfer(const MemoryRequest& transfer, std::int64_t now) override {
    return {transfer.id, now, now};
  }
  std::int64_t advance(std::int64_t /*now*/, std::vector<MemoryCompletion>& completed) override {
    completed.insert(completed.end(), served_.begin(), served_.end());
    served_.clear();
    return kNever;
  }

 private:
  std::vector<MemoryCompletion> served_;  // since the last advance()
};

/// The port of an on-chip memory: requests take whole cycles, one after another, without latency.
class PortController final : public MemoryController {
 public:
  explicit PortController(std::int64_t bytes_per_cycle) : bytes_per_cycle_(bytes_per_cycle) {}

  void reset() override;
  std::int64_t max_request_bytes() const override { return std::int64_t{1} << 40; }
  bool can_accept(std::int64_t /*now*/) const override { return true; }
  void submit(const MemoryRequest& request, std::int64_t now) override;
  bool can_serve_transfers() const override { return true; }
  MemoryCompletion serve_transfer(const MemoryRequest& transfer, std::int64_t now) override;
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  const std::int64_t bytes_per_cycle_;
  std::int64_t busy_until_ = 0;
  std::deque<MemoryCompletion> outstanding_;
};

/// One bus, in order. A read submitted at cycle `now` begins at max(now + latency(bytes), end of
/// the previous request), a write at max(now, that end); both take transfer(bytes). The
/// configuration has the formulas. No rows: hits and misses are 0.
///
/// MIDAP's DMA does not use it: there, weights overtake features and writes are free, as in the
/// reference.
class LatencyBandwidthController final : public MemoryController {
 public:
  /// Maximum number of requests in flight: enough for overlapping latencies, few enough that an
  /// urgent request does not wait for long.
  static constexpr std::size_t kMaxOutstanding = 8;

  explicit LatencyBandwidthController(const LatencyBandwidthDramConfig& config);

  void reset() override;
  std::int64_t max_request_bytes() const override { return std::int64_t{1} << 40; }
  bool can_accept(std::int64_t now) const override;
  void submit(const MemoryRequest& request, std::int64_t now) override;
  bool can_serve_transfers() const override { return true; }
  MemoryCompletion serve_transfer(const MemoryRequest& transfer, std::int64_t now) override;
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  MemoryCompletion serve(const MemoryRequest& request, std::int64_t now);

  const LatencyBandwidthDramConfig config_;
  std::int64_t bus_end_ = 0;
  std::deque<MemoryCompletion> outstanding_;  // in order of completion
  // Of serve_transfer(): when the last one was submitted, and the ends of the latest ones.
  std::int64_t submitted_ = 0;
  std::deque<std::int64_t> latest_ends_;
};

}  // namespace tilewake
