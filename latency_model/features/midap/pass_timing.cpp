// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/pass_timing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tilewake::midap {
namespace {

/// Longest path of `steps` steps with at least `min_trips` round trips; other steps take `each`.
double longest(double steps, double min_trips, double trip, double each) {
  const double max_trips = std::floor(steps / 2.0);
  if (max_trips < min_trips) return -std::numeric_limits<double>::infinity();
  return std::max(min_trips * trip + (steps - 2.0 * min_trips) * each,
                  max_trips * trip + (steps - 2.0 * max_trips) * each);
}

}  // namespace

PassTimes advance(const PassTimes& from, const PassCosts& c, double count) {
  if (count <= 0.0) return from;
  const double to_ready = c.latency + c.transfer;
  const double to_begin = c.slots - 1.0;
  const double trip = to_ready + to_begin;
  const double each = std::max(c.slots, c.transfer);
  PassTimes to;
  to.begin = std::max({from.begin + count * c.slots, from.begin + longest(count, 1.0, trip, each),
                       from.ready + to_begin + longest(count - 1.0, 0.0, trip, each)});
  to.ready =
      std::max({from.ready + count * c.transfer, from.ready + longest(count, 1.0, trip, each),
                from.begin + to_ready + longest(count - 1.0, 0.0, trip, each)});
  return to;
}

double cycles_per_pass(const PassCosts& c) {
  return std::max({c.slots, c.transfer, (c.slots - 1.0 + c.latency + c.transfer) / 2.0});
}

double passing_requests(double lead, const PassCosts& c, double count) {
  if (lead <= 0.0) return 0.0;
  const double gain = cycles_per_pass(c) - c.transfer;
  if (gain * count <= lead) return count;
  return std::ceil(lead / gain);
}

}  // namespace tilewake::midap
