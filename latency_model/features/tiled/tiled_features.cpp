// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/tiled/tiled_features.hpp"

#include <utility>
#include <variant>

#include "latency_model/features/tiled/tile_timeline.hpp"

namespace tilewake {
namespace {

enum TiledClass : int {
  kTiledConv,
  kTiledFullyConnected,
  kTiledDepthwise,
  kTiledPool,
  kTiledElementwise
};

constexpr std::string_view kTiledClasses[] = {"conv2d", "fully_connected", "depthwise_conv2d",
                                              "pool", "elementwise"};

constexpr FeatureInfo kTiledFeatures[] = {
    {"compute", "cycles per cycle expected", "the core works on tiles", 0.99, 1.01},
    {"weight_wait", "cycles per cycle expected", "weights arrive after they are needed", 0.7, 1.4},
    {"feature_wait", "cycles per cycle expected",
     "features, second operands or partial sums arrive after they are needed", 0.7, 1.4},
    {"write_wait", "cycles per cycle expected", "earlier outputs are still being stored", 0.7, 1.4},
};

int class_of(Op op) {
  switch (op) {
    case Op::kConv2d:
    case Op::kConvTranspose2d:
    case Op::kMatmul:
      return kTiledConv;
    case Op::kFullyConnected:
      return kTiledFullyConnected;
    case Op::kDepthwiseConv2d:
      return kTiledDepthwise;
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kGlobalAvgPool:
    case Op::kReduce:
      return kTiledPool;
    default:
      return kTiledElementwise;
  }
}

class TiledFeatures : public FeatureExtractor {
 public:
  TiledFeatures(TiledMachine machine, const DispatchConfig& dispatch)
      : machine_(std::move(machine)), dispatch_(dispatch) {}

  const FeatureSet& set() const override {
    static constexpr FeatureSet kSet{kTiledClasses, kTiledFeatures};
    return kSet;
  }

  std::vector<LayerFeatures> extract(const Network& network) const override {
    return TiledFeatures::extract_mapped(network, map_tiled(network, machine_));
  }

  std::vector<LayerFeatures> extract_mapped(const Network& network,
                                            const Program& program) const override {
    const auto& tiled = std::get<TiledProgram>(program.core);
    const std::vector<tiled::LayerCycles> cycles =
        tiled::tile_timeline(tiled, machine_.dram, dispatch_);
    std::vector<LayerFeatures> features(network.layers.size());
    for (std::size_t i = 0; i < cycles.size(); ++i) {
      const int row = tiled.layers[i].program_layer;
      const auto layer =
          static_cast<std::size_t>(program.layers[static_cast<std::size_t>(row)].network_layer);
      const tiled::LayerCycles& c = cycles[i];
      LayerFeatures& f = features[layer];
      f.op_class = class_of(network.layers[layer].op);
      f.values[0] += c.compute;
      f.values[1] += c.weight_wait;
      f.values[2] += c.feature_wait;
      f.values[3] += c.write_wait;
      f.dispatch_cycles += c.dispatch;
    }
    const auto repetitions = static_cast<double>(program.repetitions);
    for (LayerFeatures& f : features) {
      for (double& value : f.values) value *= repetitions;
      f.dispatch_cycles *= repetitions;
    }
    return features;
  }

 private:
  TiledMachine machine_;
  DispatchConfig dispatch_;
};

}  // namespace

std::unique_ptr<FeatureExtractor> make_tiled_features(TiledMachine machine,
                                                      const DispatchConfig& dispatch) {
  return std::make_unique<TiledFeatures>(std::move(machine), dispatch);
}

}  // namespace tilewake
