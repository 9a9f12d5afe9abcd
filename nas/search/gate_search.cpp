// SPDX-License-Identifier: Apache-2.0
#include "nas/search/gate_search.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr double kDescentBegin = 0.2;  // shares of the phase
constexpr double kDescentEnd = 0.8;
constexpr double kFillEnd = 0.95;      // after this, gates open even where the loss gains nothing
constexpr double kFilledShare = 0.97;  // of the limit, that the result should use
constexpr double kLeastShare = 0.95;   // of the limit, that the search does not go below
constexpr std::int64_t kMemory = 16;   // probes in a mean
constexpr std::int64_t kMinCount = 4;  // probes of a gate before it opens again
// A move is expected to cost the loss per millisecond of all moves; this counts as so many
// probes, so that one lucky batch does not close a gate.
constexpr double kPriorCount = 4.0;

/// Index of the outcome of `choices` in the table of the block.
int outcome_of(const BlockSpace& block, const OutcomeTable& table,
               const std::vector<BranchChoice>& choices) {
  return table.index_of(merge(block.branches, choices));
}

bool is_skipped(const BlockSpace& block, const std::vector<BranchChoice>& choices) {
  return merge(block.branches, choices).empty();
}

}  // namespace

GateSearch::GateSearch(const SearchSpace& space, const LatencyTable& table, double ms_per_cycle,
                       double limit_ms)
    : GateSearch(space, CostTable{{{table, ms_per_cycle}}}, limit_ms, "ms") {}

GateSearch::GateSearch(const SearchSpace& space, CostTable table, double limit, std::string unit)
    : blocks_(blocks_of(space)),
      table_(std::move(table)),
      limit_ms_(limit),
      unit_(std::move(unit)) {
  assert(limit > 0.0 && table_.terms.front().table.given.size() == blocks_.size());
  for (const BlockSpace& block : blocks_) {
    tables_.push_back(outcome_table(block));
    std::vector<BranchChoice> full;
    for (const BranchSpace& branch : block.branches) {
      full.push_back({static_cast<int>(branch.kernels.size()) - 1,
                      static_cast<int>(branch.expansion_ratios.size()) - 1});
    }
    outcomes_.push_back(outcome_of(block, tables_.back(), full));
    choices_.push_back(std::move(full));
  }
  full_ms_ = latency_ms();
  list_moves();
}

double GateSearch::ms_of(const std::vector<int>& outcomes) const { return table_.cost(outcomes); }

double GateSearch::ms_change(const GateMove& move) const {
  std::vector<int> changed = outcomes_;
  changed[move.block] = move.outcome;
  return ms_of(changed) - latency_ms();
}

void GateSearch::list_moves_of(std::size_t b, std::vector<GateMove>& moves) const {
  const BlockSpace& block = blocks_[b];
  std::vector<int> seen = {outcomes_[b]};
  const auto add = [&](std::vector<BranchChoice> choices) {
    if (!block.can_skip && is_skipped(block, choices)) return;
    const int outcome = outcome_of(block, tables_[b], choices);
    if (std::find(seen.begin(), seen.end(), outcome) != seen.end()) return;  // the same network
    seen.push_back(outcome);
    moves.push_back({b, std::move(choices), outcome});
  };
  for (std::size_t i = 0; i < block.branches.size(); ++i) {
    const BranchSpace& branch = block.branches[i];
    for (const int step : {-1, 1}) {
      const int kernel = choices_[b][i].kernel + step;
      if (kernel >= 0 && kernel < static_cast<int>(branch.kernels.size())) {
        std::vector<BranchChoice> choices = choices_[b];
        choices[i].kernel = kernel;
        add(std::move(choices));
      }
      const int ratio = choices_[b][i].expansion_ratio + step;
      if (ratio >= 0 && ratio < static_cast<int>(branch.expansion_ratios.size())) {
        std::vector<BranchChoice> choices = choices_[b];
        choices[i].expansion_ratio = ratio;
        add(std::move(choices));
      }
    }
  }
  if (!block.can_skip) return;
  std::vector<BranchChoice> skipped = choices_[b];
  for (BranchChoice& choice : skipped) choice.expansion_ratio = 0;
  add(std::move(skipped));
}

