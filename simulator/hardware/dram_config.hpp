// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

class YamlFields;
class YamlReader;

/// Latency of a read request of n bytes, in NPU cycles:
///
///   latency(n)  = ceil(first_access_cycles + row_cycles * ceil((n - first_row_bytes) / row_bytes)
///                      + refresh_cycles * max(0, ceil((n - first_refresh_bytes) / refresh_bytes)))
struct DramLatency {
  double first_access_cycles = 0.0;  // of every request
  double row_cycles = 0.0;           // of each further row
  std::int64_t row_bytes = 1;
  std::int64_t first_row_bytes = 0;  // served before the first further row
  double refresh_cycles = 0.0;
  std::int64_t refresh_bytes = 1;  // moved between two refreshes
  std::int64_t first_refresh_bytes = 0;

  std::int64_t latency_cycles(std::int64_t bytes) const;
};

/// DRAM as a latency and a bandwidth: no banks, no scheduling. Writes take no time (they are
/// counted).
///
///   transfer(n) = ceil(n / bytes_per_cycle())
struct LatencyBandwidthDramConfig : DramLatency {
  std::int64_t num_channels = 0;
  std::int64_t bus_bytes = 0;  // width of one channel
  double clock_mhz = 0.0;      // of the data bus
  std::int64_t beats_per_clock = 0;
  double npu_clock_mhz = 0.0;  // copied from the machine: cycles are counted in it

  /// Whole bytes a NPU cycle: the peak rounded down, as the reference simulator does.
  std::int64_t bytes_per_cycle() const;
  std::int64_t transfer_cycles(std::int64_t bytes) const;
};

/// DRAM that answers at once: no latency, unlimited bandwidth. For what a machine would do if
/// memory were no matter.
struct IdealDramConfig {};

/// One alternative a DRAM model.
using DramConfig = std::variant<LatencyBandwidthDramConfig, BankedDramConfig, IdealDramConfig>;

/// Values of `dram.model`, one an alternative.
inline constexpr std::array<std::string_view, 3> kDramModels = {"latency_bandwidth", "banked",
                                                                "ideal"};

/// Fields of a `dram:` section of model latency_bandwidth, and the rules between them.
void visit_fields(YamlFields& fields, LatencyBandwidthDramConfig& c);
void check_fields(const YamlReader& dram, const LatencyBandwidthDramConfig& c);

/// Upper bound of what the memory delivers, in bytes per NPU cycle; infinite for `ideal`.
double peak_bytes_per_cycle(const DramConfig& dram);

/// What a long sequential stream gets of it, by a closed form.
double sustained_bytes_per_cycle(const DramConfig& dram);

/// Consecutive bytes in rows that are open at the same time, over all channels; 0 without rows.
std::int64_t row_bytes(const DramConfig& dram);

/// The memory as analytical mappers and the latency model see it: a latency and a bandwidth.
/// `latency_bandwidth` is what it is. `banked` is a request that finds another row open, and the
/// sustained bandwidth, which includes refresh and further rows. `ideal` has no latency, and any
/// transfer of up to a TiB takes a cycle, because a transfer of this form takes no less.
struct PlanningDram : DramLatency {
  std::int64_t bytes_per_cycle = 1;

  std::int64_t transfer_cycles(std::int64_t bytes) const;
};
PlanningDram planning_dram(const DramConfig& dram);

}  // namespace tilewake
