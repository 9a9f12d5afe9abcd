// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/hardware/dram_config.hpp"
#include "tests/engine/slow_slots.hpp"

namespace tilewake::slow {

/// DRAM and its bus as three kinds of timers: when a WMEM or BMMEM buffer or an FMEM bank is valid.
class SlowBus {
 public:
  SlowBus(const LatencyBandwidthDramConfig& dram, std::int64_t num_banks)
      : features(static_cast<std::size_t>(num_banks), -1), dram_(dram) {}

  void request_weights(std::int64_t now, int buffer, std::int64_t bytes) {
    const std::int64_t begin =
        std::max(now + latency(bytes), *std::max_element(weights.begin(), weights.end()));
    const std::int64_t time = transfer(bytes);
    weights[static_cast<std::size_t>(buffer)] = begin + time;
    for (std::int64_t& valid : biases)
      if (valid > begin) valid += time;
    for (std::int64_t& valid : features)
      if (valid > begin) valid += time;
    fifo_ = std::max(begin + time, fifo_ + time);
  }
  void request_features(std::int64_t now, int bank, std::int64_t bytes) {
    features[static_cast<std::size_t>(bank)] = queue(now, bytes);
  }
  void request_bias(std::int64_t now, int buffer, std::int64_t bytes) {
    biases[static_cast<std::size_t>(buffer)] = queue(now, bytes);
  }

  std::vector<std::int64_t> weights{-1, -1};
  std::vector<std::int64_t> biases{0, 0};
  std::vector<std::int64_t> features;

 private:
  std::int64_t queue(std::int64_t now, std::int64_t bytes) {
    fifo_ = std::max(now + latency(bytes), fifo_) + transfer(bytes);
    return fifo_;
  }
  std::int64_t latency(std::int64_t bytes) const {
    const auto n = static_cast<double>(bytes);
    const auto pieces = [n](std::int64_t first, std::int64_t each) {
      return std::ceil((n - static_cast<double>(first)) / static_cast<double>(each));
    };
    return static_cast<std::int64_t>(
        std::ceil(dram_.first_access_cycles +
                  dram_.row_cycles * pieces(dram_.first_row_bytes, dram_.row_bytes) +
                  dram_.refresh_cycles *
                      std::max(0.0, pieces(dram_.first_refresh_bytes, dram_.refresh_bytes))));
  }
  std::int64_t transfer(std::int64_t bytes) const {
    const double peak =
        static_cast<double>(dram_.num_channels * dram_.bus_bytes * dram_.beats_per_clock) *
        dram_.clock_mhz / dram_.npu_clock_mhz;
    return div_up(bytes, static_cast<std::int64_t>(std::floor(peak)));
  }

  const LatencyBandwidthDramConfig dram_;
  std::int64_t fifo_ = 0;
};

}  // namespace tilewake::slow
