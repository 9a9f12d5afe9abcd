// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/energy_table.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/energy/dram_energy.hpp"
#include "simulator/energy/technology.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// Horowitz, ISSCC 2014: 64 bits at 45 nm; CACTI was the source of that table.
TEST(SramEnergyTest, IsThatOfThePublishedPointsWithin15Percent) {
  const struct { double kilobytes, picojoules; } points[] = {{8, 10}, {32, 20}, {1024, 100}};
  for (const auto& point : points)
    EXPECT_NEAR(sram_access_pj(point.kilobytes * 1024, 8) / point.picojoules, 1.0, 0.15)
        << point.kilobytes;
}

/// Chen et al., ISCA 2016, from a commercial 65 nm process: relative to a MAC of 16 bits, 1 for a
/// register file of 0.5 KiB and 6 for a buffer of 100 KiB and more.
TEST(SramEnergyTest, RatiosToAMacAreThoseOfEyerissWithinAFactorOf2) {
  const double mac = arithmetic_cost(ElementType::kInt16).mac_pj;
  const double registers = sram_access_pj(512, 2) / mac;
  const double buffer = sram_access_pj(108.0 * 1024, 2) / mac;
  EXPECT_GT(registers, 0.5);
  EXPECT_LT(registers, 2.0);
  EXPECT_GT(buffer, 3.0);
  EXPECT_LT(buffer, 12.0);
}

/// Han et al., ISCA 2016, table 1 (45 nm): 5 pJ for 32 bits of SRAM.
TEST(SramEnergyTest, HalfTheWidthTakesHalfTheEnergy) {
  EXPECT_DOUBLE_EQ(sram_access_pj(8192, 4), 5.0);
}

TEST(TechnologyTest, EnergyAndAreaGrowWithTheNode) {
  double energy = 0.0;
  double area = 0.0;
  for (double nm = 7.0; nm <= 180.0; nm += 0.5) {
    EXPECT_GT(energy_scale(nm, nominal_voltage(nm)), energy) << nm;
    EXPECT_GT(area_scale(nm), area) << nm;
    energy = energy_scale(nm, nominal_voltage(nm));
    area = area_scale(nm);
  }
  EXPECT_DOUBLE_EQ(energy_scale(45, 0.9), 1.0);
  EXPECT_DOUBLE_EQ(area_scale(45), 1.0);
}

TEST(TechnologyTest, EnergyGrowsWithTheSquareOfTheVoltage) {
  EXPECT_NEAR(energy_scale(28, 1.0) / energy_scale(28, 0.5), 4.0, 1e-12);
}

/// pJ a bit of a stream that reads and writes alternately, with rows of 2 KiB, at the peak.
double picojoules_per_bit(DramStandard standard) {
  const DramEnergy e = dram_energy(standard);
  const double standby = (e.background_mw + e.refresh_mw()) * 1e3 / e.peak_bytes_per_us;
  return (0.5 * (e.read_pj_per_byte + e.write_pj_per_byte) + e.activate_pj / e.row_bytes +
          standby) /
         8.0;
}

/// Published: LPDDR4 4 to 8 pJ a bit; HBM2 3.9 (O'Connor et al., MICRO 2017, with activates) to 7.
TEST(DramEnergyTest, PerBitIsWithinThePublishedRanges) {
  EXPECT_GT(picojoules_per_bit(DramStandard::kLpddr4), 4.0);
  EXPECT_LT(picojoules_per_bit(DramStandard::kLpddr4), 8.0);
  EXPECT_GT(picojoules_per_bit(DramStandard::kHbm2), 3.9);
  EXPECT_LT(picojoules_per_bit(DramStandard::kHbm2), 7.0);
}

/// V x mA x ns of the currents of a data sheet, as Micron's technical notes compute them.
TEST(DramEnergyTest, OfLpddr4ByHand) {
  const DramEnergy e = dram_energy(DramStandard::kLpddr4);
  EXPECT_NEAR(e.read_pj_per_byte, (1.1 * (275 - 30) + 1.1 * (150 - 0.75)) / 6.4, 1e-9);
  EXPECT_NEAR(e.write_pj_per_byte, (1.1 * (210 - 30) + 1.1 * (55 - 0.75)) / 6.4, 1e-9);
  EXPECT_NEAR(e.background_mw, 1.8 * 2.25 + 1.1 * 30 + 1.1 * 0.75, 1e-9);
  EXPECT_NEAR(e.refresh_pj, (1.8 * 7.75 + 1.1 * 60) * 280, 1e-9);
}

TEST(DramEnergyTest, NoneTakesNoEnergy) {
  const DramEnergy e = dram_energy(DramStandard::kNone);
  EXPECT_EQ(e.read_pj_per_byte + e.write_pj_per_byte + e.activate_pj + e.background_mw, 0.0);
}

