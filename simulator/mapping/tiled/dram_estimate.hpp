// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "simulator/hardware/dram_config.hpp"
#include "simulator/mapping/step_budget.hpp"

namespace tilewake {

/// The DRAM as used for planning, for every DRAM model: a latency, and the bandwidth of long
/// streams.
class DramEstimate {
 public:
  explicit DramEstimate(const DramConfig& dram)
      : plan_(planning_dram(dram)),
        bytes_per_cycle_(sustained_bytes_per_cycle(dram)),
        step_bytes_(dram_step_bytes(dram)),
        least_latency_cycles_(latency_cycles(1)) {}

  bool is_ideal() const { return std::isinf(bytes_per_cycle_); }
  double bytes_per_cycle() const { return bytes_per_cycle_; }
  /// Bytes moved in a step of the simulation (step_budget.hpp).
  double step_bytes() const { return step_bytes_; }
  /// From a read request to its first byte, on an idle bus.
  double latency_cycles(std::int64_t bytes) const {
    return static_cast<double>(plan_.latency_cycles(bytes));
  }
  /// Of the smallest request.
  double least_latency_cycles() const { return least_latency_cycles_; }
  /// Cycles on the bus; rounded up for a model with whole cycles.
  double transfer_cycles(std::int64_t bytes) const {
    const bool in_whole_cycles = bytes_per_cycle_ == static_cast<double>(plan_.bytes_per_cycle);
    return in_whole_cycles ? static_cast<double>(plan_.transfer_cycles(bytes))
                           : static_cast<double>(bytes) / bytes_per_cycle_;
  }

 private:
  PlanningDram plan_;
  double bytes_per_cycle_;
  double step_bytes_;
  double least_latency_cycles_;
};

}  // namespace tilewake
