// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "latency_model/latency_table.hpp"
#include "nas/space/architecture.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// The result of the choices in a searchable block: branches of equal kernel are merged (their
/// expansion ratios add up), vanished ones removed, kernels ascending. Empty: the block is skipped.
using Outcome = std::vector<MixBranch>;

/// "3x3:2 5x5:4", or "skip".
std::string to_string(const Outcome& outcome);

/// The choice of each branch of a block: indices into its BranchSpace.
struct BranchChoice {
  int kernel = 0;
  int expansion_ratio = 0;
};

Outcome merge(const std::vector<BranchSpace>& branches, const std::vector<BranchChoice>& choices);

/// All outcomes of a block, and the outcome of every combination of branch choices.
///
/// A combination is numbered row-major over branches, each branch's options row-major over
/// (kernel, expansion ratio): with branches of n_b = kernels x expansion ratios options there are
/// n_0 x n_1 x .. combinations, and the last branch counts fastest.
struct OutcomeTable {
  std::vector<Outcome> outcomes;  // distinct, ascending; a skip comes first
  std::vector<int> outcome_of_combination;

  /// Index of `outcome`, which must be in the table.
  int index_of(const Outcome& outcome) const;
};

OutcomeTable outcome_table(const BlockSpace& block);

/// The choices of combination `number`, in the numbering of OutcomeTable.
std::vector<BranchChoice> choices_of_combination(const std::vector<BranchSpace>& branches,
                                                 std::size_t number);

/// The largest network of a space: every branch has its largest kernel and expansion.
std::vector<Outcome> full_outcomes(const SearchSpace& space);

/// The network with `outcomes[b]` at block b of `space`; skipped blocks are omitted.
Architecture architecture_of(const SearchSpace& space, const std::vector<Outcome>& outcomes);

/// `space` as input of the latency model: one position per block, whose choices are the outcomes of
/// its OutcomeTable. The default choice is the most frequent outcome except a skip; of several the
/// one with the smallest kernel.
ChoiceSpace choice_space(const SearchSpace& space);

/// log10 of the number of networks in the space, counting distinct outcomes.
double log10_num_networks(const SearchSpace& space);

}  // namespace tilewake
