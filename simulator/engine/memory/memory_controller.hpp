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
  std::int64_t id = 0;  // of the caller; returned in the completion
  bool write = false;
  std::int64_t address = 0;  // bytes; modulo the capacity, if the model has one
  std::int64_t bytes = 0;
};

/// A completed request: its data were on the bus in [begin, end).
struct MemoryCompletion {
  std::int64_t id = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t row_hits = 0;    // bursts that found their row open
  std::int64_t row_misses = 0;  // bursts that opened it
};

/// Serves the DMA's requests; one implementation per DRAM model. Plain C++ without SystemC: the
/// caller passes the time. All times are NPU cycles since reset().
///
/// Requests are served in order of submission unless the model reorders. Time never decreases from
/// one call to the next.
class MemoryController {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  virtual ~MemoryController() = default;
  /// Resets to cycle 0: idle, all rows closed, start of the refresh interval.
  virtual void reset() = 0;
  /// The largest request that submit() accepts; transfers are split into such pieces.
  virtual std::int64_t max_request_bytes() const = 0;
  /// Whether another request is accepted at cycle `now`. A controller accepts a few requests in
  /// addition to the one on the bus, so that rows are opened in time; later requests wait in the
  /// DMA, where urgent ones may overtake them.
  virtual bool can_accept(std::int64_t now) const = 0;
  virtual void submit(const MemoryRequest& request, std::int64_t now) = 0;
  /// Whether completions never depend on later requests, so that serve_transfer() exists.
  virtual bool can_serve_transfers() const { return false; }
  /// Serves a transfer of any size at once, whether another request is accepted now or not; cycles
  /// are those of pieces of max_request_bytes(), each submitted as soon as it is accepted and all
  /// pieces of earlier transfers were submitted. It completes with its last piece; without bytes,
  /// when its turn comes. The rows of the completion are sums; its begin is that of the piece that
  /// ends first. advance() does not report it. Not to be mixed with submit().
  virtual MemoryCompletion serve_transfer(const MemoryRequest& transfer, std::int64_t now);
  /// Appends the requests completed by cycle `now` to `completed`, and returns the next cycle at
  /// which a request completes or can be accepted, without further submissions; kNever if idle.
  virtual std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) = 0;
  /// Number of refreshes due before `now`, over all channels; 0 if the model has none.
  virtual std::int64_t num_refreshes(std::int64_t /*now*/) const { return 0; }
};

/// Creates the controller of a memory model, after reset.
std::unique_ptr<MemoryController> make_memory_controller(const DramConfig& config);

}  // namespace tilewake
