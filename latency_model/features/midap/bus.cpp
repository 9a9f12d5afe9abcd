// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/bus.hpp"

#include <algorithm>

namespace tilewake::midap {

double Bus::urgent_begin(double when, const Request& r) const {
  return std::max(when + r.latency, std::min(behind, when + backlog));
}

double Bus::weights_begin(double when, const Request& r) const {
  return std::max(urgent_begin(when, r), weights);
}

void Bus::request_weights(double when, const Request& r) {
  const double begin = weights_begin(when, r);
  weights = begin + r.transfer;
  if (bias > begin) bias += r.transfer;
  if (behind > begin) behind += r.transfer;
  queue = std::max(weights, queue + r.transfer);
}

void Bus::request_bias(double when, const Request& r) {
  if (backlog > 0.0) {
    bias = urgent_begin(when, r) + r.transfer;
    if (behind + r.transfer > bias) behind += r.transfer;
    queue = std::max(bias, queue + r.transfer);
  } else {
    bias = queue = std::max(when + r.latency, queue) + r.transfer;
  }
}

void Bus::advance(double cycles) {
  weights -= cycles;
  queue -= cycles;
  bias -= cycles;
  behind -= cycles;
}

Bus::Request bus_request(const PlanningDram& dram, std::int64_t bytes) {
  return {static_cast<double>(dram.latency_cycles(bytes)),
          static_cast<double>(dram.transfer_cycles(bytes))};
}

}  // namespace tilewake::midap
