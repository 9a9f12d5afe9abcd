// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "latency_model/features/feature_set.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

struct Program;

/// Computes the features of layers on one machine. Each core kind has an implementation
/// (feature_extractor.cpp maps kinds to implementations); fit and prediction use this interface
/// only.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  virtual const FeatureSet& set() const = 0;

  /// features[i] of network.layers[i], in O(1) per layer. Effects of neighbours (residency,
  /// prefetch) are included in the values. Throws InputError naming the layer if the machine cannot
  /// hold it, as map_network does.
  virtual std::vector<LayerFeatures> extract(const Network& network) const = 0;

  /// The same of a network that is mapped already: `program` is its program on this machine.
  virtual std::vector<LayerFeatures> extract_mapped(const Network& network,
                                                    const Program& /*program*/) const {
    return extract(network);
  }
};

/// Creates the extractor for the machine's core kind.
std::unique_ptr<FeatureExtractor> make_feature_extractor(const HardwareConfig& hardware);

}  // namespace tilewake
