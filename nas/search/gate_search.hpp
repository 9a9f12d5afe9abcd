// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "latency_model/cost_table.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// A change of one block by one gate: the next kernel ring or channel band of a branch opens or
/// closes, or the whole block is skipped.
struct GateMove {
  std::size_t block = 0;
  std::vector<BranchChoice> choices;  // of the block, afterwards
  int outcome = 0;                    // of its OutcomeTable, afterwards
};

/// Decides which gates of a supernet are open, by what closing them really changes.
///
/// The caller probes moves: it finds out, for one at a time, by how much it changes the loss of a
/// batch. The search closes gates in the order of loss per millisecond, so that the latency follows
/// a budget from that of the full supernet down to the limit. This is the discrete form of
/// minimising loss + lambda x latency with a rising lambda: at every moment the open gates are
/// those whose loss per millisecond is above lambda.
///
/// Differences are used instead of derivatives, because a batch normalisation after a gate cancels
/// the derivative by a common factor of its inputs, and because a block that is skipped changes
/// more than its derivative predicts. This file needs no LibTorch.
class GateSearch {
 public:
  /// A change that was made.
  struct Change {
    std::int64_t step = 0;
    std::size_t block = 0;
    int from = 0;  // outcomes
    int to = 0;
    double loss = 0.0;  // estimated change
    double ms = 0.0;    // change
  };

  /// Everything that a resumed run needs. `means` and `counts` are those of moves().
  struct State {
    std::vector<std::vector<BranchChoice>> choices;  // per block
    std::vector<double> means;
    std::vector<std::int64_t> counts;
    std::vector<Change> changes;
  };

  /// Starts with all gates open.
  ///   @param limit_ms  to be met by the latency of `table`, above 0
  GateSearch(const SearchSpace& space, const LatencyTable& table, double ms_per_cycle,
             double limit_ms);
  /// The same for other costs than milliseconds: "ms" in all names is then that of `table`.
  ///   @param unit  of the costs, for in_one_line()
  GateSearch(const SearchSpace& space, CostTable table, double limit, std::string unit);

  const std::vector<std::vector<BranchChoice>>& choices() const { return choices_; }
  /// The outcome of each block, an index into its OutcomeTable.
  const std::vector<int>& outcomes() const { return outcomes_; }
  double latency_ms() const { return ms_of(outcomes_); }
  double limit_ms() const { return limit_ms_; }

  /// The moves from the current choices, by ascending block.
  const std::vector<GateMove>& moves() const { return moves_; }

  /// The moves to probe next, indices into moves(), ascending: those with the fewest
  /// probes. Closing ones until the limit is met, then opening ones that keep to it.
  std::vector<std::size_t> moves_to_probe(std::size_t count) const;

  /// The change of the loss of one batch by a move.
  void observe(std::size_t move, double loss_change);

  /// Closes gates until the latency is within the budget of this moment; after the descent, opens
  /// gates that reduce the loss and keep to the limit.
  ///   @param progress  of the phase, 0..1
  void advance(double progress, std::int64_t step);

  /// The latency allowed at a moment of the phase: that of the full supernet during its first
  /// fifth, that of the limit in its last fifth, in between in equal ratios.
  double budget_ms(double progress) const;

  /// All changes so far, in order.
  const std::vector<Change>& changes() const { return changes_; }
  /// "step 61: stage2.1 3x3:2 5x5:2 -> 3x3:2, loss +0.0021, -0.0012 ms"
  std::string in_one_line(const Change& change) const;

  State state() const;
  /// Throws InputError if the state is of another space.
  void set_state(const State& state);

 private:
  /// The changes of the loss by a move in the last probes.
  struct Observed {
    double mean = 0.0;  // of the last ones
    std::int64_t count = 0;
  };

  double ms_of(const std::vector<int>& outcomes) const;
  double ms_change(const GateMove& move) const;
  double loss_per_ms() const;
  double expected_loss(std::size_t move, double ms, double loss_per_ms) const;
  void list_moves();
  void list_moves_of(std::size_t block, std::vector<GateMove>& moves) const;
  void make(std::size_t move, double loss, std::int64_t step);
  bool close_one(double budget, std::int64_t step);
  bool open_one(bool only_better, std::int64_t step);

  std::vector<BlockSpace> blocks_;
  std::vector<OutcomeTable> tables_;
  CostTable table_;
  double limit_ms_;
  std::string unit_ = "ms";
  double full_ms_ = 0.0;
  std::vector<std::vector<BranchChoice>> choices_;
  std::vector<int> outcomes_;
  std::vector<GateMove> moves_;
  std::vector<Observed> observed_;  // of moves_
  std::vector<Change> changes_;
};

}  // namespace tilewake
