// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// A number, flag or word of a machine, with its valid values.
struct MachineKey {
  enum class Kind { kInteger, kNumber, kFlag, kWord };

  std::string path;  // "core.fmem.num_banks"
  std::string unit;
  std::string meaning;
  std::string text;  // its value in this machine, as in a file
  Kind kind = Kind::kInteger;
  double value = 0.0;  // of a number
  double min = 0.0;    // both ends are included
  double max = 0.0;
  std::vector<std::string> choices;  // of a flag or a word
  bool of_device = false;            // a figure of a DRAM device, which `dram.preset` gives

  bool is_number() const { return kind == Kind::kInteger || kind == Kind::kNumber; }
};

/// The keys of a machine in the order of its file, without texts, sequences and the words that
/// select which keys follow (`core.kind`, `dram.model`).
std::vector<MachineKey> machine_keys(const HardwareConfig& machine);

}  // namespace tilewake
