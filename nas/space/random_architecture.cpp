// SPDX-License-Identifier: Apache-2.0
#include "nas/space/random_architecture.hpp"

#include <vector>

#include "nas/common/random.hpp"
#include "nas/space/outcome.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

Outcome random_outcome(const BlockSpace& block, RandomStream& random) {
  std::vector<BranchChoice> choices;
  for (const BranchSpace& branch : block.branches) {
    BranchChoice choice;
    choice.kernel = static_cast<int>(random.below(branch.kernels.size()));
    choice.expansion_ratio = static_cast<int>(random.below(branch.expansion_ratios.size()));
    choices.push_back(choice);
  }
  return merge(block.branches, choices);
}

bool is_within(const Architecture& architecture, const SearchSpace& space, double min_ms,
               double max_ms, const LatencyEstimate& estimate) {
  try {
    const Network network = to_network(architecture);
    if (space.max_params > 0 && num_trained_params(network) > space.max_params) return false;
    const double ms = estimate(network);
    return ms >= min_ms && ms <= max_ms;
  } catch (const InputError&) {
    return false;  // does not fit the machine
  }
}

}  // namespace

Architecture random_architecture(const SearchSpace& space, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<Outcome> outcomes;
  for (const BlockSpace& block : blocks_of(space))
    outcomes.push_back(random_outcome(block, random));
  return architecture_of(space, outcomes);
}

std::optional<Architecture> random_architecture_within(const SearchSpace& space, double min_ms,
                                                       double max_ms,
                                                       const LatencyEstimate& estimate,
                                                       std::uint64_t seed, int max_draws) {
  RandomStream seeds(seed);
  for (int i = 0; i < max_draws; ++i) {
    Architecture drawn = random_architecture(space, seeds.bits());
    if (is_within(drawn, space, min_ms, max_ms, estimate)) return drawn;
  }
  return std::nullopt;
}

}  // namespace tilewake
