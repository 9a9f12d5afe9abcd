// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

class YamlFields;
class YamlReader;

/// Latency of a read request of n bytes, in NPU cycles:
///
///   latency(n)  = ceil(first_access_cycles + row_cycles * ceil((n - first_row_bytes) / row_bytes)
///                      + refresh_cycles * max(0, ceil((n - first_refresh_bytes) / refresh_bytes)))
struct DramLatency {
  double first_access_cycles = 0.0;  // per request
  double row_cycles = 0.0;           // per further row
  std::int64_t row_bytes = 1;
  std::int64_t first_row_bytes = 0;  // served before the first further row
  double refresh_cycles = 0.0;
  std::int64_t refresh_bytes = 1;  // moved between two refreshes
  std::int64_t first_refresh_bytes = 0;

  std::int64_t latency_cycles(std::int64_t bytes) const;
};

/// DRAM, or the link to a host that has it, as a latency and a bandwidth: no banks, no scheduling.
///
///   transfer(n) = ceil(n / (bytes_per_cycle() * efficiency))
struct LatencyBandwidthDramConfig : DramLatency {
  std::int64_t num_channels = 1;
  std::int64_t bus_bytes = 0;  // width of one channel
  double clock_mhz = 0.0;      // of the data bus
  std::int64_t beats_per_clock = 0;
  double efficiency = 1.0;     // share of the bandwidth that transfers reach
  double npu_clock_mhz = 0.0;  // copied from the machine: the unit of cycles

  /// Peak bytes per NPU cycle, rounded down as in the reference simulator.
  std::int64_t bytes_per_cycle() const;
  std::int64_t transfer_cycles(std::int64_t bytes) const;
};

/// Ideal DRAM: no latency, unlimited bandwidth; the upper bound of performance.
struct IdealDramConfig {};

/// One alternative per DRAM model.
using DramConfig = std::variant<LatencyBandwidthDramConfig, BankedDramConfig, IdealDramConfig>;

/// Values of `dram.model`, one per alternative.
inline constexpr std::array<std::string_view, 3> kDramModels = {"latency_bandwidth", "banked",
                                                                "ideal"};

/// Fields of a `dram:` section of model latency_bandwidth, and the rules between them.
void visit_fields(YamlFields& fields, LatencyBandwidthDramConfig& c);
void check_fields(const YamlReader& dram, const LatencyBandwidthDramConfig& c);

/// Upper bound of the bandwidth, in bytes per NPU cycle; infinite for `ideal`.
double peak_bytes_per_cycle(const DramConfig& dram);

/// Bandwidth of a long sequential stream, in closed form.
double sustained_bytes_per_cycle(const DramConfig& dram);

/// Bytes of one access: a burst of a memory with banks, otherwise 64.
std::int64_t access_bytes(const DramConfig& dram);

/// Bytes of transfers that a memory with banks accepts in advance, which no request overtakes; 0
/// for other models.
std::int64_t backlog_bytes(const DramConfig& dram);

/// Bytes of the whole memory; 0 if the model has no limit.
std::int64_t capacity_bytes(const DramConfig& dram);

/// Consecutive bytes in simultaneously open rows, over all channels; 0 without rows.
std::int64_t row_bytes(const DramConfig& dram);

/// Properties of the memory that its model does not cover, one sentence each.
std::vector<std::string> dram_warnings(const DramConfig& dram);

/// The memory for analytical mappers and the latency model: a latency and a bandwidth.
/// `latency_bandwidth` is unchanged, but its bandwidth is in whole bytes. `banked` has the latency
/// of a request that finds another row open, and the sustained bandwidth, which includes refresh
/// and further rows. `ideal` has no latency; a transfer of up to 1 TiB takes one cycle, the minimum
/// of this form.
struct PlanningDram : DramLatency {
  std::int64_t bytes_per_cycle = 1;

  std::int64_t transfer_cycles(std::int64_t bytes) const;
};
PlanningDram planning_dram(const DramConfig& dram);

}  // namespace tilewake
