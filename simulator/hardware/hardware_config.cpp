// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_config.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxNameLength = 64;

using CoreReader = CoreConfig (*)(YamlReader& yaml);

template <auto Read>
CoreConfig read_core(YamlReader& yaml) {
  return Read(yaml);
}

// To add a core kind: one alternative of CoreConfig, one reader in a file of its own, one line
// here, one section in hw_configs/README.md. CONTRIBUTING.md names the parts in the other modules.
constexpr std::pair<std::string_view, CoreReader> kCoreReaders[] = {
    {"midap", read_core<read_midap_config>},
    {"systolic", read_core<read_systolic_config>},
    {"vector", read_core<read_vector_config>},
};

/// The name stands in files that other programs read, so it is a plain word.
bool is_plain_word(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() <= kMaxNameLength &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

MachineScale scale_of(const MidapConfig& c) {
  return {c.num_cims, c.system_width, c.fmem_num_banks * c.fmem_bank_bytes, c.wmem_bank_bytes};
}

MachineScale scale_of(const SystolicConfig& c) {
  return {c.cols, c.rows, c.input.num_slots * c.input.bytes, c.weight.bytes};
}

MachineScale scale_of(const VectorConfig& c) {
  return {c.lanes, c.dot_length, c.local_memory_bytes / 2, c.local_memory_bytes / 4};
}

}  // namespace

HardwareConfig read_hardware(YamlReader yaml) {
  HardwareConfig config;
  config.name = yaml.required<std::string>("name");
  yaml.check(is_plain_word(config.name), "name",
             "must be 1 to 64 letters, digits, '_', '.' or '-'");
  config.clock_mhz = yaml.number("clock_mhz", 1, 1e5);

  auto core = yaml.section("core");
  const CoreReader reader = core.choice("kind", kCoreReaders);
  config.core_kind = core.required<std::string>("kind");
  config.core = reader(core);
  core.finish();

  auto dram = yaml.section("dram");
  config.dram = read_dram_config(dram, config.clock_mhz);
  yaml.finish();
  return config;
}

std::int64_t HardwareConfig::peak_macs_per_cycle() const {
  return std::visit([](const auto& kind) { return kind.peak_macs_per_cycle(); }, core);
}

MachineScale HardwareConfig::scale() const {
  return std::visit([](const auto& kind) { return scale_of(kind); }, core);
}

HardwareConfig read_hardware(const std::string& path) {
  return read_hardware(YamlReader::from_file(path));
}

HardwareConfig read_hardware_text(const std::string& text, const std::string& name,
                                  const std::vector<YamlOverride>& overrides) {
  return read_hardware(YamlReader::from_text(text, name, overrides));
}

std::vector<std::string> core_kinds() {
  std::vector<std::string> names;
  for (const auto& [name, reader] : kCoreReaders) names.emplace_back(name);
  return names;
}

}  // namespace tilewake
