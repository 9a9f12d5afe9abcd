// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

/// What serves the requests of a machine with this memory; reset and ready.
std::unique_ptr<MemoryController> make_memory_controller(const DramConfig& config);

}  // namespace tilewake
