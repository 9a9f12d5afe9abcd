// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/energy_config.hpp"

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

// Generous limits; sums over the largest run stay finite.
constexpr NumberRange kEnergies = {0, 1e9};
constexpr NumberRange kPowers = {0, 1e9};
constexpr NumberRange kAreas = {0, 1e9};

constexpr std::pair<std::string_view, DramStandard> kDramStandards[] = {
    {"auto", DramStandard::kAuto},     {"lpddr4", DramStandard::kLpddr4},
    {"lpddr5", DramStandard::kLpddr5}, {"ddr4", DramStandard::kDdr4},
    {"ddr5", DramStandard::kDdr5},     {"hbm2", DramStandard::kHbm2},
    {"none", DramStandard::kNone},
};

/// A number, or the word auto.
void visit_value(YamlFields& fields, std::string_view key, double& value, const NumberRange& range,
                 const FieldDoc& doc) {
  bool is_auto = value == EnergyConfig::kAuto;
  fields.unless_default(is_auto, [&] {
    fields.or_word(key, "auto", is_auto, [&] { fields.number(key, value, range, doc); });
  });
  if (is_auto) value = EnergyConfig::kAuto;
}

void visit_memory(YamlFields& fields, std::string_view key, EnergyConfig::Memory& memory,
                  std::string_view meaning) {
  fields.unless_default(memory == EnergyConfig::Memory{}, [&] {
    fields.section(key, [&] {
      visit_value(fields, "read_pj", memory.read_pj, kEnergies, {"pJ", meaning});
      visit_value(fields, "write_pj", memory.write_pj, kEnergies, {"pJ", "as above"});
    });
  });
}

}  // namespace

void visit_fields(YamlFields& fields, EnergyConfig& c) {
  fields.unless_default(c == EnergyConfig{}, [&] {
    fields.section("energy", [&] {
      fields.optional([&] {
        fields.number("node_nm", c.node_nm, {7, 180}, {"nm", "technology node"});
        fields.word("element", c.element, kElementTypes,
                    {"",
                     "type of elements and products, where the file counts elements as bytes; "
                     "int8: that of `core.element`"});
        fields.number("clock_gating", c.clock_gating, {0, 1},
                      {"", "share of the clock's energy that a core saves while it waits"});
      });
      visit_value(fields, "voltage", c.voltage, {0.3, 3}, {"V", "supply of the logic"});
      visit_value(fields, "mac_pj", c.mac_pj, kEnergies, {"pJ", "a multiplication and addition"});
      visit_value(fields, "vector_pj", c.vector_pj, kEnergies,
                  {"pJ", "an operation of the vector unit"});
      visit_value(fields, "clock_pj", c.clock_pj, kEnergies,
                  {"pJ", "clock tree, in a cycle in which the core computes"});
      visit_value(fields, "leakage_pj", c.leakage_pj, kEnergies, {"pJ", "in a cycle"});
      EnergyConfig::Registers& registers = c.registers;
      fields.unless_default(registers == EnergyConfig::Registers{}, [&] {
        fields.section("registers", [&] {
          visit_value(fields, "bytes", registers.bytes, {0.125, 1e9},
                      {"bytes", "of a MAC unit, or of a register file"});
          visit_value(fields, "access_pj", registers.access_pj, kEnergies,
                      {"pJ", "an entry read or written"});
          visit_value(fields, "accesses_per_mac", registers.accesses_per_mac, {0, 1e6},
                      {"", "entries read and written for a product"});
        });
      });
      visit_memory(fields, "input_buffer", c.input_buffer,
                   "an entry of the input buffer, FMEM or local memory");
      visit_memory(fields, "weight_buffer", c.weight_buffer,
                   "an entry of the weight buffer, WMEM or local memory");
      visit_memory(fields, "output_buffer", c.output_buffer,
                   "an entry of the output buffer, FMEM or local memory");
      visit_memory(fields, "chip_memory", c.chip_memory,
                   "an entry of the memory of feature maps and weights");
      EnergyConfig::Interconnect& interconnect = c.interconnect;
      fields.unless_default(interconnect == EnergyConfig::Interconnect{}, [&] {
        fields.section("interconnect", [&] {
          visit_value(fields, "wire_pj", interconnect.wire_pj, kEnergies,
                      {"pJ", "an entry over a wire of 1 mm"});
          visit_value(fields, "hop_mm", interconnect.hop_mm, {0, 1e3},
                      {"mm", "between a memory and the array"});
        });
      });
      EnergyConfig::Dram& dram = c.dram;
      fields.unless_default(dram == EnergyConfig::Dram{}, [&] {
        fields.section("dram", [&] {
          fields.optional([&] {
            fields.word("standard", dram.standard, kDramStandards,
                        {"", "kind of memory chips; none: no energy, e.g. of a link"});
          });
          visit_value(fields, "activate_pj", dram.activate_pj, kEnergies, {"pJ", "opening a row"});
          visit_value(fields, "read_pj", dram.read_pj, kEnergies, {"pJ", "an entry"});
          visit_value(fields, "write_pj", dram.write_pj, kEnergies, {"pJ", "an entry"});
          visit_value(fields, "refresh_mw", dram.refresh_mw, kPowers,
                      {"mW", "refresh of each channel and rank"});
          visit_value(fields, "background_mw", dram.background_mw, kPowers,
                      {"mW", "standby of each channel and rank"});
        });
      });
      EnergyConfig::Area& area = c.area;
      fields.unless_default(area == EnergyConfig::Area{}, [&] {
        fields.section("area", [&] {
          visit_value(fields, "mac_um2", area.mac_um2, kAreas, {"um2", "a MAC unit"});
          visit_value(fields, "vector_um2", area.vector_um2, kAreas,
                      {"um2", "a lane of the vector unit"});
          visit_value(fields, "register_um2", area.register_um2, kAreas,
                      {"um2", "a byte of registers"});
          visit_value(fields, "sram_um2", area.sram_um2, kAreas, {"um2", "a byte of SRAM"});
          fields.optional([&] {
            fields.number("overhead", area.overhead, {0, 100},
                          {"", "control, wires and gaps, as a share of all other areas"});
          });
        });
      });
    });
  });
}

}  // namespace tilewake
