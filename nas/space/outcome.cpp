// SPDX-License-Identifier: Apache-2.0
#include "nas/space/outcome.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tilewake {
namespace {

std::size_t at(int index) {
  assert(index >= 0);
  return static_cast<std::size_t>(index);
}

std::size_t num_options(const BranchSpace& branch) {
  return branch.kernels.size() * branch.expansion_ratios.size();
}

std::vector<Outcome> outcomes_of_combinations(const std::vector<BranchSpace>& branches) {
  std::size_t num_combinations = 1;
  for (const BranchSpace& branch : branches) num_combinations *= num_options(branch);
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < num_combinations; ++i)
    outcomes.push_back(merge(branches, choices_of_combination(branches, i)));
  return outcomes;
}

/// The most frequent outcome of the combinations, except a skip; of several the first, which has
/// the smallest kernel.
int common_outcome(const OutcomeTable& table) {
  std::vector<int> count(table.outcomes.size(), 0);
  for (const int outcome : table.outcome_of_combination) ++count[at(outcome)];
  if (table.outcomes.front().empty()) count.front() = 0;
  return static_cast<int>(std::max_element(count.begin(), count.end()) - count.begin());
}

Outcome full_outcome(const std::vector<BranchSpace>& branches) {
  std::vector<BranchChoice> choices;
  for (const BranchSpace& branch : branches) {
    choices.push_back({static_cast<int>(branch.kernels.size()) - 1,
                       static_cast<int>(branch.expansion_ratios.size()) - 1});
  }
  return merge(branches, choices);
}

}  // namespace

std::string to_string(const Outcome& outcome) {
  if (outcome.empty()) return "skip";
  std::vector<std::string> parts;
  for (const MixBranch& branch : outcome)
    parts.push_back(fmt::format("{0}x{0}:{1}", branch.kernel, branch.expansion_ratio));
  return fmt::format("{}", fmt::join(parts, " "));
}

Outcome merge(const std::vector<BranchSpace>& branches, const std::vector<BranchChoice>& choices) {
  assert(branches.size() == choices.size());
  std::map<int, int> ratio_of_kernel;
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const int ratio = branches[b].expansion_ratios.at(at(choices[b].expansion_ratio));
    if (ratio > 0) ratio_of_kernel[branches[b].kernels.at(at(choices[b].kernel))] += ratio;
  }
  Outcome outcome;
  for (const auto& [kernel, ratio] : ratio_of_kernel) outcome.push_back({kernel, ratio});
  return outcome;
}

std::vector<BranchChoice> choices_of_combination(const std::vector<BranchSpace>& branches,
                                                 std::size_t number) {
  std::vector<BranchChoice> choices(branches.size());
  for (std::size_t b = branches.size(); b-- > 0;) {
    const std::size_t option = number % num_options(branches[b]);
    number /= num_options(branches[b]);
    const std::size_t num_ratios = branches[b].expansion_ratios.size();
    choices[b] = {static_cast<int>(option / num_ratios), static_cast<int>(option % num_ratios)};
  }
  return choices;
}

int OutcomeTable::index_of(const Outcome& outcome) const {
  const auto found = std::lower_bound(outcomes.begin(), outcomes.end(), outcome);
  assert(found != outcomes.end() && *found == outcome);
  return static_cast<int>(found - outcomes.begin());
}

OutcomeTable outcome_table(const BlockSpace& block) {
  const std::vector<Outcome> of_combination = outcomes_of_combinations(block.branches);
  OutcomeTable table;
  table.outcomes = of_combination;
  std::sort(table.outcomes.begin(), table.outcomes.end());
  table.outcomes.erase(std::unique(table.outcomes.begin(), table.outcomes.end()),
                       table.outcomes.end());
  for (const Outcome& outcome : of_combination)
    table.outcome_of_combination.push_back(table.index_of(outcome));
  return table;
}

std::vector<Outcome> full_outcomes(const SearchSpace& space) {
  std::vector<Outcome> outcomes;
  for (const BlockSpace& block : blocks_of(space)) outcomes.push_back(full_outcome(block.branches));
  return outcomes;
}

Architecture architecture_of(const SearchSpace& space, const std::vector<Outcome>& outcomes) {
  Architecture architecture;
  architecture.frame() = space.frame();
  auto outcome = outcomes.begin();
  for (const StageSpace& stage_space : space.stages) {
    ArchitectureStage stage;
    stage.width = stage_space.width;
    stage.stride = stage_space.stride;
    for (int i = 0; i < stage_space.depth; ++i) {
      assert(outcome != outcomes.end());
      const Outcome& branches = *outcome++;
      assert(i > 0 || !branches.empty());
      if (!branches.empty())
        stage.blocks.push_back({branches, space.activation, false, stage_space.block});
    }
    architecture.stages.push_back(std::move(stage));
  }
  assert(outcome == outcomes.end());
  return architecture;
}

ChoiceSpace choice_space(const SearchSpace& space) {
  ChoiceSpace choice_space;
  std::vector<std::vector<Outcome>> outcomes;
  for (const BlockSpace& block : blocks_of(space)) {
    OutcomeTable table = outcome_table(block);
    choice_space.positions.push_back(
        {block.name, static_cast<int>(table.outcomes.size()), common_outcome(table)});
    outcomes.push_back(std::move(table.outcomes));
  }
  choice_space.network = [space, outcomes](const std::vector<int>& choices) {
    assert(choices.size() == outcomes.size());
    std::vector<Outcome> chosen;
    for (std::size_t p = 0; p < choices.size(); ++p)
      chosen.push_back(outcomes[p].at(at(choices[p])));
    return to_network(architecture_of(space, chosen));
  };
  return choice_space;
}

double log10_num_networks(const SearchSpace& space) {
  double sum = 0.0;
  for (const BlockSpace& block : blocks_of(space))
    sum += std::log10(static_cast<double>(outcome_table(block).outcomes.size()));
  return sum;
}

}  // namespace tilewake
