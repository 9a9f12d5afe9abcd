// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/dram_config.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "simulator/common/math.hpp"
#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

// Generous limits; no product of accepted values overflows 64 bits.
constexpr std::int64_t kMaxCount = 1024;
constexpr double kMaxDramClockMhz = 1e5;
constexpr NumberRange kDelay = {0, 1e6};  // cycles
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

// Saturation value of a latency: larger than any run, and sums of a few fit 64 bits.
constexpr std::int64_t kMaxLatencyCycles = std::int64_t{1} << 60;

/// An integer ratio of clocks must not be rounded down to the integer below.
std::int64_t whole_bytes(double bytes_per_cycle) {
  constexpr double kRoundingError = 1e-12;
  return static_cast<std::int64_t>(bytes_per_cycle * (1.0 + kRoundingError));
}

double peak_of(const LatencyBandwidthDramConfig& c) {
  return static_cast<double>(c.bytes_per_cycle());
}
double peak_of(const BankedDramConfig& c) { return c.peak_bytes_per_cycle(); }
double peak_of(const IdealDramConfig& /*config*/) {
  return std::numeric_limits<double>::infinity();
}

double sustained_of(const LatencyBandwidthDramConfig& c) { return peak_of(c) * c.efficiency; }
double sustained_of(const BankedDramConfig& c) { return c.sustained_bytes_per_cycle(); }
double sustained_of(const IdealDramConfig& c) { return peak_of(c); }

std::int64_t row_bytes_of(const LatencyBandwidthDramConfig& c) { return c.row_bytes; }
std::int64_t row_bytes_of(const BankedDramConfig& c) { return c.num_channels * c.row_bytes(); }
std::int64_t row_bytes_of(const IdealDramConfig& /*config*/) { return 0; }

constexpr std::int64_t kCacheLineBytes = 64;

std::int64_t access_bytes_of(const LatencyBandwidthDramConfig& /*c*/) { return kCacheLineBytes; }
std::int64_t access_bytes_of(const BankedDramConfig& c) { return c.burst_bytes(); }
std::int64_t access_bytes_of(const IdealDramConfig& /*config*/) { return kCacheLineBytes; }

std::int64_t backlog_of(const LatencyBandwidthDramConfig& /*c*/) { return 0; }
std::int64_t backlog_of(const BankedDramConfig& c) {
  return c.requests_in_flight() * c.num_channels * BankedDramConfig::kChannelRequestBytes;
}
std::int64_t backlog_of(const IdealDramConfig& /*config*/) { return 0; }

std::int64_t capacity_of(const LatencyBandwidthDramConfig& /*c*/) { return 0; }
std::int64_t capacity_of(const BankedDramConfig& c) { return c.num_channels * c.channel_bytes(); }
std::int64_t capacity_of(const IdealDramConfig& /*config*/) { return 0; }

PlanningDram plan_of(const LatencyBandwidthDramConfig& c) {
  return {static_cast<const DramLatency&>(c), whole_bytes(std::max(sustained_of(c), 1.0))};
}
PlanningDram plan_of(const BankedDramConfig& c) {
  DramLatency latency;
  latency.first_access_cycles = c.first_access_cycles();
  return {latency, whole_bytes(std::max(c.sustained_bytes_per_cycle(), 1.0))};
}
PlanningDram plan_of(const IdealDramConfig& /*config*/) { return {{}, std::int64_t{1} << 40}; }

}  // namespace

std::int64_t LatencyBandwidthDramConfig::bytes_per_cycle() const {
  const std::int64_t bytes_per_clock = num_channels * bus_bytes * beats_per_clock;
  return whole_bytes(static_cast<double>(bytes_per_clock) * clock_mhz / npu_clock_mhz);
}

std::int64_t DramLatency::latency_cycles(std::int64_t bytes) const {
  assert(bytes >= 0);
  const auto further = [bytes](std::int64_t first, std::int64_t each) {
    return static_cast<double>(std::max<std::int64_t>(0, ceil_div(bytes - first, each)));
  };
  const double cycles =
      std::ceil(first_access_cycles + row_cycles * further(first_row_bytes, row_bytes) +
                refresh_cycles * further(first_refresh_bytes, refresh_bytes));
  return cycles < static_cast<double>(kMaxLatencyCycles) ? static_cast<std::int64_t>(cycles)
                                                         : kMaxLatencyCycles;
}

