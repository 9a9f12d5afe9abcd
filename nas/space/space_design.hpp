// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/latency.hpp"
#include "nas/space/operator_space.hpp"

namespace tilewake {

/// What an operator costs at a position, and what it can express there.
struct OperatorProfile {
  Operator op;
  double latency_ms = 0.0;  // infinite where the machine cannot hold the operator
  std::int64_t macs = 0;
  std::int64_t params = 0;  // trained
  double capacity = 0.0;    // sqrt(macs / most macs x params / most params) of the position, 0..1
  double score = 0.0;       // capacity / latency_ms
  std::string verdict;      // why it was kept, or lost
  bool is_kept = false;
};

struct PositionDesign {
  OperatorPosition position;
  std::vector<OperatorProfile> operators;  // in the order of the position's
};

struct SpaceDesignOptions {
  double target_ms = 0.0;
  int keep = 4;      // operators a position, at most
  double rho = 1.5;  // share of a position that its most capable operator may take
};

struct SpaceDesign {
  std::vector<PositionDesign> positions;
  double fixed_ms = 0.0;  // of all but the searchable blocks
  double share_ms = 0.0;  // (target - fixed) / number of positions
};

/// A search space made for a machine. Each operator of each position is measured behind a 1x1
/// convolution that makes the position's input: its latency is what the network takes longer with
/// it. Kept are, up to `keep` of them: the fastest operator; the one of the highest capacity that
/// takes at most rho x share_ms; then those of the best score, of which one that is neither
/// faster nor more capable than a kept one leaves. What the machine cannot hold is never kept.
///
/// Source: the rule in words is that of Zhang et al., "Fast Hardware-Aware Neural Architecture
/// Search", arXiv:1910.11609; capacity, score and rule as formulas are ours.
///
/// Throws InputError where the machine can hold no operator of a position, or where the estimates
/// of a position say nothing (a latency that is not positive).
SpaceDesign design_space(const OperatorSpace& space, const SpaceDesignOptions& options,
                         const LatencyEstimate& estimate);

/// Throws InputError where the machine cannot hold an operator of the design.
void check_all_held(const SpaceDesign& design);

/// `space` with the operators that were kept.
OperatorSpace with_operators(const OperatorSpace& space, const SpaceDesign& design);

/// The operator of the best score at every position of `space`, which `design` made; where the
/// design has none of them, the first.
OperatorPath best_scores(const OperatorSpace& space, const SpaceDesign& design);

/// The fastest operator at every position, and the slowest, likewise.
OperatorPath fastest_operators(const OperatorSpace& space, const SpaceDesign& design);
OperatorPath slowest_operators(const OperatorSpace& space, const SpaceDesign& design);

/// The table of scores as CSV: one line an operator of a position.
std::string space_design_csv(const SpaceDesign& design);

}  // namespace tilewake
