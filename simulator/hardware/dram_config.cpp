// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/dram_config.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "simulator/common/math.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

// Generous, but such that no product of what passes overflows 64 bits.
constexpr std::int64_t kMaxCount = 1024;
constexpr double kMaxClockMhz = 1e5;
constexpr double kMaxDelayCycles = 1e6;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

// What a latency saturates at: beyond any run, and sums of a few still fit 64 bits.
constexpr std::int64_t kMaxLatencyCycles = std::int64_t{1} << 60;

double exact_bytes_per_cycle(const LatencyBandwidthDramConfig& c) {
  const std::int64_t bytes_per_clock = c.num_channels * c.bus_bytes * c.beats_per_clock;
  return static_cast<double>(bytes_per_clock) * c.clock_mhz / c.npu_clock_mhz;
}

DramConfig read_latency_bandwidth(YamlReader& yaml, double npu_clock_mhz) {
  LatencyBandwidthDramConfig c;
  c.num_channels = yaml.integer("num_channels", 1, kMaxCount);
  c.bus_bytes = yaml.integer("bus_bytes", 1, kMaxCount);
  c.clock_mhz = yaml.number("clock_mhz", 1, kMaxClockMhz);
  c.beats_per_clock = yaml.integer("beats_per_clock", 1, 16);
  c.first_access_cycles = yaml.number("first_access_cycles", 0, kMaxDelayCycles);
  c.row_cycles = yaml.number("row_cycles", 0, kMaxDelayCycles);
  c.row_bytes = yaml.integer("row_bytes", 1, kMaxBytes);
  c.first_row_bytes = yaml.integer("first_row_bytes", 0, kMaxBytes);
  c.refresh_cycles = yaml.number("refresh_cycles", 0, kMaxDelayCycles);
  c.refresh_bytes = yaml.integer("refresh_bytes", 1, kMaxBytes);
  c.first_refresh_bytes = yaml.integer("first_refresh_bytes", 0, kMaxBytes);
  c.npu_clock_mhz = npu_clock_mhz;

  yaml.check(c.bytes_per_cycle() >= 1, "clock_mhz",
             "too slow: all channels together must deliver a byte per NPU cycle");
  return c;
}

DramConfig read_banked(YamlReader& yaml, double npu_clock_mhz) {
  return read_banked_dram_config(yaml, npu_clock_mhz);
}

DramConfig read_ideal(YamlReader& /*yaml*/, double /*npu_clock_mhz*/) { return IdealDramConfig{}; }

using DramReader = DramConfig (*)(YamlReader& yaml, double npu_clock_mhz);

// To add a DRAM model: one alternative of DramConfig, one reader above, one line here, one section
// in hw_configs/README.md, one channel in simulator/engine/.
constexpr std::pair<std::string_view, DramReader> kDramReaders[] = {
    {"latency_bandwidth", read_latency_bandwidth},
    {"banked", read_banked},
    {"ideal", read_ideal},
};

double peak_of(const LatencyBandwidthDramConfig& c) {
  return static_cast<double>(c.bytes_per_cycle());
}
double peak_of(const BankedDramConfig& c) { return c.peak_bytes_per_cycle(); }
double peak_of(const IdealDramConfig& /*config*/) {
  return std::numeric_limits<double>::infinity();
}

double sustained_of(const LatencyBandwidthDramConfig& c) { return peak_of(c); }
double sustained_of(const BankedDramConfig& c) { return c.sustained_bytes_per_cycle(); }
double sustained_of(const IdealDramConfig& c) { return peak_of(c); }

std::int64_t row_bytes_of(const LatencyBandwidthDramConfig& c) { return c.row_bytes; }
std::int64_t row_bytes_of(const BankedDramConfig& c) { return c.num_channels * c.row_bytes(); }
std::int64_t row_bytes_of(const IdealDramConfig& /*config*/) { return 0; }

// For a row size that no request reaches.
constexpr std::int64_t kUnlimitedBytes = std::int64_t{1} << 40;

LatencyBandwidthDramConfig plan_of(double bytes_per_cycle, double first_access_cycles) {
  LatencyBandwidthDramConfig c;
  c.num_channels = c.bus_bytes = c.beats_per_clock = 1;
  c.clock_mhz = std::max(bytes_per_cycle, 1.0);
  c.npu_clock_mhz = 1.0;
  c.first_access_cycles = first_access_cycles;
  c.row_bytes = c.first_row_bytes = kUnlimitedBytes;
  c.refresh_bytes = c.first_refresh_bytes = kUnlimitedBytes;
  return c;
}

LatencyBandwidthDramConfig plan_of(const LatencyBandwidthDramConfig& c) { return c; }
LatencyBandwidthDramConfig plan_of(const BankedDramConfig& c) {
  return plan_of(c.sustained_bytes_per_cycle(), c.first_access_cycles());
}
LatencyBandwidthDramConfig plan_of(const IdealDramConfig& /*config*/) {
  return plan_of(static_cast<double>(kUnlimitedBytes), 0.0);
}

}  // namespace

std::int64_t LatencyBandwidthDramConfig::bytes_per_cycle() const {
  // A ratio of clocks that is a whole number must not be rounded down to the one below.
  constexpr double kRoundingError = 1e-12;
  return static_cast<std::int64_t>(exact_bytes_per_cycle(*this) * (1.0 + kRoundingError));
}

std::int64_t LatencyBandwidthDramConfig::latency_cycles(std::int64_t bytes) const {
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
  return ceil_div(bytes, bytes_per_cycle());
}

DramConfig read_dram_config(YamlReader& yaml, double npu_clock_mhz) {
  const DramReader read = yaml.choice("model", kDramReaders);
  DramConfig config = read(yaml, npu_clock_mhz);
  yaml.finish();
  return config;
}

double peak_bytes_per_cycle(const DramConfig& dram) {
  return std::visit([](const auto& model) { return peak_of(model); }, dram);
}

double sustained_bytes_per_cycle(const DramConfig& dram) {
  return std::visit([](const auto& model) { return sustained_of(model); }, dram);
}

std::int64_t row_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return row_bytes_of(model); }, dram);
}

LatencyBandwidthDramConfig planning_dram(const DramConfig& dram) {
  return std::visit([](const auto& model) { return plan_of(model); }, dram);
}

}  // namespace tilewake
