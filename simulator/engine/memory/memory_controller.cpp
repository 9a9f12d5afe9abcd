// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/memory_controller.hpp"

#include <stdexcept>
#include <variant>

#include "simulator/engine/memory/frfcfs_controller.hpp"
#include "simulator/engine/memory/in_order_controller.hpp"
#include "simulator/engine/memory/simple_controllers.hpp"

namespace tilewake {
namespace {

// To add a DRAM model: add one overload here; std::visit selects it by the type of the
// configuration.
std::unique_ptr<MemoryController> make(const LatencyBandwidthDramConfig& config) {
  return std::make_unique<LatencyBandwidthController>(config);
}
std::unique_ptr<MemoryController> make(const BankedDramConfig& config) {
  switch (config.scheduling) {
    case DramScheduling::kInOrder:
      return std::make_unique<InOrderController>(config);
    case DramScheduling::kFrFcfs:
      return std::make_unique<FrFcfsController>(config);
  }
  return nullptr;
}
std::unique_ptr<MemoryController> make(const IdealDramConfig& /*config*/) {
  return std::make_unique<IdealController>();
}

}  // namespace

MemoryCompletion MemoryController::serve_transfer(const MemoryRequest& /*transfer*/,
                                                  std::int64_t /*now*/) {
  throw std::logic_error("completions of this memory controller depend on later requests");
}

std::unique_ptr<MemoryController> make_memory_controller(const DramConfig& config) {
  return std::visit([](const auto& model) { return make(model); }, config);
}

}  // namespace tilewake
