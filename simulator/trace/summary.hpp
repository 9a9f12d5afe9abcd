// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/hardware/device_config.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// Metadata of a run, in addition to its rows.
struct RunInfo {
  std::string network;  // names as in the files
  std::string hardware;
  std::string machine;                // machine_id()
  std::string schedule;               // Program::schedule
  std::vector<std::string> warnings;  // Program::warnings
  std::uint64_t network_hash = 0;     // fnv1a64 of the text of the files
  std::uint64_t hardware_hash = 0;
  std::int64_t num_params = 0;
  std::int64_t batch = 1;  // images of one inference
  double clock_mhz = 0.0;
  std::int64_t peak_macs_per_cycle = 0;
  double area_mm2 = 0.0;                  // of the chip, without DRAM
  double peak_power_mw = 0.0;             // all MAC units and the DRAM at their peak
  std::int64_t peak_chip_bytes = 0;       // MemoryFootprint
  std::int64_t dram_footprint_bytes = 0;  // MemoryFootprint
  DeviceConfig device;                    // how true the latency is
};

/// Totals of a run: sums over the rows.
struct Summary {
  RunInfo info;
  std::int64_t num_layers = 0;  // rows, including fused ones
  std::int64_t total_cycles = 0;
  double latency_ms = 0.0;  // of the batch
  std::int64_t macs = 0;
  std::int64_t effective_macs = 0;
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_read_feature_bytes = 0;
  std::int64_t dram_read_weight_bytes = 0;
  std::int64_t dram_read_bias_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  std::int64_t chip_read_bytes = 0;  // of the memory of feature maps and weights
  std::int64_t chip_read_weight_bytes = 0;
  std::int64_t chip_write_bytes = 0;
  double pe_utilization = 0.0;  // of the whole run, not the mean of the layers
  double energy_mj = 0.0;       // of the batch, with DRAM: the sum of the next ones
  double energy_mac_mj = 0.0;
  double energy_register_mj = 0.0;
  double energy_buffer_mj = 0.0;
  double energy_chip_mj = 0.0;
  double energy_interconnect_mj = 0.0;
  double energy_vector_mj = 0.0;
  double energy_clock_mj = 0.0;
  double energy_leakage_mj = 0.0;
  double energy_dram_mj = 0.0;
  double area_mm2 = 0.0;       // RunInfo::area_mm2
  double peak_power_mw = 0.0;  // RunInfo::peak_power_mw
  std::int64_t compute_cycles = 0;
  std::int64_t setup_cycles = 0;
  std::int64_t dispatch_cycles = 0;
  std::int64_t stall_dram_cycles = 0;
  std::int64_t stall_feature_cycles = 0;
  std::int64_t stall_weight_cycles = 0;
  std::int64_t stall_bias_cycles = 0;
  std::int64_t stall_write_cycles = 0;

  /// Operations (two a MAC) per second and watt, in 10^12; 0 without energy.
  double tops_per_watt = 0.0;
  double inferences_per_joule = 0.0;  // of images
  double average_power_mw = 0.0;

  double ms_per_image() const { return latency_ms / static_cast<double>(info.batch); }
};

Summary summarize(const RunInfo& info, const std::vector<TraceRow>& rows);

/// The text of summary.json. It is deterministic: it contains no time and no path.
std::string summary_json(const Summary& summary);

/// The JSON text of what is known of a device: an object, or null.
std::string device_json(const DeviceConfig& device);

/// The same object with `layers` at the end: an array of objects with the columns of layers.csv.
std::string run_json(const Summary& summary, const std::vector<TraceRow>& rows);

}  // namespace tilewake
