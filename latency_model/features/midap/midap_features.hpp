// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "latency_model/features/feature_extractor.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Features of MIDAP; README.md of the module has the formulas.
std::unique_ptr<FeatureExtractor> make_midap_features(const MidapConfig& core,
                                                      const DramConfig& dram,
                                                      const DispatchConfig& dispatch);

}  // namespace tilewake