std::int64_t LatencyBandwidthDramConfig::transfer_cycles(std::int64_t bytes) const {
  assert(bytes >= 0);
  if (efficiency == 1.0) return ceil_div(bytes, bytes_per_cycle());
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes) / sustained_of(*this)));
}

std::int64_t PlanningDram::transfer_cycles(std::int64_t bytes) const {
  assert(bytes >= 0);
  return ceil_div(bytes, bytes_per_cycle);
}

void visit_fields(YamlFields& fields, LatencyBandwidthDramConfig& c) {
  fields.optional([&] {
    fields.integer("num_channels", c.num_channels, 1, kMaxCount,
                   {"", "channels, used as one wide bus"});
  });
  fields.integer("bus_bytes", c.bus_bytes, 1, kMaxCount, {"bytes", "width of one channel"});
  fields.number("clock_mhz", c.clock_mhz, {1, kMaxDramClockMhz}, {"MHz", "clock of the data bus"});
  fields.integer("beats_per_clock", c.beats_per_clock, 1, 16, {"", "2 for DDR"});
  fields.optional([&] {
    fields.number("efficiency", c.efficiency, {0.001, 1.0},
                  {"", "share of the bandwidth that transfers reach"});
  });
  fields.number("first_access_cycles", c.first_access_cycles, kDelay,
                {"cycles", "latency of every request"});
  fields.optional([&] {
    fields.number("row_cycles", c.row_cycles, kDelay, {"cycles", "latency of each further row"});
    fields.integer("row_bytes", c.row_bytes, 1, kMaxBytes,
                   {"bytes", "bytes of a row, over all channels"});
    fields.integer("first_row_bytes", c.first_row_bytes, 0, kMaxBytes,
                   {"bytes", "bytes served before the first further row"});
    fields.number("refresh_cycles", c.refresh_cycles, kDelay,
                  {"cycles", "latency of each refresh during a request; 0: none"});
    fields.integer("refresh_bytes", c.refresh_bytes, 1, kMaxBytes,
                   {"bytes", "bytes moved between two refreshes"});
    fields.integer("first_refresh_bytes", c.first_refresh_bytes, 0, kMaxBytes,
                   {"bytes", "bytes moved before the first refresh"});
  });
}

void check_fields(const YamlReader& dram, const LatencyBandwidthDramConfig& c) {
  dram.check(c.bytes_per_cycle() >= 1, "clock_mhz",
             "too slow: the bandwidth of all channels must be at least a byte per NPU cycle");
}

double peak_bytes_per_cycle(const DramConfig& dram) {
  return std::visit([](const auto& model) { return peak_of(model); }, dram);
}

double sustained_bytes_per_cycle(const DramConfig& dram) {
  return std::visit([](const auto& model) { return sustained_of(model); }, dram);
}

std::int64_t access_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return access_bytes_of(model); }, dram);
}

std::int64_t backlog_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return backlog_of(model); }, dram);
}

std::int64_t capacity_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return capacity_of(model); }, dram);
}

std::int64_t row_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return row_bytes_of(model); }, dram);
}

std::vector<std::string> dram_warnings(const DramConfig& dram) {
  const auto* banked = std::get_if<BankedDramConfig>(&dram);
  if (banked == nullptr || banked->scheduling != DramScheduling::kInOrder ||
      !banked->overlaps_rows())
    return {};
  return {
      "dram.mapping: a controller that reorders would overlap the rows of different bank groups; "
      "with in_order, streams may be slower by 5 to 100 %; use a mapping that ends in column, "
      "bank_group, or controller: frfcfs"};
}

PlanningDram planning_dram(const DramConfig& dram) {
  return std::visit([](const auto& model) { return plan_of(model); }, dram);
}

}  // namespace tilewake
