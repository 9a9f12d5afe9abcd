// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_yaml.hpp"

#include <utility>
#include <variant>

#include <fmt/format.h>

#include "simulator/common/version.hpp"
#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

std::vector<OnChipBufferInfo> buffers_of(const MidapConfig& c) {
  const std::int64_t wmem_slot = (c.num_cims - 1) * c.wmem_bank_bytes + c.wmem_extended_bank_bytes;
  return {{"FMEM", c.fmem_num_banks * c.fmem_bank_bytes},
          {"WMEM", 2 * wmem_slot},
          {"BMMEM", 2 * c.bmmem_bytes}};
}

std::vector<OnChipBufferInfo> buffers_of(const SystolicConfig& c) {
  std::vector<OnChipBufferInfo> memories;  // of all cores
  bool has_unified = false;
  const auto add = [&](const char* name, const SystolicBuffer& buffer) {
    if (buffer.bytes > 0) {
      memories.push_back({name, c.num_cores * buffer.num_slots * buffer.bytes});
    } else if (!std::exchange(has_unified, true)) {
      memories.push_back({"unified buffer", c.num_cores * c.unified_buffer_bytes});
    }
  };
  add("input buffer", c.input);
  add("weight buffer", c.weight);
  add("output buffer", c.output);
  return memories;
}

std::vector<OnChipBufferInfo> buffers_of(const VectorConfig& c) {
  return {{"local memory", c.local_memory_bytes}};
}

/// Beside the buffers. Accumulators of systolic and vector cores are a part of a buffer.
std::int64_t other_bytes_of(const MidapConfig& c) { return c.reduction_bytes; }
template <typename Core>
std::int64_t other_bytes_of(const Core& c) {
  return c.feature_memory.bytes;
}

}  // namespace

std::string hardware_yaml(const HardwareConfig& hardware, const std::string& indent) {
  HardwareConfig copy = hardware;  // visitors may change it; the writer does not
  YamlFieldWriter writer(indent);
  visit_fields(writer, copy);
  return writer.yaml();
}

std::string key_table(const HardwareConfig& hardware) {
  HardwareConfig copy = hardware;
  YamlFieldTable table;
  visit_fields(table, copy);
  std::string text =
      fmt::format("| key | unit | range | {} | meaning |\n|---|---|---|---|---|\n", hardware.name);
  for (const YamlFieldTable::Row& row : table.rows())
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.key, row.unit, row.range, row.value,
                        row.meaning);
  return text;
}

std::string machine_id(const HardwareConfig& hardware) {
  HardwareConfig machine = hardware;
  machine.device = {};
  return fmt::format("{}@{:016x}", machine.name, fnv1a64(hardware_yaml(machine)));
}

std::vector<OnChipBufferInfo> on_chip_buffers(const HardwareConfig& hardware) {
  return std::visit([](const auto& core) { return buffers_of(core); }, hardware.core);
}

std::int64_t on_chip_bytes(const HardwareConfig& hardware) {
  std::int64_t bytes =
      std::visit([](const auto& core) { return other_bytes_of(core); }, hardware.core);
  for (const OnChipBufferInfo& buffer : on_chip_buffers(hardware)) bytes += buffer.bytes;
  return bytes;
}

}  // namespace tilewake
