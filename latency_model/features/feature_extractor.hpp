// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "latency_model/features/feature_set.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// The closed forms of one machine. Each core kind brings its own (feature_extractor.cpp has the
/// table of makers); whoever fits or predicts sees this interface only.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  virtual const FeatureSet& set() const = 0;

  /// Features of every layer, features[i] for network.layers[i]: O(1) a layer, whatever its size.
  /// What neighbours change (what is on chip, what was prefetched) is in the values.
  /// Throws InputError naming the layer that the machine cannot hold, as map_network does.
  virtual std::vector<LayerFeatures> extract(const Network& network) const = 0;
};

/// The extractor for the machine's core kind.
std::unique_ptr<FeatureExtractor> make_feature_extractor(const HardwareConfig& hardware);

}  // namespace tilewake
