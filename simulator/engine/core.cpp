// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/core.hpp"

#include <optional>
#include <variant>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/engine/midap/midap_core.hpp"
#include "simulator/engine/stream_dma.hpp"
#include "simulator/engine/tiled/tiled_core.hpp"

namespace tilewake {
namespace {

// To add a DRAM model: add one overload here, which selects MIDAP's DMA. As in the reference for a
// memory of latency and bandwidth, and for an ideal one.
std::unique_ptr<BufferDma> make_midap_dma(const LatencyBandwidthDramConfig& dram) {
  return std::make_unique<Dma>("dma", dram);
}
std::unique_ptr<BufferDma> make_midap_dma(const BankedDramConfig& dram) {
  return std::make_unique<StreamDma>("dma", make_memory_controller(dram));
}
std::unique_ptr<BufferDma> make_midap_dma(const IdealDramConfig& /*dram*/) {
  return std::make_unique<Dma>("dma", std::nullopt);
}

// To add a core kind: add one overload here; std::visit selects it by the type of the
// configuration.
std::unique_ptr<Core> make(const MidapConfig& core, const DramConfig& dram) {
  return std::make_unique<midap::MidapCore>(
      "midap", core, std::visit([](const auto& model) { return make_midap_dma(model); }, dram));
}

std::unique_ptr<Core> make(const SystolicConfig& core, const DramConfig& dram) {
  return std::make_unique<tiled::TiledCore>("systolic", core.feature_memory,
                                            make_memory_controller(dram));
}

std::unique_ptr<Core> make(const VectorConfig& core, const DramConfig& dram) {
  return std::make_unique<tiled::TiledCore>("vector", core.feature_memory,
                                            make_memory_controller(dram));
}

bool has_addresses(const MidapConfig& /*core*/, const DramConfig& dram) {
  return std::holds_alternative<BankedDramConfig>(dram);  // of StreamDma
}
template <typename TiledConfig>
bool has_addresses(const TiledConfig& /*core*/, const DramConfig& /*dram*/) {
  return true;
}

}  // namespace

bool has_dram_addresses(const HardwareConfig& hardware) {
  return std::visit([&](const auto& core) { return has_addresses(core, hardware.dram); },
                    hardware.core);
}

std::unique_ptr<Core> make_core(const HardwareConfig& hardware) {
  return std::visit([&](const auto& core) { return make(core, hardware.dram); }, hardware.core);
}

}  // namespace tilewake