/// Moves of a block that did not change keep their probes.
void GateSearch::list_moves() {
  std::vector<GateMove> moves;
  std::vector<Observed> observed;
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const std::size_t begin = moves.size();
    list_moves_of(b, moves);
    for (std::size_t i = begin; i < moves.size(); ++i) {
      const auto same = std::find_if(moves_.begin(), moves_.end(), [&](const GateMove& move) {
        return move.block == b && move.outcome == moves[i].outcome;
      });
      const bool is_known = same != moves_.end() && changes_.back().block != b;
      observed.push_back(is_known ? observed_[static_cast<std::size_t>(same - moves_.begin())]
                                  : Observed());
    }
  }
  moves_ = std::move(moves);
  observed_ = std::move(observed);
}

std::vector<std::size_t> GateSearch::moves_to_probe(std::size_t count) const {
  const bool opens = latency_ms() <= limit_ms_;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const double ms = ms_change(moves_[i]);
    if (opens ? ms > 0.0 && latency_ms() + ms <= limit_ms_ : ms < 0.0) found.push_back(i);
  }
  std::stable_sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
    return observed_[a].count < observed_[b].count;
  });
  found.resize(std::min(found.size(), count));
  std::sort(found.begin(), found.end());
  return found;
}

void GateSearch::observe(std::size_t move, double loss_change) {
  Observed& observed = observed_.at(move);
  ++observed.count;
  observed.mean += (loss_change - observed.mean) /
                   static_cast<double>(std::min<std::int64_t>(observed.count, kMemory));
}

/// Of all closing moves together, not below 0.
double GateSearch::loss_per_ms() const {
  double loss = 0.0;
  double saved = 0.0;
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const double ms = ms_change(moves_[i]);
    if (ms >= 0.0) continue;
    const auto count = static_cast<double>(observed_[i].count);
    loss += count * observed_[i].mean;
    saved -= count * ms;
  }
  return saved > 0.0 ? std::max(loss / saved, 0.0) : 0.0;
}

/// The observed change of the loss, drawn towards that of all moves with the same change of
/// latency, the more the fewer probes there are.
double GateSearch::expected_loss(std::size_t move, double ms, double loss_per_ms) const {
  const auto count = static_cast<double>(std::min(observed_[move].count, kMemory));
  return (count * observed_[move].mean - kPriorCount * loss_per_ms * ms) / (count + kPriorCount);
}

void GateSearch::make(std::size_t index, double loss, std::int64_t step) {
  const GateMove move = moves_[index];
  changes_.push_back(
      {step, move.block, outcomes_[move.block], move.outcome, loss, ms_change(move)});
  choices_[move.block] = move.choices;
  outcomes_[move.block] = move.outcome;
  list_moves();
}

/// The gate with the least loss per millisecond, where a millisecond below the limit counts
/// nothing. Gates that save so much that most of the limit would be unused only close if no other
/// saves time. False if none does.
bool GateSearch::close_one(double budget, std::int64_t step) {
  const double excess = latency_ms() - budget;
  if (excess <= 0.0) return false;
  const double beyond_limit = latency_ms() - limit_ms_;
  const double usual = loss_per_ms();
  const double least_ms = kLeastShare * limit_ms_;
  double least = std::numeric_limits<double>::infinity();
  double loss = 0.0;
  bool keeps_share = false;
  std::size_t best = moves_.size();
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const double ms = ms_change(moves_[i]);
    if (ms >= 0.0) continue;
    const double expected = expected_loss(i, ms, usual);
    const double rate = expected / std::min(-ms, beyond_limit);
    const bool keeps = latency_ms() + ms >= least_ms;
    if (keeps == keeps_share ? rate >= least : keeps_share) continue;
    keeps_share = keeps;
    least = rate;
    loss = expected;
    best = i;
  }
  if (best == moves_.size()) return false;
  make(best, loss, step);
  return true;
}

