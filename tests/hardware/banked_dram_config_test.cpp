// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/banked_dram_config.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/hardware/midap_yaml.hpp"
#include "tests/support/reference_table.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

/// midap_lpddr4 with the lines `keys` in its DRAM section, in place of all but model and
/// controller.
std::string machine_with(const std::string& keys) {
  const std::string midap = MidapYaml().text();
  return midap.substr(0, midap.find("dram:")) + "dram:\n  model: banked\n  controller: in_order\n" +
         keys;
}
std::string preset_machine(std::string_view preset, const std::string& more = "") {
  return machine_with(
      fmt::format("  preset: {}\n  num_channels: 2\n  num_ranks: 1\n  interleave_bytes: 512\n{}",
                  preset, more));
}
BankedDramConfig banked(const std::string& text) {
  return std::get<BankedDramConfig>(read_hardware_text(text, "m.yaml").dram);
}
std::string error_of(const std::string& text) {
  return input_error_of([&] { read_hardware_text(text, "m.yaml"); });
}
/// midap_lpddr4 with all keys explicit.
MidapYaml explicit_machine() { return MidapYaml(hardware_yaml(shipped_machine("midap_lpddr4"))); }

TEST(BankedDramConfigTest, EveryPresetIsAMachineAndIsWrittenInFull) {
  for (const auto& [name, device] : dram_presets()) {
    SCOPED_TRACE(name);
    const HardwareConfig machine = read_hardware_text(preset_machine(name), "m.yaml");
    const std::string text = hardware_yaml(machine);
    EXPECT_THAT(text, Not(HasSubstr("preset")));
    const HardwareConfig again = read_hardware_text(text, "written");
    EXPECT_EQ(hardware_yaml(again), text);
    const auto& read = std::get<BankedDramConfig>(again.dram).device;
    for (const DramTimingKey& key : dram_timing_keys())
      EXPECT_EQ(read.timings.*key.value, device.timings.*key.value) << key.name;
    EXPECT_EQ(read.mapping, device.mapping);
    EXPECT_EQ(read.refresh, device.refresh);
    EXPECT_EQ(read.clock_mhz, device.clock_mhz);
  }
}

TEST(BankedDramConfigTest, PresetsAreTheDevicesOfTheReference) {
  const std::pair<const char*, const char*> same[] = {{"LPDDR4-3200", "LPDDR4_3200_jedec_x32_1rk"},
                                                      {"DDR4-2400", "DDR4_8Gb_x8_2400_1rk_bgil"},
                                                      {"HBM2-2000", "HBM2_8Gb_1ch"}};
  for (const auto& [preset, config] : same) {
    SCOPED_TRACE(preset);
    const DramDevice device = banked(preset_machine(preset)).device;
    for (const ReferenceRow& row : read_reference_table("dram_golden.csv")) {
      if (row.text("config") != config) continue;
      for (const DramTimingKey& key : dram_timing_keys()) {
        if (key.name == "tRFCpb") continue;
        EXPECT_EQ(device.timings.*key.value, row.number(std::string(key.name))) << key.name;
      }
      EXPECT_EQ(device.num_bank_groups, row.number("bankgroups"));
      EXPECT_EQ(device.banks_per_group, row.number("banks_per_group"));
      EXPECT_EQ(device.burst_length, row.number("BL"));
      EXPECT_EQ(device.num_rows, row.number("rows"));
      break;
    }
  }
}

TEST(BankedDramConfigTest, KeysOverrideThePreset) {
  const BankedDramConfig plain = banked(preset_machine("DDR4-3200"));
  EXPECT_EQ(plain.device.timings.t_rcd, 22);
  const BankedDramConfig changed = banked(preset_machine(
      "DDR4-3200",
      "  tRCD: 30\n  refresh: none\n  mapping: [rank, row, bank, bank_group, column]\n"));
  EXPECT_EQ(changed.device.timings.t_rcd, 30);
  EXPECT_EQ(changed.device.refresh, DramRefresh::kNone);
  EXPECT_EQ(changed.device.mapping[0], DramField::kRank);
  EXPECT_EQ(changed.interleaved_groups(), 1);
  EXPECT_EQ(changed.device.timings.t_rp, plain.device.timings.t_rp);
}

