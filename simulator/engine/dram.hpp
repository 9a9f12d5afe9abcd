// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <systemc>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

/// What the DMA asks a memory model, request by request.
class DramIf : public virtual sc_core::sc_interface {
 public:
  /// Cycles from a read request to its first byte, the data bus being free.
  virtual std::int64_t read_latency_cycles(std::int64_t bytes) = 0;
  /// Cycles the data bus is busy with `bytes`.
  virtual std::int64_t transfer_cycles(std::int64_t bytes) = 0;
  /// Forgets everything a previous run left (open rows, refresh phase).
  virtual void reset() = 0;
};

/// Latency by request size, and a bandwidth: `LatencyBandwidthDramConfig` has the formulas. It has
/// no state; who waits for the bus is the DMA's business. No banks, no scheduling, writes are free.
class LatencyBandwidthDram : public sc_core::sc_module, public DramIf {
 public:
  LatencyBandwidthDram(const sc_core::sc_module_name& name,
                       const LatencyBandwidthDramConfig& config);

  std::int64_t read_latency_cycles(std::int64_t bytes) override;
  std::int64_t transfer_cycles(std::int64_t bytes) override;
  void reset() override {}

 private:
  const LatencyBandwidthDramConfig config_;
};

/// Answers at once.
class IdealDram : public sc_core::sc_module, public DramIf {
 public:
  explicit IdealDram(const sc_core::sc_module_name& name) : sc_module(name) {}

  std::int64_t read_latency_cycles(std::int64_t /*bytes*/) override { return 0; }
  std::int64_t transfer_cycles(std::int64_t /*bytes*/) override { return 0; }
  void reset() override {}
};

}  // namespace tilewake
