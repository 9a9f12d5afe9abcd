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

Json json_of(const Summary& s) {
  Json json;
  json["version"] = std::string(kVersion);
  json["network"] = s.info.network;
  json["network_hash"] = hash_text(s.info.network_hash);
  json["hardware"] = s.info.hardware;
  json["machine"] = s.info.machine;
  json["hardware_hash"] = hash_text(s.info.hardware_hash);
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
  return json;
}

}  // namespace

Summary summarize(const RunInfo& info, const std::vector<TraceRow>& rows) {
  Summary s;
  s.info = info;
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
  }
  const auto cycles = static_cast<double>(s.total_cycles);
  s.latency_ms = cycles / (info.clock_mhz * 1e3);
  if (s.total_cycles > 0) {
    s.pe_utilization = static_cast<double>(s.effective_macs) /
                       (cycles * static_cast<double>(info.peak_macs_per_cycle));
  }
  return s;
}

std::string summary_json(const Summary& summary) { return json_text(json_of(summary)); }

std::string run_json(const Summary& summary, const std::vector<TraceRow>& rows) {
  Json json = json_of(summary);
  json["layers"] = Json::array();
  for (const TraceRow& row : rows) json["layers"].push_back(json_of(row));
  return json_text(json);
}

}  // namespace tilewake
