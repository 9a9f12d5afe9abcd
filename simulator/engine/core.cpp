// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/core.hpp"

#include <variant>

#include "simulator/engine/memory/make_memory_controller.hpp"
#include "simulator/engine/midap/midap_machine.hpp"
#include "simulator/engine/tiled/tiled_core.hpp"

namespace tilewake {
namespace {

// To add a core kind: one overload here; std::visit chooses by the type of the configuration.
std::unique_ptr<Core> make(const MidapConfig& core, const DramConfig& dram) {
  return midap::make_midap_machine(core, dram);
}

std::unique_ptr<Core> make(const SystolicConfig& /*core*/, const DramConfig& dram) {
  return std::make_unique<tiled::TiledCore>("systolic", make_memory_controller(dram));
}

std::unique_ptr<Core> make(const VectorConfig& /*core*/, const DramConfig& dram) {
  return std::make_unique<tiled::TiledCore>("vector", make_memory_controller(dram));
}

}  // namespace

std::unique_ptr<Core> make_core(const HardwareConfig& hardware) {
  return std::visit([&](const auto& core) { return make(core, hardware.dram); }, hardware.core);
}

}  // namespace tilewake