/// The gate with the greatest reduction of the loss per millisecond that keeps to the limit.
bool GateSearch::open_one(bool only_better, std::int64_t step) {
  const double usual = loss_per_ms();
  double least = std::numeric_limits<double>::infinity();
  double loss = 0.0;
  std::size_t best = moves_.size();
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    const double ms = ms_change(moves_[i]);
    if (ms <= 0.0 || latency_ms() + ms > limit_ms_) continue;
    const double expected = expected_loss(i, ms, usual);
    if (only_better && (observed_[i].count < kMinCount || observed_[i].mean >= 0.0)) continue;
    if (expected / ms >= least) continue;
    least = expected / ms;
    loss = expected;
    best = i;
  }
  if (best == moves_.size()) return false;
  make(best, loss, step);
  return true;
}

double GateSearch::budget_ms(double progress) const {
  const double done =
      std::clamp((progress - kDescentBegin) / (kDescentEnd - kDescentBegin), 0.0, 1.0);
  return limit_ms_ * std::pow(std::max(full_ms_ / limit_ms_, 1.0), 1.0 - done);
}

void GateSearch::advance(double progress, std::int64_t step) {
  const double budget = budget_ms(progress);
  while (close_one(budget, step)) {
  }
  if (progress < kDescentEnd) return;
  const bool only_better = progress < kFillEnd;
  while ((only_better || latency_ms() < kFilledShare * limit_ms_) && open_one(only_better, step)) {
  }
}

std::string GateSearch::in_one_line(const Change& change) const {
  const std::vector<Outcome>& outcomes = tables_[change.block].outcomes;
  const auto name = [&](int outcome) {
    return to_string(outcomes[static_cast<std::size_t>(outcome)]);
  };
  return fmt::format("step {}: {} {} -> {}, loss {:+.4f}, {:+.5f} {}", change.step,
                     blocks_[change.block].name, name(change.from), name(change.to), change.loss,
                     change.ms, unit_);
}

GateSearch::State GateSearch::state() const {
  State state;
  state.choices = choices_;
  for (const Observed& observed : observed_) {
    state.means.push_back(observed.mean);
    state.counts.push_back(observed.count);
  }
  state.changes = changes_;
  return state;
}

void GateSearch::set_state(const State& state) {
  const auto check = [](bool ok) {
    if (!ok) throw InputError("the gates are those of another space");
  };
  const auto is_within = [](int index, std::size_t size) {
    return index >= 0 && static_cast<std::size_t>(index) < size;
  };
  check(state.choices.size() == blocks_.size());
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const std::vector<BranchSpace>& branches = blocks_[b].branches;
    check(state.choices[b].size() == branches.size());
    for (std::size_t i = 0; i < branches.size(); ++i) {
      check(is_within(state.choices[b][i].kernel, branches[i].kernels.size()) &&
            is_within(state.choices[b][i].expansion_ratio, branches[i].expansion_ratios.size()));
    }
    check(blocks_[b].can_skip || !is_skipped(blocks_[b], state.choices[b]));
  }
  for (const Change& change : state.changes) {
    check(change.block < blocks_.size());
    const std::size_t num_outcomes = tables_[change.block].outcomes.size();
    check(is_within(change.from, num_outcomes) && is_within(change.to, num_outcomes));
  }
  choices_ = state.choices;
  for (std::size_t b = 0; b < blocks_.size(); ++b)
    outcomes_[b] = outcome_of(blocks_[b], tables_[b], choices_[b]);
  changes_ = state.changes;
  moves_.clear();
  observed_.clear();
  list_moves();
  check(state.means.size() == moves_.size() && state.counts.size() == moves_.size());
  for (std::size_t i = 0; i < moves_.size(); ++i) {
    check(state.counts[i] >= 0 && std::isfinite(state.means[i]));
    observed_[i] = {state.means[i], state.counts[i]};
  }
}

}  // namespace tilewake
