// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake::midap {

/// A sequence of passes whose weights are requested one pass ahead. Times in cycles.
///
///   begin[i+1] = max(begin[i] + slots, ready[i] + slots - 1)
///   ready[i+1] = max(begin[i] + latency, ready[i]) + transfer
///
/// A pass waits in its first slot; a request is issued when the previous pass begins; the bus
/// serves requests in order. The recursion is linear in the max-plus algebra, so any number of
/// passes is one step. A path through n passes consists of round trips begin -> ready -> begin; the
/// longest one has the minimum or the maximum number of them.
struct PassTimes {
  double begin = 0.0;  // the last slot of the previous pass was issued
  double ready = 0.0;  // its weights have arrived
};

struct PassCosts {
  double slots = 0.0;     // of a pass
  double latency = 0.0;   // of one request for weights
  double transfer = 0.0;  // of one request for weights
};

/// The times `count` passes after `from`. O(1).
PassTimes advance(const PassTimes& from, const PassCosts& costs, double count);

/// Steady-state cycles of a pass: the maximum of computing, the bus, and the round trip of a
/// request in every second pass.
double cycles_per_pass(const PassCosts& costs);

/// Number of weight requests, out of `count`, that precede another transfer. The bus could start
/// that transfer `lead` cycles after the first request; each request delays it; requests are
/// cycles_per_pass() apart.
double passing_requests(double lead, const PassCosts& costs, double count);

}  // namespace tilewake::midap
