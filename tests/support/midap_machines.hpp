// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/shipped.hpp"

namespace tilewake {

/// The shipped machine with another number of banks or another array.
inline HardwareConfig midap_with(std::int64_t fmem_banks, std::int64_t cims, std::int64_t width) {
  HardwareConfig hardware = shipped_machine("midap");
  auto& core = std::get<MidapConfig>(hardware.core);
  core.fmem_num_banks = fmem_banks;
  core.num_cims = cims;
  core.system_width = width;
  hardware.name = std::to_string(fmem_banks) + " banks, " + std::to_string(cims) + " CIMs x " +
                  std::to_string(width);
  return hardware;
}

/// The shipped machine first.
inline std::vector<HardwareConfig> midap_machines() {
  return {midap_with(4, 16, 64), midap_with(2, 16, 64), midap_with(3, 16, 64),
          midap_with(6, 16, 64), midap_with(8, 16, 64), midap_with(4, 32, 32),
          midap_with(4, 8, 64)};
}

}  // namespace tilewake
