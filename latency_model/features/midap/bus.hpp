// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake::midap {

/// State of the DRAM bus, in cycles from the start of the current layer. Weights (and the second
/// operand of add and mul) wait only for each other and overtake everything else; features and
/// biases queue. A memory with banks has accepted some of the queue in advance: urgent requests,
/// also biases, wait for this `backlog` while features or stores are moved.
struct Bus {
  struct Request {
    double latency = 0.0;
    double transfer = 0.0;
  };

  double backlog = 0.0;  // cycles of the queue that no request overtakes
  double weights = 0.0;  // all requested weights have arrived
  double queue = 0.0;    // all features and biases have arrived
  double bias = 0.0;     // the biases requested last have arrived
  double behind = 0.0;   // with a backlog: all features and stores have been moved

  /// Earliest time at which the bus can start to transfer an urgent request, and weights.
  double urgent_begin(double when, const Request& request) const;
  double weights_begin(double when, const Request& request) const;
  void request_weights(double when, const Request& request);
  void request_bias(double when, const Request& request);
  /// Ends a layer: makes times relative to the start of the next one.
  void advance(double cycles);
};

/// Latency and transfer time of a request for `bytes`.
Bus::Request bus_request(const PlanningDram& dram, std::int64_t bytes);

}  // namespace tilewake::midap
