// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "simulator/trace/summary.hpp"

namespace tilewake {

using SweepField =
    std::variant<std::string RunInfo::*, std::vector<std::string> RunInfo::*,
                 std::int64_t RunInfo::*, std::int64_t Summary::*, double Summary::*>;

struct SweepColumn {
  std::string_view name;  // as in summary.json
  SweepField field;
};

/// What a point of a sweep came to: columns of sweep.csv, in this order; the journal and the JSON
/// go by the same table. To add one: a line here.
inline constexpr std::array kSweepColumns = std::to_array<SweepColumn>({
    {"machine", &RunInfo::machine},
    {"schedule", &RunInfo::schedule},
    {"num_layers", &Summary::num_layers},
    {"params", &RunInfo::num_params},
    {"batch", &RunInfo::batch},
    {"macs", &Summary::macs},
    {"effective_macs", &Summary::effective_macs},
    {"total_cycles", &Summary::total_cycles},
    {"latency_ms", &Summary::latency_ms},
    {"compute_cycles", &Summary::compute_cycles},
    {"setup_cycles", &Summary::setup_cycles},
    {"dispatch_cycles", &Summary::dispatch_cycles},
    {"stall_dram_cycles", &Summary::stall_dram_cycles},
    {"stall_feature_cycles", &Summary::stall_feature_cycles},
    {"stall_weight_cycles", &Summary::stall_weight_cycles},
    {"stall_bias_cycles", &Summary::stall_bias_cycles},
    {"stall_write_cycles", &Summary::stall_write_cycles},
    {"dram_read_bytes", &Summary::dram_read_bytes},
    {"dram_read_feature_bytes", &Summary::dram_read_feature_bytes},
    {"dram_read_weight_bytes", &Summary::dram_read_weight_bytes},
    {"dram_read_bias_bytes", &Summary::dram_read_bias_bytes},
    {"dram_write_bytes", &Summary::dram_write_bytes},
    {"chip_read_bytes", &Summary::chip_read_bytes},
    {"chip_read_weight_bytes", &Summary::chip_read_weight_bytes},
    {"chip_write_bytes", &Summary::chip_write_bytes},
    {"pe_utilization", &Summary::pe_utilization},
    {"energy_mj", &Summary::energy_mj},
    {"energy_mac_mj", &Summary::energy_mac_mj},
    {"energy_register_mj", &Summary::energy_register_mj},
    {"energy_buffer_mj", &Summary::energy_buffer_mj},
    {"energy_chip_mj", &Summary::energy_chip_mj},
    {"energy_interconnect_mj", &Summary::energy_interconnect_mj},
    {"energy_vector_mj", &Summary::energy_vector_mj},
    {"energy_clock_mj", &Summary::energy_clock_mj},
    {"energy_leakage_mj", &Summary::energy_leakage_mj},
    {"energy_dram_mj", &Summary::energy_dram_mj},
    {"tops_per_watt", &Summary::tops_per_watt},
    {"inferences_per_joule", &Summary::inferences_per_joule},
    {"average_power_mw", &Summary::average_power_mw},
    {"peak_power_mw", &Summary::peak_power_mw},
    {"area_mm2", &Summary::area_mm2},
    {"peak_chip_bytes", &RunInfo::peak_chip_bytes},
    {"dram_footprint_bytes", &RunInfo::dram_footprint_bytes},
    {"warnings", &RunInfo::warnings},
});

/// An object with these columns, and back. Throws nlohmann::json::exception or InputError if one
/// is missing or of another type.
nlohmann::ordered_json figures_json(const Summary& summary);
Summary figures_of(const nlohmann::ordered_json& json);

/// The columns as they stand in sweep.csv.
std::vector<std::string> figure_fields(const Summary& summary);

}  // namespace tilewake
