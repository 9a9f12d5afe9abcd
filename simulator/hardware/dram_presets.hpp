// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// What `dram.preset` can name, e.g. "LPDDR4-3200": the standard's figures for one density.
std::vector<std::pair<std::string_view, DramDevice>> dram_presets();

}  // namespace tilewake
