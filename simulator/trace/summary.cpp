// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/summary.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/json_document.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/json_string.hpp"
#include "simulator/trace/trace_columns.hpp"

namespace tilewake {
namespace {

constexpr double kMillijoulesPerMicrojoule = 1e-3;

using Json = nlohmann::ordered_json;

Json json_of(const std::string& value) { return value; }
Json json_of(std::int64_t value) { return value; }
Json json_of(double value) { return value; }
Json json_of(Op value) { return std::string(to_string(value)); }
Json json_of(bool value) { return value ? 1 : 0; }  // as in layers.csv
Json json_of(const KernelSize& value) { return to_string(value); }
Json json_of(const Steps& value) {
  return value.are_equal() ? Json(value.height) : Json(to_string(value));
}
Json json_of(const Padding& value) { return to_string(value); }
Json json_of(Activation value) { return std::string(to_string(value)); }

Json json_of(const TraceRow& row) {
  Json json;
  for (const TraceColumn& column : kTraceColumns) {
    json[std::string(column.name)] =
        std::visit([&](const auto field) { return json_of(row.*field); }, column.field);
  }
  return json;
}

Json json_of(const DeviceConfig& device) {
  if (!device.is_known()) return {};
  return {{"name", device.name},
          {"networks", device.networks},
          {"error", device.error},
          {"tau", device.has_tau() ? Json(device.tau) : Json()}};
}

Json json_of(const Summary& s) {
  Json json;
  json["version"] = std::string(kVersion);
  json["network"] = s.info.network;
  json["network_hash"] = hash_text(s.info.network_hash);
  json["hardware"] = s.info.hardware;
  json["machine"] = s.info.machine;
  json["hardware_hash"] = hash_text(s.info.hardware_hash);
  json["device"] = json_of(s.info.device);
  json["schedule"] = s.info.schedule;
  json["warnings"] = s.info.warnings;
  json["num_layers"] = s.num_layers;
  json["params"] = s.info.num_params;
  json["batch"] = s.info.batch;
  json["macs"] = s.macs;
  json["effective_macs"] = s.effective_macs;
  json["total_cycles"] = s.total_cycles;
  json["latency_ms"] = s.latency_ms;
  json["latency_ms_per_image"] = s.ms_per_image();
  json["compute_cycles"] = s.compute_cycles;
  json["setup_cycles"] = s.setup_cycles;
  json["dispatch_cycles"] = s.dispatch_cycles;
  json["stall_dram_cycles"] = s.stall_dram_cycles;
  json["stall_feature_cycles"] = s.stall_feature_cycles;
  json["stall_weight_cycles"] = s.stall_weight_cycles;
  json["stall_bias_cycles"] = s.stall_bias_cycles;
  json["stall_write_cycles"] = s.stall_write_cycles;
  json["dram_read_bytes"] = s.dram_read_bytes;
  json["dram_read_feature_bytes"] = s.dram_read_feature_bytes;
  json["dram_read_weight_bytes"] = s.dram_read_weight_bytes;
  json["dram_read_bias_bytes"] = s.dram_read_bias_bytes;
  json["dram_write_bytes"] = s.dram_write_bytes;
  json["chip_read_bytes"] = s.chip_read_bytes;
  json["chip_read_weight_bytes"] = s.chip_read_weight_bytes;
  json["chip_write_bytes"] = s.chip_write_bytes;
  json["pe_utilization"] = s.pe_utilization;
  json["energy_mj"] = s.energy_mj;
  json["energy_mac_mj"] = s.energy_mac_mj;
  json["energy_register_mj"] = s.energy_register_mj;
  json["energy_buffer_mj"] = s.energy_buffer_mj;
  json["energy_chip_mj"] = s.energy_chip_mj;
  json["energy_interconnect_mj"] = s.energy_interconnect_mj;
  json["energy_vector_mj"] = s.energy_vector_mj;
  json["energy_clock_mj"] = s.energy_clock_mj;
  json["energy_leakage_mj"] = s.energy_leakage_mj;
  json["energy_dram_mj"] = s.energy_dram_mj;
  json["tops_per_watt"] = s.tops_per_watt;
  json["inferences_per_joule"] = s.inferences_per_joule;
  json["average_power_mw"] = s.average_power_mw;
  json["peak_power_mw"] = s.peak_power_mw;
  json["area_mm2"] = s.area_mm2;
  json["peak_chip_bytes"] = s.info.peak_chip_bytes;
  json["dram_footprint_bytes"] = s.info.dram_footprint_bytes;
  return json;
}

}  // namespace

Summary summarize(const RunInfo& info, const std::vector<TraceRow>& rows) {
  Summary s;
  s.info = info;
  s.area_mm2 = info.area_mm2;
  s.peak_power_mw = info.peak_power_mw;
  for (const TraceRow& row : rows) {
    ++s.num_layers;
    s.total_cycles += row.total_cycles;
    s.macs += row.macs;
    s.effective_macs += row.effective_macs;
    s.dram_read_bytes += row.dram_read_bytes;
    s.dram_read_feature_bytes += row.dram_read_feature_bytes;
    s.dram_read_weight_bytes += row.dram_read_weight_bytes;
    s.dram_read_bias_bytes += row.dram_read_bias_bytes;
    s.dram_write_bytes += row.dram_write_bytes;
    s.chip_read_bytes += row.chip_read_bytes;
    s.chip_read_weight_bytes += row.chip_read_weight_bytes;
    s.chip_write_bytes += row.chip_write_bytes;
    s.compute_cycles += row.compute_cycles;
    s.setup_cycles += row.setup_cycles;
    s.dispatch_cycles += row.dispatch_cycles;
    s.stall_dram_cycles += row.stall_dram_cycles;
    s.stall_feature_cycles += row.stall_feature_cycles;
    s.stall_weight_cycles += row.stall_weight_cycles;
    s.stall_bias_cycles += row.stall_bias_cycles;
    s.stall_write_cycles += row.stall_write_cycles;
    s.energy_mac_mj += kMillijoulesPerMicrojoule * row.energy_mac_uj;
    s.energy_register_mj += kMillijoulesPerMicrojoule * row.energy_register_uj;
    s.energy_buffer_mj += kMillijoulesPerMicrojoule * row.energy_buffer_uj;
    s.energy_chip_mj += kMillijoulesPerMicrojoule * row.energy_chip_uj;
    s.energy_interconnect_mj += kMillijoulesPerMicrojoule * row.energy_interconnect_uj;
    s.energy_vector_mj += kMillijoulesPerMicrojoule * row.energy_vector_uj;
    s.energy_clock_mj += kMillijoulesPerMicrojoule * row.energy_clock_uj;
    s.energy_leakage_mj += kMillijoulesPerMicrojoule * row.energy_leakage_uj;
    s.energy_dram_mj += kMillijoulesPerMicrojoule * row.energy_dram_uj;
  }
  s.energy_mj = s.energy_mac_mj + s.energy_register_mj + s.energy_buffer_mj + s.energy_chip_mj +
                s.energy_interconnect_mj + s.energy_vector_mj + s.energy_clock_mj +
                s.energy_leakage_mj + s.energy_dram_mj;
  const auto cycles = static_cast<double>(s.total_cycles);
  s.latency_ms = cycles / (info.clock_mhz * 1e3);
  if (s.energy_mj > 0.0) {
    s.tops_per_watt = 2.0 * static_cast<double>(s.macs) / (s.energy_mj * 1e9);
    s.inferences_per_joule = static_cast<double>(info.batch) / (s.energy_mj * 1e-3);
  }
  if (s.total_cycles > 0) {
    s.average_power_mw = s.energy_mj / s.latency_ms * 1e3;
    s.pe_utilization = static_cast<double>(s.effective_macs) /
                       (cycles * static_cast<double>(info.peak_macs_per_cycle));
  }
  return s;
}

std::string summary_json(const Summary& summary) { return json_text(json_of(summary)); }

std::string device_json(const DeviceConfig& device) { return json_text(json_of(device)); }

std::string run_json(const Summary& summary, const std::vector<TraceRow>& rows) {
  Json json = json_of(summary);
  json["layers"] = Json::array();
  for (const TraceRow& row : rows) json["layers"].push_back(json_of(row));
  return json_text(json);
}

}  // namespace tilewake
