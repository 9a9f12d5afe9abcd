// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// A key of a machine, with the valid values of a number, flag or word.
struct MachineKey {
  enum class Kind { kInteger, kNumber, kFlag, kWord, kOther };  // other: a text or a sequence

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

/// The keys of a machine in the order of its file, without the words that select which
/// keys follow (`core.kind`, `dram.model`), and without the section `device`, which changes
/// nothing.
std::vector<MachineKey> machine_keys(const HardwareConfig& machine);

}  // namespace tilewake
