// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake::midap {

/// A feature map that passes through the FMEM banks while it is computed from, and the output that
/// claims banks on the way. Columns of the map are cut into fragments, one a bank.
struct FeatureStream {
  // Input. The first `resident` fragments are on chip when the layer starts; the first `reserved`
  // ones stay in their banks.
  std::int64_t in_columns = 0;
  std::int64_t bank_columns = 1;
  std::int64_t resident = 0;
  std::int64_t reserved = 0;
  // The last output column from a fragment is (its last column + pad - reach) / stride, without
  // `reach` if the next fragment is there.
  std::int64_t reach = 0;  // columns that a window needs beyond its first
  std::int64_t pad = 0;
  std::int64_t stride = 1;
  // What is computed from must have as many columns, with `window_pad` at the start of the map,
  // unless it ends at column `exempt_tail`: otherwise more is loaded first.
  std::int64_t window_columns = 1;
  std::int64_t window_pad = 0;
  std::int64_t exempt_tail = 0;
  std::int64_t out_columns = 0;
  std::int64_t out_bank_columns = 1;
  // Banks that input and output share. The output gets what is left of the `usable` ones (those
  // that nobody reserved) when `remaining` stay for input: the first fragments of what is stored,
  // in reverse the last ones to be computed.
  std::int64_t banks = 1;
  std::int64_t out_fragments = 0;
  std::int64_t usable = 0;
  std::int64_t remaining = 1;
  // Cycles. Computing goes over what is there in `passes` passes.
  double passes = 1.0;
  double column_compute = 0.0;  // issue slots of one input column, all passes
  double column_load = 0.0;     // of one input column
  double latency = 0.0;         // of a request for a whole bank
  double queue = 0.0;           // when the bus is free for features
  double start = 0.0;           // when the first weights are there
  double weight_latency = 0.0;  // of the weights that a pass requests
  double weight_transfer = 0.0;
  double first_weights = 0.0;        // transfer of what the first pass requests
  double first_weights_begin = 0.0;  // when the bus could begin it

  bool output_fixed = true;  // it has its banks already, or gets none
  bool tight = false;        // input and output together do not fit
  bool reverse = false;
  bool batches = false;          // a convolution takes all fragments that have arrived at once
  bool pass_per_column = false;  // add and mul: `column_compute` has the wait for their operand
  bool weights_stay = false;     // only the first computation requests weights
  // No window reaches from one fragment into the next: columns that two of them need are loaded
  // twice.
  bool tiles = false;
  // As the mapper's own time line has it: windows that straddle fragments do not wait, a decision
  // takes a cycle, and banks become free at the end of a computation.
  bool as_planned = false;
};

struct StreamTimes {
  double end = 0.0;            // all computed
  double wait = 0.0;           // in all, for weights at the start and for features
  double bus_free = 0.0;       // last load served
  double first_arrival = 0.0;  // the first fragment is there; 0 if it was before
  double last_share = 1.0;     // of the columns that were computed last, together
  std::int64_t kept = 0;       // output fragments that have a bank
  std::int64_t loads = 0;      // requests
  bool stuck = false;          // the output took all banks: the rules lead nowhere
  std::int64_t bubbles = 0;    // loads that find no computation under way: a cycle each
};

/// When the last column is computed, and how many output fragments stay. A fragment is requested
/// when a bank is free that the output does not need before; it is there after latency and
/// transfer, behind all earlier ones, and later by the weights that pass it.
///
/// The number of steps is bounded by that of the banks, not of the fragments: between two output
/// fragments the times repeat with a period, which is extrapolated. Without `extrapolate` it walks
/// over all fragments, which tests compare with.
StreamTimes run_stream(const FeatureStream& stream, bool extrapolate = true);

}  // namespace tilewake::midap
