// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/core.hpp"

#include <variant>

#include "simulator/engine/midap/midap_core.hpp"

namespace tilewake {
namespace {

// To add a core kind: one overload here; std::visit chooses by the type of the configuration.
std::unique_ptr<Core> make(const MidapConfig& config, Dma& dma) {
  return std::make_unique<midap::MidapCore>("midap", config, dma);
}

}  // namespace

std::unique_ptr<Core> make_core(const HardwareConfig& hardware, Dma& dma) {
  return std::visit([&](const auto& config) { return make(config, dma); }, hardware.core);
}

}  // namespace tilewake
