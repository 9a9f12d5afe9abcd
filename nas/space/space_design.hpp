// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"
#include "nas/space/operator_space.hpp"

namespace tilewake {

/// Cost and capacity of an operator at a position.
struct OperatorProfile {
  Operator op;
  double latency_ms = 0.0;  // or another cost, that of the estimate; infinite if the operator does
                            // not fit the machine
  std::int64_t macs = 0;
  std::int64_t params = 0;  // trained
  double capacity = 0.0;    // sqrt(macs / most macs x params / most params) of the position, 0..1
  double score = 0.0;       // capacity / latency_ms; 0 of the identity
  std::string verdict;      // why it was kept or rejected
  bool is_kept = false;
};

struct PositionDesign {
  OperatorPosition position;
  std::vector<OperatorProfile> operators;  // in the order of the position's operators
};

struct SpaceDesignOptions {
  double target_ms = 0.0;
  int keep = 4;      // maximum number of operators per position, besides the identity
  double rho = 1.5;  // maximum share of a position for its most capable operator
};

struct SpaceDesign {
  std::vector<PositionDesign> positions;
  double fixed_ms = 0.0;  // of everything except the searchable blocks
  double share_ms = 0.0;  // (target - fixed) / number of positions
};

/// A search space designed for a machine. Each operator of each position is measured after a 1x1
/// convolution that computes the position's input: its latency is the difference to that
/// convolution alone. Up to `keep` operators are kept: the best score with which the limit stays
/// reachable (otherwise the fastest); the one of the highest capacity that takes at most rho x
/// share_ms; where the shape is kept one with a residual; then by score, except operators that are
/// neither faster nor more capable than a kept one. The identity is kept wherever the space has it.
/// Operators that do not fit the machine are never kept.
///
/// Source: a rule of this kind (the fastest, the most capable within a share, then by score) is
/// described in words in Zhang et al., "Fast Hardware-Aware Neural Architecture Search",
/// arXiv:1910.11609; the first rule, residuals, capacity, score and the formulas are ours.
///
/// Throws InputError if no operator of a position fits the machine, or if a latency estimate is not
/// positive.
SpaceDesign design_space(const OperatorSpace& space, const SpaceDesignOptions& options,
                         const LatencyEstimate& estimate);

/// Throws InputError if an operator of the design does not fit the machine.
void check_all_held(const SpaceDesign& design);

/// `space` with the kept operators.
OperatorSpace with_operators(const OperatorSpace& space, const SpaceDesign& design);

/// The operator with the best score at every position of `space`, the result of `design`; the first
/// one if the design has none of them.
OperatorPath best_scores(const OperatorSpace& space, const SpaceDesign& design);

/// The fastest (slowest) operator at every position.
OperatorPath fastest_operators(const OperatorSpace& space, const SpaceDesign& design);
OperatorPath slowest_operators(const OperatorSpace& space, const SpaceDesign& design);

/// The table of scores as CSV: one line per operator and position.
///   @param cost_column  the name of the column of OperatorProfile::latency_ms
std::string space_design_csv(const SpaceDesign& design,
                             const std::string& cost_column = "latency_ms");

}  // namespace tilewake
