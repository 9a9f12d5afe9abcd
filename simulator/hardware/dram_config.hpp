// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <variant>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

class YamlReader;

/// DRAM as a latency that depends on the request size and a bandwidth: no banks, no scheduling.
///
///   latency(n)  = ceil(first_access_cycles + row_cycles * ceil((n - first_row_bytes) / row_bytes)
///                      + refresh_cycles * max(0, ceil((n - first_refresh_bytes) / refresh_bytes)))
///   transfer(n) = ceil(n / bytes_per_cycle())
///
/// Cycles are NPU cycles. Writes take no time (they are counted).
struct LatencyBandwidthDramConfig {
  std::int64_t num_channels = 0;
  std::int64_t bus_bytes = 0;  // width of one channel
  double clock_mhz = 0.0;      // of the data bus
  std::int64_t beats_per_clock = 0;
  double first_access_cycles = 0.0;  // of every request
  double row_cycles = 0.0;           // of each further row
  std::int64_t row_bytes = 0;
  std::int64_t first_row_bytes = 0;  // served before the first further row
  double refresh_cycles = 0.0;
  std::int64_t refresh_bytes = 0;  // moved between two refreshes
  std::int64_t first_refresh_bytes = 0;
  double npu_clock_mhz = 0.0;  // copied from the machine: cycles are counted in it

  /// Whole bytes a NPU cycle: the peak rounded down, as the reference simulator does.
  std::int64_t bytes_per_cycle() const;
  std::int64_t latency_cycles(std::int64_t bytes) const;
  std::int64_t transfer_cycles(std::int64_t bytes) const;
};

/// DRAM that answers at once: no latency, unlimited bandwidth. For what a machine would do if
/// memory were no matter.
struct IdealDramConfig {};

/// One alternative a DRAM model.
using DramConfig = std::variant<LatencyBandwidthDramConfig, BankedDramConfig, IdealDramConfig>;

/// Parses and validates the `dram:` section; `dram.model` chooses the alternative.
DramConfig read_dram_config(YamlReader& yaml, double npu_clock_mhz);

/// Upper bound of what the memory delivers, in bytes per NPU cycle; infinite for `ideal`.
double peak_bytes_per_cycle(const DramConfig& dram);

/// What a long sequential stream gets of it, by a closed form.
double sustained_bytes_per_cycle(const DramConfig& dram);

/// Consecutive bytes in rows that are open at the same time, over all channels; 0 without rows.
std::int64_t row_bytes(const DramConfig& dram);

/// The memory as who plans with closed forms sees it (a mapper, the latency model): a latency and a
/// bandwidth. `latency_bandwidth` is what it is. `banked` is a request that finds another row open,
/// and the sustained bandwidth, which includes refresh and further rows. `ideal` has no latency,
/// and any transfer of up to a TiB takes a cycle, because a transfer of that form takes no less.
LatencyBandwidthDramConfig planning_dram(const DramConfig& dram);

}  // namespace tilewake
