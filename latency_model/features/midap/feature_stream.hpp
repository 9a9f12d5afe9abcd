// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake::midap {

/// A feature map that streams through the FMEM banks during the computation, and the output that
/// claims banks meanwhile. The columns of the map are split into fragments, one per bank.
struct FeatureStream {
  // Input. The first `resident` fragments are on chip when the layer starts; the first `reserved`
  // ones stay in their banks.
  std::int64_t in_columns = 0;
  std::int64_t bank_columns = 1;
  std::int64_t resident = 0;
  std::int64_t reserved = 0;
  // The last output column that a fragment completes is (its last column + pad - reach) / stride,
  // without `reach` if the next fragment has arrived.
  std::int64_t reach = 0;  // columns that a window needs beyond its first
  std::int64_t pad = 0;
  std::int64_t stride = 1;
  // A computation needs at least this many columns (`window_pad` at the start of the map), unless
  // it ends at column `exempt_tail`; otherwise more is loaded first.
  std::int64_t window_columns = 1;
  std::int64_t window_pad = 0;
  std::int64_t exempt_tail = 0;
  std::int64_t out_columns = 0;
  std::int64_t out_bank_columns = 1;
  // Banks shared by input and output. The output gets what is left of the `usable` (unreserved)
  // banks after `remaining` for the input. Its first stored fragments are kept; in reverse, the
  // ones computed last.
  std::int64_t banks = 1;
  std::int64_t out_fragments = 0;
  std::int64_t usable = 0;
  std::int64_t remaining = 1;
  // Cycles. A computation takes `passes` passes over the columns on chip.
  double passes = 1.0;
  double column_compute = 0.0;  // issue slots of one input column, all passes
  double column_load = 0.0;     // of one input column
  double latency = 0.0;         // of a request for a whole bank
  double queue = 0.0;           // when the bus is free for features
  double start = 0.0;           // when the first weights have arrived
  double weight_latency = 0.0;  // of the weights requested by a pass
  double weight_transfer = 0.0;
  double first_weights = 0.0;        // transfer time of the weights requested by the first pass
  double first_weights_begin = 0.0;  // earliest start of that transfer on the bus

  bool output_fixed = true;  // the output already has its banks, or gets none
  bool tight = false;        // input and output together do not fit
  bool reverse = false;
  bool batches = false;  // a convolution processes all arrived fragments at once
  bool pass_per_column =
      false;  // add and mul: `column_compute` includes the wait for the second operand
  bool weights_stay = false;  // only the first computation requests weights
  // Windows do not cross fragments: columns that two fragments need are loaded twice.
  bool tiles = false;
  // Uses the rules of the mapper's own time line: windows that cross fragments do not wait, a
  // decision takes a cycle, and banks become free at the end of a computation.
  bool as_planned = false;
};

struct StreamTimes {
  double end = 0.0;            // the last column is computed
  double wait = 0.0;           // total, for weights at the start and for features
  double bus_free = 0.0;       // end of the last load
  double first_arrival = 0.0;  // of the first fragment; 0 if it was on chip before
  double last_share = 1.0;     // share of the columns in the last computation
  std::int64_t kept = 0;       // output fragments with a bank
  std::int64_t loads = 0;      // requests
  bool stuck = false;          // deadlock: the output took all banks
  std::int64_t bubbles = 0;    // loads issued while no computation runs: a cycle each
};

/// Computes when the last column is done and how many output fragments are kept. A fragment is
/// requested when a bank is free that the output does not need earlier. It arrives after latency
/// and transfer, after all earlier fragments, delayed by the weights that overtake it.
///
/// The number of steps is bounded by the number of banks, not of fragments: between two output
/// fragments the times are periodic and are extrapolated. With `extrapolate` false, all fragments
/// are simulated; tests compare both.
StreamTimes run_stream(const FeatureStream& stream, bool extrapolate = true);

}  // namespace tilewake::midap
