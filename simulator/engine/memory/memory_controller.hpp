// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

/// A piece of a transfer: consecutive bytes in one direction.
struct MemoryRequest {
  std::int64_t id = 0;  // the caller's; comes back in the completion
  bool write = false;
  std::int64_t address = 0;  // bytes; taken modulo the capacity, where the model has one
  std::int64_t bytes = 0;
};

/// A request that was served: its data were on the bus in [begin, end).
struct MemoryCompletion {
  std::int64_t id = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t row_hits = 0;    // bursts that found their row open
  std::int64_t row_misses = 0;  // bursts that opened it
};

/// What serves the DMA's requests: one implementation a DRAM model. Plain C++, no SystemC: the
/// caller says what time it is. All times are NPU cycles since reset().
///
/// Requests are served in the order of submission unless the model says that it reorders. Time
/// never runs backwards from one call to the next.
class MemoryController {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  virtual ~MemoryController() = default;
  /// Idle, all rows closed, refresh at its start, cycle 0.
  virtual void reset() = 0;
  /// The largest request that submit() takes; a transfer is cut up into such pieces.
  virtual std::int64_t max_request_bytes() const = 0;
  /// Whether another request can be handed over at cycle `now`. A controller takes a few ahead of
  /// the one on the bus, so that rows are opened in time; those behind wait in the DMA, where more
  /// urgent ones may pass them.
  virtual bool can_accept(std::int64_t now) const = 0;
  virtual void submit(const MemoryRequest& request, std::int64_t now) = 0;
  /// Appends to `completed` what has ended by cycle `now`, and returns the next cycle at which
  /// something completes or can be accepted if nothing else is submitted; kNever if idle.
  virtual std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) = 0;
  /// Refreshes that fell due before `now`, of all channels; 0 where the model has none.
  virtual std::int64_t num_refreshes(std::int64_t /*now*/) const { return 0; }
};

/// What serves the requests of a machine with this memory; reset and ready.
std::unique_ptr<MemoryController> make_memory_controller(const DramConfig& config);

}  // namespace tilewake