TEST(DramEnergyTest, StandardsAreThoseOfThePresets) {
  const std::vector<std::pair<std::string, DramStandard>> cases = {
      {"LPDDR4-3200", DramStandard::kLpddr4}, {"LPDDR5-6400", DramStandard::kLpddr5},
      {"DDR4-2400", DramStandard::kDdr4},     {"DDR4-3200", DramStandard::kDdr4},
      {"DDR5-4800", DramStandard::kDdr5},     {"HBM2-2000", DramStandard::kHbm2}};
  ASSERT_EQ(dram_presets().size(), cases.size());
  for (const auto& [name, device] : dram_presets()) {
    BankedDramConfig config;
    config.device = device;
    for (const auto& known : cases)
      if (known.first == name) {
        EXPECT_EQ(standard_of(config), known.second) << name;
      }
  }
}

HardwareConfig with_energy(const std::string& machine, const std::string& keys) {
  return read_hardware_text(hardware_yaml(shipped_machine(machine)) + keys, "test.yaml");
}

TEST(EnergyTableTest, ASmallerNodeNeverTakesMoreEnergyOrArea) {
  for (const std::string name : {"midap", "tpu_like_128", "edge_systolic_32", "dsp_like"}) {
    EnergyTable last;
    for (const int nm : {7, 10, 14, 16, 20, 28, 32, 45, 65, 90, 130, 180}) {
      HardwareConfig machine = shipped_machine(name);
      machine.energy.node_nm = nm;
      const EnergyTable t = energy_table(machine);
      EXPECT_GT(t.mac_pj, last.mac_pj) << name << nm;
      EXPECT_GT(t.register_pj, last.register_pj) << name << nm;
      EXPECT_GT(t.input.read_pj, last.input.read_pj) << name << nm;
      EXPECT_GT(t.clock_pj, last.clock_pj) << name << nm;
      EXPECT_GT(t.area_mm2, last.area_mm2) << name << nm;
      EXPECT_GT(t.peak_power_mw, last.peak_power_mw) << name << nm;
      last = t;
    }
  }
}

TEST(EnergyTableTest, AValueOfTheFileReplacesItsOwnFigureOnly) {
  for (const std::string& name : shipped_machine_names()) {
    const EnergyTable plain = energy_table(shipped_machine(name));
    const HardwareConfig machine = shipped_machine(name);
    HardwareConfig changed = machine;
    changed.energy.mac_pj = 7.0;
    const EnergyTable t = energy_table(changed);
    EXPECT_EQ(t.mac_pj, 7.0) << name;
    EXPECT_EQ(t.clock_pj, plain.clock_pj) << name;
    EXPECT_EQ(t.leakage_pj, plain.leakage_pj) << name;
    EXPECT_EQ(t.vector_pj, plain.vector_pj) << name;
    EXPECT_EQ(t.area_mm2, plain.area_mm2) << name;
  }
}

TEST(EnergyTableTest, EveryFigureOfEveryMachineIsFiniteAndPositive) {
  for (const std::string& name : shipped_machine_names()) {
    const EnergyTable t = energy_table(shipped_machine(name));
    for (const double value :
         {t.mac_pj, t.register_pj, t.input.read_pj, t.weight.read_pj, t.output.write_pj, t.wire_pj,
          t.vector_pj, t.clock_pj, t.leakage_pj, t.area_mm2, t.peak_power_mw}) {
      EXPECT_TRUE(std::isfinite(value)) << name;
      EXPECT_GT(value, 0.0) << name;
    }
  }
}

/// Twice the MAC units, twice their area; more bytes, more SRAM.
TEST(EnergyTableTest, AreaGrowsWithWhatAMachineHas) {
  HardwareConfig machine = shipped_machine("edge_systolic_32");
  const EnergyTable small = energy_table(machine);
  auto& core = std::get<SystolicConfig>(machine.core);
  core.rows *= 2;
  const EnergyTable more = energy_table(machine);
  EXPECT_NEAR(more.mac_area_mm2, 2.0 * small.mac_area_mm2, 1e-9);
  EXPECT_EQ(more.sram_area_mm2, small.sram_area_mm2);
  core.input.bytes *= 2;
  EXPECT_GT(energy_table(machine).sram_area_mm2, more.sram_area_mm2);
}

TEST(EnergyTableTest, KeysAreWrittenAndReadBack) {
  const std::string keys =
      "energy:\n"
      "  node_nm: 65\n"
      "  element: int16\n"
      "  voltage: auto\n"
      "  mac_pj: 1.5\n"
      "  registers: {bytes: 448, accesses_per_mac: 4}\n"
      "  dram: {standard: hbm2, read_pj: 3}\n";
  const HardwareConfig machine = with_energy("midap", keys);
  EXPECT_EQ(machine.energy.voltage, EnergyConfig::kAuto);
  EXPECT_EQ(machine.energy.mac_pj, 1.5);
  EXPECT_EQ(machine.energy.dram.standard, DramStandard::kHbm2);
  const HardwareConfig copy = read_hardware_text(hardware_yaml(machine), "copy.yaml");
  EXPECT_TRUE(copy.energy == machine.energy);
  EXPECT_NE(machine_id(machine), machine_id(shipped_machine("midap")));
}

}  // namespace
}  // namespace tilewake