TEST(BankedDramConfigTest, WithoutAPresetEveryKeyOfTheDevicesIsRequired) {
  const MidapYaml machine = explicit_machine();
  int num_keys = 0;
  for (const auto& [key, line] : machine.keys()) {
    if (!key.starts_with("dram.") || key == "dram.model") continue;
    ++num_keys;
    if (key == "dram.num_channels" || key == "dram.num_ranks" || key == "dram.interleave_bytes" ||
        key == "dram.controller") {
      EXPECT_THAT(machine.without(key).error(), Not(HasSubstr(": " + key + ": missing")));
      continue;
    }
    EXPECT_THAT(machine.without(key).error(), HasSubstr(": " + key + ": missing"));
  }
  EXPECT_EQ(num_keys, 34);
}

TEST(BankedDramConfigTest, PeakIsThatOfTheBus) {
  const auto peak = [](const char* preset) {
    return peak_bytes_per_cycle(read_hardware_text(preset_machine(preset), "m.yaml").dram);
  };
  EXPECT_DOUBLE_EQ(peak("LPDDR4-3200"), 2 * 6.4);  // two channels, NPU at 1 GHz
  EXPECT_DOUBLE_EQ(peak("LPDDR5-6400"), 2 * 12.8);
  EXPECT_DOUBLE_EQ(peak("DDR4-2400"), 2 * 19.2);
  EXPECT_DOUBLE_EQ(peak("DDR4-3200"), 2 * 25.6);
  EXPECT_DOUBLE_EQ(peak("DDR5-4800"), 2 * 19.2);
  EXPECT_DOUBLE_EQ(peak("HBM2-2000"), 2 * 32.0);
}

TEST(BankedDramConfigTest, SustainedIsBelowThePeakAndRefreshCostsWhatItTakes) {
  for (const auto& [name, device] : dram_presets()) {
    SCOPED_TRACE(name);
    const double peak = banked(preset_machine(name)).peak_bytes_per_cycle();
    const double none =
        banked(preset_machine(name, "  refresh: none\n")).sustained_bytes_per_cycle();
    const double all = banked(preset_machine(name)).sustained_bytes_per_cycle();
    EXPECT_LE(none, peak);
    EXPECT_GT(none, 0.95 * peak);
    EXPECT_LT(all, none);
    EXPECT_GT(all, 0.85 * peak);
    if (device.timings.t_rfc_pb == 0) continue;
    const double per_bank =
        banked(preset_machine(name, "  refresh: per_bank\n")).sustained_bytes_per_cycle();
    EXPECT_LT(per_bank, none);
    EXPECT_GT(per_bank, all);
  }
}

TEST(BankedDramConfigTest, PlannersSeeSustainedBandwidthAfterAPrecharge) {
  const HardwareConfig machine = shipped_machine("midap_lpddr4");
  const PlanningDram plan = planning_dram(machine.dram);
  const auto sustained = static_cast<std::int64_t>(sustained_bytes_per_cycle(machine.dram));
  EXPECT_EQ(plan.bytes_per_cycle, sustained);
  const std::int64_t latency = 55;  // ceil((1 + tRP 29 + tRCD 29 + tCL 28) / 1.6)
  for (const std::int64_t bytes : {1, 4096, 1 << 20, 1 << 30}) {
    EXPECT_EQ(plan.latency_cycles(bytes), latency);
    EXPECT_EQ(plan.transfer_cycles(bytes), (bytes + sustained - 1) / sustained);
  }
}

