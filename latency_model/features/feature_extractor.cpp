// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/feature_extractor.hpp"

#include <variant>

#include "latency_model/features/midap/midap_features.hpp"
#include "latency_model/features/tiled/tiled_features.hpp"
#include "simulator/mapping/mapper.hpp"

namespace tilewake {
namespace {

// To add a core kind: add its overload here; std::visit does not compile without it.

std::unique_ptr<FeatureExtractor> make(const MidapConfig& core, const DramConfig& dram,
                                       const DispatchConfig& dispatch) {
  return make_midap_features(core, dram, dispatch);
}

std::unique_ptr<FeatureExtractor> make(const SystolicConfig& core, const DramConfig& dram,
                                       const DispatchConfig& dispatch) {
  return make_tiled_features(tiled_machine(core, dram, dispatch), dispatch);
}

std::unique_ptr<FeatureExtractor> make(const VectorConfig& core, const DramConfig& dram,
                                       const DispatchConfig& dispatch) {
  return make_tiled_features(tiled_machine(core, dram, dispatch), dispatch);
}

}  // namespace

std::unique_ptr<FeatureExtractor> make_feature_extractor(const HardwareConfig& hardware) {
  return std::visit([&](const auto& core) { return make(core, hardware.dram, hardware.dispatch); },
                    hardware.core);
}

}  // namespace tilewake
