// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "simulator/trace/trace_row.hpp"

namespace tilewake {

using TraceField = std::variant<std::string TraceRow::*, Op TraceRow::*, std::int64_t TraceRow::*,
                                double TraceRow::*, bool TraceRow::*, KernelSize TraceRow::*,
                                Steps TraceRow::*, Padding TraceRow::*, Activation TraceRow::*>;

/// The oldest version of layers.csv that is read.
inline constexpr int kOldestTraceVersion = 5;

struct TraceColumn {
  std::string_view name;
  TraceField field;
  int since = kOldestTraceVersion;  // files of earlier versions do not have it
};

/// The columns of layers.csv in file order, used by reader, writer and JSON. To add one: a field of
/// TraceRow, a line here, a row in README.md, and a new kTraceVersion.
inline constexpr std::array kTraceColumns = std::to_array<TraceColumn>({
    {"layer", &TraceRow::layer},
    {"block", &TraceRow::block},
    {"op", &TraceRow::op},
    {"ic", &TraceRow::ic},
    {"ih", &TraceRow::ih},
    {"iw", &TraceRow::iw},
    {"oc", &TraceRow::oc},
    {"oh", &TraceRow::oh},
    {"ow", &TraceRow::ow},
    {"kernel", &TraceRow::kernel},
    {"stride", &TraceRow::stride},
    {"groups", &TraceRow::groups},
    {"macs", &TraceRow::macs},
    {"effective_macs", &TraceRow::effective_macs},
    {"total_cycles", &TraceRow::total_cycles},
    {"compute_cycles", &TraceRow::compute_cycles},
    {"setup_cycles", &TraceRow::setup_cycles},
    {"dispatch_cycles", &TraceRow::dispatch_cycles},
    {"stall_dram_cycles", &TraceRow::stall_dram_cycles},
    {"stall_feature_cycles", &TraceRow::stall_feature_cycles},
    {"stall_weight_cycles", &TraceRow::stall_weight_cycles},
    {"stall_bias_cycles", &TraceRow::stall_bias_cycles},
    {"stall_write_cycles", &TraceRow::stall_write_cycles},
    {"dram_read_bytes", &TraceRow::dram_read_bytes},
    {"dram_read_feature_bytes", &TraceRow::dram_read_feature_bytes},
    {"dram_read_weight_bytes", &TraceRow::dram_read_weight_bytes},
    {"dram_read_bias_bytes", &TraceRow::dram_read_bias_bytes},
    {"dram_write_bytes", &TraceRow::dram_write_bytes},
    {"chip_read_bytes", &TraceRow::chip_read_bytes},
    {"chip_read_weight_bytes", &TraceRow::chip_read_weight_bytes},
    {"chip_write_bytes", &TraceRow::chip_write_bytes},
    {"pe_utilization", &TraceRow::pe_utilization},
    {"row_hits", &TraceRow::row_hits},
    {"row_misses", &TraceRow::row_misses},
    {"array_macs", &TraceRow::array_macs, 6},
    {"vector_operations", &TraceRow::vector_operations, 6},
    {"input_buffer_read_bytes", &TraceRow::input_buffer_read_bytes, 6},
    {"weight_buffer_read_bytes", &TraceRow::weight_buffer_read_bytes, 6},
    {"output_buffer_read_bytes", &TraceRow::output_buffer_read_bytes, 6},
    {"output_buffer_write_bytes", &TraceRow::output_buffer_write_bytes, 6},
    {"energy_uj", &TraceRow::energy_uj, 6},
    {"energy_mac_uj", &TraceRow::energy_mac_uj, 6},
    {"energy_register_uj", &TraceRow::energy_register_uj, 6},
    {"energy_buffer_uj", &TraceRow::energy_buffer_uj, 6},
    {"energy_chip_uj", &TraceRow::energy_chip_uj, 6},
    {"energy_interconnect_uj", &TraceRow::energy_interconnect_uj, 6},
    {"energy_vector_uj", &TraceRow::energy_vector_uj, 6},
    {"energy_clock_uj", &TraceRow::energy_clock_uj, 6},
    {"energy_leakage_uj", &TraceRow::energy_leakage_uj, 6},
    {"energy_dram_uj", &TraceRow::energy_dram_uj, 6},
    {"output_in", &TraceRow::output_in},
    {"spill_reason", &TraceRow::spill_reason},
    {"weights_in", &TraceRow::weights_in},
    {"weights_reason", &TraceRow::weights_reason},
    {"fused_into", &TraceRow::fused_into},
    {"index", &TraceRow::index},
    {"num_layers", &TraceRow::num_layers},
    {"batch", &TraceRow::batch},
    {"inputs", &TraceRow::inputs},
    {"dilation", &TraceRow::dilation},
    {"padding", &TraceRow::padding},
    {"first_channel", &TraceRow::first_channel},
    {"bias", &TraceRow::bias},
    {"activation", &TraceRow::activation},
    {"detail", &TraceRow::detail},
    {"network", &TraceRow::network},
    {"machine", &TraceRow::machine},
    {"version", &TraceRow::version},
});

/// The field as written in layers.csv.
std::string field_text(const TraceRow& row, const TraceColumn& column);

}  // namespace tilewake
