// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_yaml.hpp"

#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

// To add a core kind or a DRAM model: its overloads here; std::visit does not compile without.

std::string core_keys(const MidapConfig& c) {
  return fmt::format(
      "  num_cims: {}\n"
      "  system_width: {}\n"
      "  fmem:\n"
      "    num_banks: {}\n"
      "    bank_bytes: {}\n"
      "  wmem:\n"
      "    bank_bytes: {}\n"
      "    extended_bank_bytes: {}\n"
      "  bmmem:\n"
      "    bytes: {}\n"
      "  reduction:\n"
      "    bytes: {}\n",
      c.num_cims, c.system_width, c.fmem_num_banks, c.fmem_bank_bytes, c.wmem_bank_bytes,
      c.wmem_extended_bank_bytes, c.bmmem_bytes, c.reduction_bytes);
}

std::string buffer_keys(std::string_view name, const SystolicBuffer& b) {
  return fmt::format(
      "  {}:\n"
      "    bytes: {}\n"
      "    num_slots: {}\n"
      "    num_banks: {}\n"
      "    port_bytes: {}\n",
      name, b.bytes, b.num_slots, b.num_banks, b.port_bytes);
}

std::string core_keys(const SystolicConfig& c) {
  return fmt::format(
             "  rows: {}\n"
             "  cols: {}\n"
             "  dataflow: {}\n"
             "  overlap_folds: {}\n"
             "  depthwise: {}\n",
             c.rows, c.cols, to_string(c.dataflow), c.overlap_folds,
             c.depthwise_on_vector ? "vector_unit" : "array") +
         buffer_keys("input_buffer", c.input) + buffer_keys("weight_buffer", c.weight) +
         buffer_keys("output_buffer", c.output) +
         fmt::format(
             "  accumulator_bytes: {}\n"
             "  vector_unit:\n"
             "    lanes: {}\n"
             "    fuse_elementwise: {}\n",
             c.accumulator_bytes, c.vector_lanes, c.fuse_elementwise);
}

std::string core_keys(const VectorConfig& c) {
  return fmt::format(
      "  num_cores: {}\n"
      "  lanes: {}\n"
      "  dot_length: {}\n"
      "  lane_axis: {}\n"
      "  local_memory_bytes: {}\n"
      "  num_slots: {}\n"
      "  accumulator_bytes: {}\n"
      "  fuse_elementwise: {}\n"
      "  efficiency:\n"
      "    conv2d: {}\n"
      "    depthwise_conv2d: {}\n"
      "    fully_connected: {}\n"
      "    pool: {}\n"
      "    elementwise: {}\n"
      "  loop_cycles: {}\n"
      "  issue_cycles: {}\n",
      c.num_cores, c.lanes, c.dot_length, to_string(c.lane_axis), c.local_memory_bytes, c.num_slots,
      c.accumulator_bytes, c.fuse_elementwise, c.efficiency.conv2d, c.efficiency.depthwise_conv2d,
      c.efficiency.fully_connected, c.efficiency.pool, c.efficiency.elementwise, c.loop_cycles,
      c.issue_cycles);
}

std::int64_t core_bytes(const MidapConfig& c) {
  const std::int64_t wmem_slot = (c.num_cims - 1) * c.wmem_bank_bytes + c.wmem_extended_bank_bytes;
  return c.fmem_num_banks * c.fmem_bank_bytes + 2 * wmem_slot + 2 * c.bmmem_bytes +
         c.reduction_bytes;
}

std::int64_t core_bytes(const SystolicConfig& c) {
  std::int64_t bytes = 0;
  for (const SystolicBuffer& buffer : {c.input, c.weight, c.output})
    bytes += buffer.num_slots * buffer.bytes;
  return bytes;
}

std::int64_t core_bytes(const VectorConfig& c) { return c.local_memory_bytes; }

std::string dram_keys(const LatencyBandwidthDramConfig& d) {
  return fmt::format(
      "  model: latency_bandwidth\n"
      "  num_channels: {}\n"
      "  bus_bytes: {}\n"
      "  clock_mhz: {}\n"
      "  beats_per_clock: {}\n"
      "  first_access_cycles: {}\n"
      "  row_cycles: {}\n"
      "  row_bytes: {}\n"
      "  first_row_bytes: {}\n"
      "  refresh_cycles: {}\n"
      "  refresh_bytes: {}\n"
      "  first_refresh_bytes: {}\n",
      d.num_channels, d.bus_bytes, d.clock_mhz, d.beats_per_clock, d.first_access_cycles,
      d.row_cycles, d.row_bytes, d.first_row_bytes, d.refresh_cycles, d.refresh_bytes,
      d.first_refresh_bytes);
}

std::string dram_keys(const BankedDramConfig& b) {
  const DramDevice& d = b.device;
  std::string text = fmt::format(
      "  model: banked\n"
      "  num_channels: {}\n"
      "  num_ranks: {}\n"
      "  interleave_bytes: {}\n"
      "  controller: {}\n"
      "  clock_mhz: {}\n"
      "  beats_per_clock: {}\n"
      "  bus_bytes: {}\n"
      "  burst_length: {}\n"
      "  num_bank_groups: {}\n"
      "  banks_per_group: {}\n"
      "  num_rows: {}\n"
      "  num_columns: {}\n"
      "  refresh: {}\n",
      b.num_channels, b.num_ranks, b.interleave_bytes, to_string(b.scheduling), d.clock_mhz,
      d.beats_per_clock, d.bus_bytes, d.burst_length, d.num_bank_groups, d.banks_per_group,
      d.num_rows, d.num_columns, to_string(d.refresh));
  std::string fields;
  for (const DramField field : d.mapping)
    fields += fmt::format("{}{}", fields.empty() ? "" : ", ", to_string(field));
  text += fmt::format("  mapping: [{}]\n", fields);
  for (const DramTimingKey& key : dram_timing_keys())
    text += fmt::format("  {}: {}\n", key.name, d.timings.*key.value);
  return text;
}

std::string dram_keys(const IdealDramConfig& /*config*/) { return "  model: ideal\n"; }

std::string indented(std::string_view text, const std::string& indent) {
  std::string result;
  while (!text.empty()) {
    const std::size_t end = text.find('\n') + 1;
    result += indent;
    result += text.substr(0, end);
    text.remove_prefix(end);
  }
  return result;
}

}  // namespace

std::string hardware_yaml(const HardwareConfig& hardware, const std::string& indent) {
  const std::string text = fmt::format(
      "name: \"{}\"\n"
      "clock_mhz: {}\n"
      "core:\n"
      "  kind: {}\n"
      "{}"
      "dram:\n"
      "{}",
      hardware.name, hardware.clock_mhz, hardware.core_kind,
      std::visit([](const auto& core) { return core_keys(core); }, hardware.core),
      std::visit([](const auto& dram) { return dram_keys(dram); }, hardware.dram));
  return indented(text, indent);
}

std::string machine_id(const HardwareConfig& hardware) {
  return fmt::format("{}@{:016x}", hardware.name, fnv1a64(hardware_yaml(hardware)));
}

std::int64_t on_chip_bytes(const HardwareConfig& hardware) {
  return std::visit([](const auto& core) { return core_bytes(core); }, hardware.core);
}

}  // namespace tilewake
