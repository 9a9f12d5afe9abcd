// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/dram.hpp"

namespace tilewake {

LatencyBandwidthDram::LatencyBandwidthDram(const sc_core::sc_module_name& name,
                                           const LatencyBandwidthDramConfig& config)
    : sc_module(name), config_(config) {}

std::int64_t LatencyBandwidthDram::read_latency_cycles(std::int64_t bytes) {
  return config_.latency_cycles(bytes);
}

std::int64_t LatencyBandwidthDram::transfer_cycles(std::int64_t bytes) {
  return config_.transfer_cycles(bytes);
}

}  // namespace tilewake
