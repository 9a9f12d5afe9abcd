// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/midap_features.hpp"

#include <variant>

#include "latency_model/features/midap/layer_walk.hpp"
#include "simulator/mapping/midap/order.hpp"
#include "simulator/mapping/midap/plain_schedule.hpp"

namespace tilewake {
namespace {

using midap::Graph;
using midap::Node;
using midap::NodeType;

enum OpClass : int {
  kMatrix,
  kConv,
  kFullyConnected,
  kDepthwise,
  kMaxPool,
  kAvgPool,
  kGlobalPool,
  kAdd,
  kMul
};

constexpr std::string_view kOpClasses[] = {"conv2d_matrix",    "conv2d",   "fully_connected",
                                           "depthwise_conv2d", "max_pool", "avg_pool",
                                           "global_avg_pool",  "add",      "mul"};

constexpr FeatureInfo kFeatures[] = {
    {"issue_slots", "cycles per issue slot", "the PE array is issued work", 0.98, 1.02},
    {"setup", "cycles per cycle expected", "filling and emptying the pipe, bubbles", 0.5, 2.0},
    {"weight_wait", "cycles per cycle expected",
     "weights or the second operand arrive after they are needed", 0.8, 1.25},
    {"feature_wait", "cycles per cycle expected",
     "features that are not on chip arrive after they are needed", 0.7, 1.4},
    {"bias_wait", "cycles per cycle expected", "biases arrive after the first output", 0.5, 1.5},
    {"write_wait", "cycles per cycle expected", "earlier outputs are still being written", 0.5,
     1.5},
};

int class_of(const Node& node, const Layer& layer) {
  if (!node.runs()) return kFusedLayer;
  switch (layer.op) {
    case Op::kConv2d:
      if (node.gemm) return kMatrix;
      return node.type == NodeType::kDepthwise ? kDepthwise : kConv;
    case Op::kFullyConnected:
      return kFullyConnected;
    case Op::kDepthwiseConv2d:
      return kDepthwise;
    case Op::kMaxPool:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return kMaxPool;
    case Op::kAvgPool:
      return kAvgPool;
    case Op::kGlobalAvgPool:
      return kGlobalPool;
    case Op::kAdd:
      return kAdd;
    case Op::kMul:
      return kMul;
    default:
      return kFusedLayer;  // concat; MIDAP has no other ops
  }
  return kFusedLayer;
}

class MidapFeatures : public FeatureExtractor {
 public:
  MidapFeatures(const MidapConfig& core, const DramConfig& dram, const DispatchConfig& dispatch)
      : core_(core),
        dram_(planning_dram(dram)),
        dispatch_(dispatch),
        backlog_(static_cast<double>(backlog_bytes(dram)) /
                 static_cast<double>(dram_.bytes_per_cycle)) {}

  const FeatureSet& set() const override {
    static constexpr FeatureSet kSet{kOpClasses, kFeatures};
    return kSet;
  }

  std::vector<LayerFeatures> extract(const Network& network) const override {
    try {
      Graph graph = midap::prepare_graph(network, core_, midap::Schedule::kReference);
      const std::vector<int> order = midap::order_layers(graph);
      return walk(graph, order, midap::Schedule::kReference);
    } catch (const midap::PlanFailure&) {
      Graph graph = midap::prepare_graph(network, core_, midap::Schedule::kPlain);
      midap::stream_wide_pools(graph);
      return walk(graph, midap::plain_order(graph), midap::Schedule::kPlain);
    }
  }

 private:
  std::vector<LayerFeatures> walk(const Graph& graph, const std::vector<int>& order,
                                  midap::Schedule schedule) const {
    const std::vector<midap::LayerCycles> cycles =
        midap::LayerWalk(graph, dram_, dispatch_, backlog_, schedule).run(order);
    std::vector<LayerFeatures> features(graph.network->layers.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Node& node = graph.at(order[i]);
      const auto layer = static_cast<std::size_t>(node.layer);
      const midap::LayerCycles& c = cycles[i];
      features[layer].op_class = class_of(node, graph.network->layers[layer]);
      features[layer].values = {c.slots,        c.setup,     c.weight_wait,
                                c.feature_wait, c.bias_wait, c.write_wait};
      features[layer].dispatch_cycles = c.dispatch;
    }
    return features;
  }

  MidapConfig core_;
  PlanningDram dram_;
  DispatchConfig dispatch_;
  double backlog_;  // cycles
};

}  // namespace

std::unique_ptr<FeatureExtractor> make_midap_features(const MidapConfig& core,
                                                      const DramConfig& dram,
                                                      const DispatchConfig& dispatch) {
  return std::make_unique<MidapFeatures>(core, dram, dispatch);
}

}  // namespace tilewake