TEST(BankedDramConfigTest, WarnsOfRowsThatOnlyOtherControllersOverlap) {
  const auto num_warnings = [](const std::string& preset, const std::string& mapping,
                               int num_ranks = 1, const std::string& controller = "in_order") {
    std::string text = preset_machine(preset, "  mapping: [" + mapping + "]\n");
    const auto replace = [&text](const std::string& from, const std::string& to) {
      text.replace(text.find(from), from.size(), to);
    };
    replace("num_ranks: 1", fmt::format("num_ranks: {}", num_ranks));
    replace("in_order", controller);
    return dram_warnings(read_hardware_text(text, "m.yaml").dram).size();
  };
  const std::string overlapping = "row, rank, bank, bank_group, column";
  EXPECT_EQ(num_warnings("DDR4-2400", overlapping), 1u);
  EXPECT_EQ(num_warnings("DDR4-2400", overlapping, 1, "frfcfs"), 0u);
  EXPECT_EQ(num_warnings("DDR4-2400", "row, rank, bank, column, bank_group"), 0u);
  EXPECT_EQ(num_warnings("DDR4-2400", "bank_group, row, rank, bank, column"), 0u);
  EXPECT_EQ(num_warnings("DDR4-2400", "bank_group, row, rank, bank, column", 2), 1u);
  EXPECT_EQ(num_warnings("HBM2-2000", overlapping), 0u);  // columns of a group are no slower
  EXPECT_EQ(num_warnings("LPDDR4-3200", overlapping), 0u);
  for (const std::string& name : shipped_machine_names())
    EXPECT_TRUE(dram_warnings(shipped_machine(name).dram).empty()) << name;
}

TEST(BankedDramConfigTest, InconsistentValuesAreRefused) {
  const MidapYaml machine = explicit_machine();
  const auto refused = [&](const char* key, const char* value, const char* why) {
    EXPECT_THAT(machine.with(key, value).error(), HasSubstr(why)) << key;
  };
  refused("dram.interleave_bytes", "100",
          "dram.interleave_bytes: must be a multiple of the 32 bytes of a burst");
  refused("dram.num_columns", "1000", "dram.num_columns: must be a multiple of burst_length (16)");
  refused("dram.tRC", "67", "dram.tRC: must be at least tRAS");
  refused("dram.tREFI", "1000", "dram.tREFI: must be at least 2");
  refused("dram.clock_mhz", "62", "dram.clock_mhz: too slow");
  refused("dram.controller", "fifo", "unknown value 'fifo'; choose one of: in_order, frfcfs");
  refused("dram.refresh", "[]", "dram.refresh: ");
  EXPECT_THAT(machine.with("dram.tRFCpb", "0").with("dram.refresh", "per_bank").error(),
              HasSubstr("dram.refresh: per_bank requires a tRFCpb"));
  EXPECT_THAT(machine.with("dram.num_rows", "16777216").with("dram.num_columns", "65536").error(),
              HasSubstr("dram.num_rows: too many: a channel would have "));
  EXPECT_THAT(error_of(preset_machine("SDRAM-100")),
              HasSubstr("dram.preset: unknown value 'SDRAM-100'; choose one of: LPDDR4-3200, "));
  EXPECT_THAT(error_of(preset_machine("DDR4-2400", "  tRFCab: 1\n")),
              HasSubstr("dram.tRFCab: unknown key"));
}

TEST(BankedDramConfigTest, MappingNamesEveryFieldOnceAndEndsInColumns) {
  const auto error = [](const char* mapping) {
    return explicit_machine().with("dram.mapping", mapping).error();
  };
  EXPECT_EQ(error("[bank, row, rank, column, bank_group]"), "no error");
  EXPECT_EQ(error("[bank_group, bank, rank, row, column]"), "no error");
  for (const char* bad : {"[row, rank, bank, column]", "[row, row, rank, bank, column]",
                          "[row, rank, bank_group, bank, columns]", "row"}) {
    EXPECT_THAT(error(bad), HasSubstr("dram.mapping: must list ")) << bad;
  }
  for (const char* bad :
       {"[row, rank, bank_group, column, bank]", "[column, rank, bank, row, bank_group]"}) {
    EXPECT_THAT(error(bad), HasSubstr("must end in column, or in column, bank_group")) << bad;
  }
}

}  // namespace
}  // namespace tilewake
