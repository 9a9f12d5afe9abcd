// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/bus.hpp"

#include <algorithm>

namespace tilewake::midap {

double Bus::weights_begin(double when, const Request& r) const {
  return std::max(when + r.latency, weights);
}

void Bus::request_weights(double when, const Request& r) {
  const double begin = weights_begin(when, r);
  weights = begin + r.transfer;
  if (bias > begin) bias += r.transfer;
  queue = std::max(weights, queue + r.transfer);
}

void Bus::request_bias(double when, const Request& r) {
  bias = queue = std::max(when + r.latency, queue) + r.transfer;
}

void Bus::advance(double cycles) {
  weights -= cycles;
  queue -= cycles;
  bias -= cycles;
}

Bus::Request bus_request(const PlanningDram& dram, std::int64_t bytes) {
  return {static_cast<double>(dram.latency_cycles(bytes)),
          static_cast<double>(dram.transfer_cycles(bytes))};
}

}  // namespace tilewake::midap
