// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "latency_model/features/midap/bus.hpp"
#include "latency_model/features/midap/feature_stream.hpp"
#include "latency_model/features/midap/issue_slots.hpp"
#include "latency_model/features/midap/pass_timing.hpp"
#include "latency_model/features/midap/residency.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// Expected cycles of one executed layer.
struct LayerCycles {
  double slots = 0.0;         // issued work of the PE array
  double setup = 0.0;         // bubbles, filling and emptying the pipe
  double weight_wait = 0.0;   // for weights, or the second operand of add and mul
  double feature_wait = 0.0;  // beyond that, for features that come from DRAM
  double bias_wait = 0.0;     // beyond both, for the biases of the first output
  double write_wait = 0.0;    // for earlier outputs to be written
  double dispatch = 0.0;      // before all of these
};

/// Visits the layers in processing order and carries the state from one to the next: fragments in
/// FMEM, prefetched data, and the time when the bus is free. O(1) per layer.
class LayerWalk {
 public:
  /// @param graph     from prepare_graph; with the stationarity of order_layers for kReference
  /// @param backlog  cycles of transfers that a memory with banks has accepted in advance, where
  ///   stores queue on the bus with features; 0: stores are free, as in the reference
  LayerWalk(const Graph& graph, const PlanningDram& dram, const DispatchConfig& dispatch,
            double backlog, Schedule schedule);

  /// `order`: every node after its inputs, fused pools where the schedule has them. result[i]
  /// belongs to order[i]; all zeros for a fused layer.
  std::vector<LayerCycles> run(const std::vector<int>& order);

 private:
  /// A layer during its evaluation.
  struct Work;

  void link_weights(const std::vector<int>& order);
  LayerCycles layer(const Node& node);
  void request_at_start(Work& work);
  void stream_features(Work& work);
  FeatureStream stream_of(const Work& work, const Residency::Layer& found) const;
  void choose_output_banks(const Work& work, const Residency::Layer& found,
                           FeatureStream& stream) const;
  bool plain_banks(const Work& work, FeatureStream& stream) const;
  bool is_read_next(const Node& node) const;
  void wait_for_biases(Work& work);
  void request_next_weights(const Work& work);
  double stored_bytes(const Node& node, std::int64_t kept_columns) const;
  double write_wait(const Work& work) const;
  Bus::Request weight_request(const Node& node, bool first) const;

  const Graph& graph_;
  const MidapConfig& c_;
  const PlanningDram& dram_;
  DispatchConfig dispatch_;
  Schedule schedule_;
  std::vector<int> prefetches_;  // by node: the node whose first weights it requests, or -1
  std::vector<bool> prepared_;   // by node: the previous layer requested its first weights
  std::vector<int> next_;        // by node: the one executed next, -1 for the last
  Residency residency_;
  int plain_resident_ = -1;  // plain schedule: the tensor kept for the next layer
  Bus bus_;
  double last_pass_ = 0.0;  // cycles of one pass of the previous layer's last computation
};

}  // namespace tilewake::midap
