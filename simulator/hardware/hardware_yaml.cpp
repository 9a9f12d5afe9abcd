// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_yaml.hpp"

#include <variant>

#include <fmt/format.h>

#include "simulator/common/version.hpp"
#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

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
  return fmt::format("{}@{:016x}", hardware.name, fnv1a64(hardware_yaml(hardware)));
}

std::int64_t on_chip_bytes(const HardwareConfig& hardware) {
  return std::visit([](const auto& core) { return core_bytes(core); }, hardware.core);
}

}  // namespace tilewake
