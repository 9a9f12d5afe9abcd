// SPDX-License-Identifier: Apache-2.0
#include "nas/search/macs_predictor.hpp"

#include <memory>
#include <string_view>

namespace tilewake {
namespace {

class MacsFeatures final : public FeatureExtractor {
 public:
  const FeatureSet& set() const override {
    static constexpr std::string_view kClasses[] = {"any"};
    static constexpr FeatureInfo kFeatures[] = {
        {"macs", "cycles per multiply-accumulate", "work, whatever the machine", 0.0, 1.0}};
    static constexpr FeatureSet kSet{kClasses, kFeatures};
    return kSet;
  }

  std::vector<LayerFeatures> extract(const Network& network) const override {
    std::vector<LayerFeatures> features(network.layers.size());
    for (std::size_t i = 0; i < features.size(); ++i) {
      features[i].op_class = 0;
      features[i].values[0] = static_cast<double>(network.layers[i].num_macs());
    }
    return features;
  }
};

}  // namespace

Predictor macs_predictor(double cycles_per_mac) {
  LatencyModel model;
  model.coefficients = {{cycles_per_mac}};
  return Predictor(model, [](const HardwareConfig&) -> std::unique_ptr<FeatureExtractor> {
    return std::make_unique<MacsFeatures>();
  });
}

}  // namespace tilewake
