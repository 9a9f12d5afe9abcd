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
    kQueued,     // behind everything requested before
    kPreempting  // before all that is queued, also in the middle of a transfer
  };
  int buffer = 0;  // index in the order in which buffers were bound
  int slot = 0;
  std::int64_t bytes = 0;
  Priority priority = Priority::kQueued;
  int layer = -1;  // who asked, for the trace
  Cause cause = Cause::kFeatures;
  bool counted = true;  // among the bytes of the trace
};

/// How a core asks for data. Requests never block, and any number may be outstanding.
class DmaIf : public virtual sc_core::sc_interface {
 public:
  virtual void read(const DmaRequest& request) = 0;
  /// `bytes` of the outputs of `layer` go to DRAM; nobody waits for them.
  virtual void store(int layer, std::int64_t bytes) = 0;
};

/// A DMA whose reads end in the slots of on-chip buffers.
class BufferDma : public sc_core::sc_module, public DmaIf {
 public:
  sc_core::sc_port<BufferIf, 0> buffers{"buffers"};

  /// Nothing in flight; events of the next run go to `sink`.
  virtual void reset(EventSink& sink) = 0;
  /// Tells of all transfers that are still in flight. Call when nothing will be requested any more.
  virtual void finish() = 0;

 protected:
  explicit BufferDma(const sc_core::sc_module_name& name) : sc_module(name) {}
};

/// Moves data from DRAM into on-chip buffers, by the law of MIDAP's reference. Stores take no time.
///
/// Timing of a request of n bytes issued at cycle `now`. It starts at s and ends at s +
/// transfer(n).
///
/// - queued: s = max(now + latency(n), end of all that is queued before)
/// - preempting: s = max(now + latency(n), last fill of the same buffer); every fill of another
///   buffer that would end after s ends transfer(n) later
///
/// Preempting requests wait for each other only: the reference lets weights pass features that way.
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
