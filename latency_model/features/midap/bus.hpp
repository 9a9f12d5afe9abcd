// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake::midap {

/// What is under way on the DRAM bus, in cycles from the start of the layer at hand. Weights (and
/// the second operand of add and mul) wait for each other only and pass everything else; features
/// and biases queue.
struct Bus {
  struct Request {
    double latency = 0.0;
    double transfer = 0.0;
  };

  double weights = 0.0;  // all that were requested are there
  double queue = 0.0;    // all features and biases are there
  double bias = 0.0;     // the biases that were requested last are there

  /// When the bus could begin with weights that are requested at `when`.
  double weights_begin(double when, const Request& request) const;
  void request_weights(double when, const Request& request);
  void request_bias(double when, const Request& request);
  /// A layer ends: times count from the next one.
  void advance(double cycles);
};

/// Latency and transfer of a request for `bytes`.
Bus::Request bus_request(const PlanningDram& dram, std::int64_t bytes);

}  // namespace tilewake::midap
