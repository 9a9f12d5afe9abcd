// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "latency_model/features/feature_extractor.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"

namespace tilewake {

/// Features of cores that work in tiles; README.md of the module has the formulas.
std::unique_ptr<FeatureExtractor> make_tiled_features(TiledMachine machine,
                                                      const DispatchConfig& dispatch);

}  // namespace tilewake
