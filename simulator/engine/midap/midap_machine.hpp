// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/engine/core.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/midap_config.hpp"

namespace tilewake::midap {

/// MIDAP with its DMA and a memory of the given model.
std::unique_ptr<Core> make_midap_machine(const MidapConfig& core, const DramConfig& dram);

}  // namespace tilewake::midap
