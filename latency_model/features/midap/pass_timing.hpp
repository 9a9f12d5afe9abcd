// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake::midap {

/// A sequence of passes that each need weights, requested one pass ahead. All times in cycles.
///
///   begin[i+1] = max(begin[i] + slots, ready[i] + slots - 1)
///   ready[i+1] = max(begin[i] + latency, ready[i]) + transfer
///
/// (a pass waits in its first slot; a request is issued when the pass before begins, and the bus
/// serves requests one after the other). Linear in the max-plus algebra, so that any number of
/// passes is one step: a path through n passes is some round trips begin -> ready -> begin, and the
/// longest one has as few or as many of them as there can be.
struct PassTimes {
  double begin = 0.0;  // of a pass: the last slot of the pass before was issued
  double ready = 0.0;  // its weights are there
};

struct PassCosts {
  double slots = 0.0;     // of a pass
  double latency = 0.0;   // of one request for weights
  double transfer = 0.0;  // of one request for weights
};

/// The times of pass `count`, counted from the one that `from` is about. O(1).
PassTimes advance(const PassTimes& from, const PassCosts& costs, double count);

/// Cycles of a pass in the long run: what is slowest of computing, the bus, and waiting for a
/// request in every second pass.
double cycles_per_pass(const PassCosts& costs);

/// Requests for weights, of `count`, that go before another transfer: the bus would begin it `lead`
/// cycles after the first of them, each one delays it, and they come every cycles_per_pass().
double passing_requests(double lead, const PassCosts& costs, double count);

}  // namespace tilewake::midap
