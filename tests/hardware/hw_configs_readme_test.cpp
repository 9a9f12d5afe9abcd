// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/hardware/midap_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

struct Row {
  std::string key, unit, range, value, meaning;

  bool operator==(const Row&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << fmt::format("| {} | {} | {} | {} | {} |", row.key, row.unit, row.range, row.value,
                            row.meaning);
}

/// The rows of the tables in `text` that are headed by `| key | unit | range | machine | meaning
/// |`, by machine.
std::map<std::string, std::vector<Row>> tables_in(const std::string& markdown) {
  std::map<std::string, std::vector<Row>> tables;
  std::istringstream text(markdown);
  std::string machine;  // of the current table; empty in other tables
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("|")) machine.clear();
    const bool is_header = line.starts_with("| key | unit | range | ");
    if (!is_header && (machine.empty() || !line.starts_with("| `"))) continue;
    std::istringstream row(line.substr(1));
    std::vector<std::string> cells;
    for (std::string cell; std::getline(row, cell, '|');) {
      const std::size_t begin = std::min(cell.find_first_not_of(' '), cell.size());
      cells.push_back(cell.substr(begin, cell.find_last_not_of(' ') + 1 - begin));
    }
    if (is_header)
      machine = cells.at(3);
    else
      tables[machine].push_back({cells.at(0), cells.at(1), cells.at(2), cells.at(3), cells.at(4)});
  }
  return tables;
}

std::map<std::string, std::vector<Row>> documented_keys() {
  return tables_in(read_file(source_path("hw_configs/README.md")));
}

/// A shipped machine with all keys, including those of its preset, and those that are written only
/// if they differ from their defaults.
MidapYaml resolved(const std::string& name) {
  HardwareConfig machine = shipped_machine(name);
  EnergyConfig& energy = machine.energy;
  for (double* value :
       {&energy.voltage, &energy.mac_pj, &energy.vector_pj, &energy.clock_pj, &energy.leakage_pj,
        &energy.registers.bytes, &energy.registers.access_pj, &energy.registers.accesses_per_mac,
        &energy.interconnect.wire_pj, &energy.interconnect.hop_mm, &energy.dram.activate_pj,
        &energy.dram.read_pj, &energy.dram.write_pj, &energy.dram.refresh_mw,
        &energy.dram.background_mw, &energy.area.mac_um2, &energy.area.vector_um2,
        &energy.area.register_um2, &energy.area.sram_um2})
    *value = 1.0;
  for (EnergyConfig::Memory* memory :
       {&energy.input_buffer, &energy.weight_buffer, &energy.output_buffer, &energy.chip_memory})
    *memory = {1.0, 1.0};
  machine.device = {"device", "networks", 1.0, 0.5};
  if (auto* systolic = std::get_if<SystolicConfig>(&machine.core)) {
    systolic->num_cores = 2;
    systolic->unified_buffer_bytes = 1;
    systolic->activation_operations.linear = 1;
  } else if (auto* vector = std::get_if<VectorConfig>(&machine.core)) {
    vector->activation_operations.linear = 1;
    vector->relative_speed.grouped_conv2d = 2.0;
  }
  return MidapYaml(hardware_yaml(machine));
}

// The tables below the first show a section each: the core of a kind, or a DRAM model.
TEST(HwConfigsReadmeTest, TablesAreThoseOfTheFieldLists) {
  const std::map<std::string, std::string> sections = {{"midap", ""},
                                                       {"midap_lpddr4", "`dram."},
                                                       {"tpu_like_128", "`core."},
                                                       {"dsp_like", "`core."}};
  const auto documented = documented_keys();
  ASSERT_EQ(documented.size(), sections.size());
  for (const auto& entry : sections) {  // clang 14 captures no structured bindings
    const std::string& machine = entry.first;
    const std::string& section = entry.second;
    std::vector<Row> rows = tables_in(key_table(shipped_machine(machine))).at(machine);
    std::erase_if(rows, [&](const Row& row) {
      const bool shown_above = row.key == "`core.kind`" || row.key == "`dram.model`";
      return !row.key.starts_with(section) || (machine != "midap" && shown_above);
    });
    EXPECT_THAT(documented.at(machine), UnorderedElementsAreArray(rows)) << machine;
  }
}

TEST(HwConfigsReadmeTest, RangesAreEnforcedAtBothEnds) {
  int num_ranges = 0;
  for (const auto& [machine, rows] : documented_keys()) {
    const MidapYaml yaml = resolved(machine);
    for (const Row& row : rows) {
      const std::size_t dots = row.range.find("..");
      if (dots == std::string::npos) continue;
      ++num_ranges;
      const std::string key = row.key.substr(1, row.key.size() - 2);  // without backticks
      const double min = std::stod(row.range.substr(0, dots));
      const double max = std::stod(row.range.substr(dots + 2));
      const std::string refusal = fmt::format("{}: must be from {} to {}, not ", key, min, max);
      for (const double value : {min - 1, max + 1}) {
        EXPECT_THAT(yaml.with(key, fmt::format("{}", value)).error(), HasSubstr(refusal));
      }
      for (const double value : {min, max}) {  // a cross check may still refuse it
        EXPECT_THAT(yaml.with(key, fmt::format("{}", value)).error(),
                    Not(HasSubstr("must be from")))
            << key;
      }
    }
  }
  EXPECT_GT(num_ranges, 45);
}

}  // namespace
}  // namespace tilewake
