// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"
#include "simulator/engine/on_chip_buffer.hpp"
#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

struct DmaRequest {
  enum class Priority {
    kQueued,     // after all earlier requests
    kPreempting  // before all queued requests, also during a transfer
  };
  int buffer = 0;  // in the order of binding
  int slot = 0;
  std::int64_t bytes = 0;
  Priority priority = Priority::kQueued;
  int layer = -1;  // the requesting layer, for the trace
  Cause cause = Cause::kFeatures;
  bool counted = true;     // included in the bytes of the trace
  std::int64_t step = -1;  // as Event::step
};

/// Data requests of a core. Requests never block; any number may be outstanding.
class DmaIf : public virtual sc_core::sc_interface {
 public:
  virtual void read(const DmaRequest& request) = 0;
  /// Writes `bytes` of the outputs of `layer` to DRAM; the core does not wait for it.
  virtual void store(int layer, std::int64_t bytes) = 0;
};

/// A DMA whose reads fill slots of on-chip buffers.
class BufferDma : public sc_core::sc_module, public DmaIf {
 public:
  sc_core::sc_port<BufferIf, 0> buffers{"buffers"};

  /// Discards all transfers; events of the next run go to `sink`.
  virtual void reset(EventSink& sink) = 0;
  /// Reports all transfers that are still in flight. Call it after the last request.
  virtual void finish() = 0;

 protected:
  explicit BufferDma(const sc_core::sc_module_name& name) : sc_module(name) {}
};

/// Moves data from DRAM to on-chip buffers by the rules of MIDAP's reference. Stores take no time.
///
/// Timing of a request of n bytes issued at cycle `now`. It starts at s and ends at s +
/// transfer(n).
///
/// - queued: s = max(now + latency(n), end of all earlier queued requests)
/// - preempting: s = max(now + latency(n), last fill of the same buffer); every fill of another
///   buffer that would end after s ends transfer(n) later
///
/// Preempting requests wait only for each other: in the reference, weights overtake features.
class Dma : public BufferDma {
 public:
  /// @param dram  latency(n) and transfer(n); none for an ideal memory, where both are 0
  Dma(const sc_core::sc_module_name& name, std::optional<LatencyBandwidthDramConfig> dram);

  void reset(EventSink& sink) override;
  void finish() override;
  void read(const DmaRequest& request) override;
  void store(int layer, std::int64_t bytes) override;

 private:
  struct Transfer {
    DmaRequest request;
    std::int64_t issued = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };
  void tell_completed(std::int64_t until);

  const std::optional<LatencyBandwidthDramConfig> dram_;
  EventSink* sink_ = nullptr;
  std::int64_t queue_end_ = 0;
  std::vector<Transfer> in_flight_;
};

}  // namespace tilewake
