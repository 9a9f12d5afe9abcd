// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "latency_model/latency_table.hpp"
#include "nas/space/architecture.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// What a searchable block turned out to be: branches of equal kernel merged (their expansion
/// ratios add), vanished ones gone, kernels ascending. Empty: the block is skipped.
using Outcome = std::vector<MixBranch>;

/// "3x3:2 5x5:4", or "skip".
std::string to_string(const Outcome& outcome);

/// What each branch of a block chose: indices into its BranchSpace.
struct BranchChoice {
  int kernel = 0;
  int expansion_ratio = 0;
};

Outcome merge(const std::vector<BranchSpace>& branches, const std::vector<BranchChoice>& choices);

/// All outcomes of a block, and which one every combination of branch choices leads to.
///
/// A combination is numbered row-major over branches, each branch's options row-major over
/// (kernel, expansion ratio): with branches of n_b = kernels x expansion ratios options there are
/// n_0 x n_1 x .. combinations, and the last branch counts fastest.
struct OutcomeTable {
  std::vector<Outcome> outcomes;  // distinct, ascending; a skip is first
  std::vector<int> outcome_of_combination;

  /// Index of `outcome`. It must be one of them.
  int index_of(const Outcome& outcome) const;
};

OutcomeTable outcome_table(const BlockSpace& block);

/// The largest network of a space: in every block each branch with its largest kernel and
/// expansion.
std::vector<Outcome> full_outcomes(const SearchSpace& space);

/// The network that has `outcomes[b]` at block b of `space`; skipped blocks are left out.
Architecture architecture_of(const SearchSpace& space, const std::vector<Outcome>& outcomes);

/// `space` as the latency model tabulates it: a position a block, its choices the outcomes of its
/// OutcomeTable. The default choice is the one that most combinations of branch choices lead to,
/// not a skip; of several the one of the smallest kernel.
ChoiceSpace choice_space(const SearchSpace& space);

/// log10 of the number of networks in the space, outcomes being distinct.
double log10_num_networks(const SearchSpace& space);

}  // namespace tilewake
