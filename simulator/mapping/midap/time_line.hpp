// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "simulator/hardware/dram_config.hpp"
#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// The pessimistic latency formula used for planning by the reference compiler, in cycles.
double planning_latency(const PlanningDram& dram, double bytes);

/// A layer as input of the coarse time line, from unpadded shapes (as in the reference).
struct TimeLineLayer {
  bool has_weights = false;
  bool is_conv = false;
  bool once = false;
  std::int64_t num_weight_requests = 0;  // dropped after the first if `once` or not a convolution
  std::int64_t weight_request_bytes = 0;
  std::int64_t num_groups = 1;  // compute units per fragment
  double full_compute = 0.0;    // cycles of one group over a full fragment
  double last_compute = 0.0;    // over the last fragment
  std::int64_t full_load_cycles = 0;
  std::int64_t last_load_cycles = 0;
};

TimeLineLayer describe_for_time_line(const Graph& graph, const Node& node,
                                     std::int64_t bytes_per_cycle);

/// A coarse model of one layer's loads and computations, used only to choose between plans: it
/// estimates how long the PE array waits. Feature loads queue; weight loads have priority.
class TimeLine {
 public:
  /// `previous_process_cycles`: time from the request of a convolution's first weights (the last
  /// PROCESS of the previous layer) to the start of this layer; 0 if there is no previous layer.
  /// Depthwise weights are requested at the start of the layer.
  TimeLine(const TimeLineLayer& layer, const PlanningDram& dram, double previous_process_cycles);

  /// Charges one cycle for the decision to load, independent of the number of fragments.
  void begin_loads();
  /// Requests fragment `id`; `is_last` if it ends the tensor.
  void load(int id, bool is_last);
  /// Computes the fragments [begin, end); `last_is_final` if the last one ends the tensor.
  void process(int begin, int end, bool last_is_final);
  /// The wait that `process` would cause, on a copy and without its own cycle.
  double predicted_delay(int begin, int end, bool last_is_final) const;
  double predicted_delay(int begin, int middle, int end, bool last_is_final) const;

  double delay() const { return delay_; }

 private:
  enum class Class { kWeight = 1, kFeature = 2 };
  struct Request {
    double start = 0.0;
    Class kind = Class::kFeature;
    int sequence = 0;
    int key = 0;
    double duration = 0.0;
  };

  void request(Class kind, int key, double now, double bytes, double duration);
  void request_weights(double now);
  /// Serves the next request of the queue; false if there is none before `until`.
  bool serve_one(double until);
  bool pending(Class kind, int key) const;
  double wait_for(Class kind, int key);
  void compute(int begin, int end, bool last_is_final);

  TimeLineLayer layer_;
  PlanningDram dram_;
  std::vector<Request> queue_;  // kept sorted by (start, class, sequence)
  double now_ = 0.0;
  double bus_free_ = -std::numeric_limits<double>::infinity();
  double last_feature_start_ = 0.0;
  double delay_ = 0.0;
  int next_sequence_ = 0;
  int weights_requested_ = 0;
  int weights_used_ = 0;
};

}  // namespace tilewake::midap
