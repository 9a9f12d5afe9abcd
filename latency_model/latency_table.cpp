// SPDX-License-Identifier: Apache-2.0
#include "latency_model/latency_table.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

std::size_t index_of(int choice) { return static_cast<std::size_t>(choice); }

double mean(const Row& row) {
  return std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(row.size());
}

void check(const ChoiceSpace& space) {
  std::vector<std::string> blocks;
  for (const ChoicePosition& position : space.positions) {
    if (position.block.empty()) throw InputError("a position has no block name");
    if (position.num_choices < 1)
      throw InputError(fmt::format("position '{}' has no choices", position.block));
    assert(position.default_choice >= 0 && position.default_choice < position.num_choices);
    blocks.push_back(position.block);
  }
  std::sort(blocks.begin(), blocks.end());
  const auto twice = std::adjacent_find(blocks.begin(), blocks.end());
  if (twice != blocks.end())
    throw InputError(fmt::format("two positions have the block '{}'", *twice));
}

/// Contributions of single positions and of neighbouring pairs, added to the network of defaults:
///
///   total(x) = total(defaults) + sum_p single[p][x_p] + sum_p pair[p][x_(p-1)][x_p]
///
/// Both are 0 where a position has its default.
/// Source: Rabitz, Alis, "General foundations of high-dimensional model representations", Journal
/// of Mathematical Chemistry 25, 1999 (cut-HDMR, without the terms of positions farther apart).
class Differences {
 public:
  Differences(const CyclePredictor& predict, const ChoiceSpace& space)
      : predict_(predict), space_(space), choices_(space.positions.size()) {
    for (std::size_t p = 0; p < choices_.size(); ++p)
      choices_[p] = space.positions[p].default_choice;
    measure_defaults();
    for (std::size_t p = 0; p < choices_.size(); ++p) measure_single(p);
    for (std::size_t p = 0; p < choices_.size(); ++p) measure_pair(p);
  }

  double fixed_cycles = 0.0;  // layers outside of all positions, in the network of defaults
  Row own_cycles;             // [position], its layers in the network of defaults
  Rows single;                // [position][choice]
  std::vector<Rows> pair;     // [position][choice before][choice]; the first position has one row

 private:
  void measure_defaults() {
    std::unordered_map<std::string, std::size_t> position_of;
    for (std::size_t p = 0; p < choices_.size(); ++p)
      position_of.emplace(space_.positions[p].block, p);
    const Network network = space_.network(choices_);
    const Prediction prediction = predict_(network);
    default_cycles_ = prediction.total_cycles;
    own_cycles.assign(choices_.size(), 0.0);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const auto found = position_of.find(network.layers[i].block);
      double& sum = found == position_of.end() ? fixed_cycles : own_cycles[found->second];
      sum += prediction.layer_cycles[i];
    }
  }

  void measure_single(std::size_t p) {
    const ChoicePosition& position = space_.positions[p];
    Row& row = single.emplace_back();
    bool has_layers = false;
    for (int choice = 0; choice < position.num_choices; ++choice) {
      choices_[p] = choice;
      const Network network = space_.network(choices_);
      row.push_back(predict_(network).total_cycles - default_cycles_);
      has_layers |= std::any_of(network.layers.begin(), network.layers.end(),
                                [&](const Layer& l) { return l.block == position.block; });
    }
    choices_[p] = position.default_choice;
    if (!has_layers)
      throw InputError(
          fmt::format("no choice at position '{}' has layers of this block", position.block));
  }

  void measure_pair(std::size_t p) {
    const Row nothing(single[p].size(), 0.0);
    Rows& rows = pair.emplace_back(p == 0 ? 1 : single[p - 1].size(), nothing);
    if (p == 0) return;
    const int default_before = choices_[p - 1];
    const int default_choice = choices_[p];
    for (int before = 0; before < space_.positions[p - 1].num_choices; ++before) {
      for (int choice = 0; choice < space_.positions[p].num_choices; ++choice) {
        if (before == default_before || choice == default_choice) continue;
        choices_[p - 1] = before;
        choices_[p] = choice;
        rows[index_of(before)][index_of(choice)] =
            predict_(space_.network(choices_)).total_cycles - default_cycles_ -
            single[p - 1][index_of(before)] - single[p][index_of(choice)];
      }
    }
    choices_[p - 1] = default_before;
    choices_[p] = default_choice;
  }

  const CyclePredictor& predict_;
  const ChoiceSpace& space_;
  std::vector<int> choices_;  // the defaults, except at the measured positions
  double default_cycles_ = 0.0;
};

/// Charges the effect of a choice on the next position, averaged over the next choices, to the
/// choice itself. This makes `cycles` the best sum of independent terms if all choices are equally
/// likely.
void charge_causes(Differences& differences) {
  for (std::size_t p = 1; p < differences.pair.size(); ++p) {
    Rows& rows = differences.pair[p];
    Row effects;
    for (const Row& row : rows) effects.push_back(mean(row));
    const double common = mean(effects);
    for (std::size_t before = 0; before < rows.size(); ++before) {
      const double effect = effects[before] - common;
      differences.single[p - 1][before] += effect;
      for (double& value : rows[before]) value -= effect;
    }
  }
}

}  // namespace

double LatencyTable::total_cycles(const std::vector<int>& choices) const {
  assert(choices.size() == given.size());
  double sum = fixed_cycles;
  std::size_t before = 0;
  for (std::size_t p = 0; p < given.size(); ++p) {
    const std::size_t choice = index_of(choices[p]);
    assert(before < given[p].size() && choice < given[p][before].size());
    sum += given[p][before][choice];
    before = choice;
  }
  return sum;
}

double LatencyTable::additive_cycles(const std::vector<int>& choices) const {
  assert(choices.size() == cycles.size());
  double sum = fixed_cycles;
  for (std::size_t p = 0; p < cycles.size(); ++p) {
    assert(index_of(choices[p]) < cycles[p].size());
    sum += cycles[p][index_of(choices[p])];
  }
  return sum;
}

double LatencyTable::expected_cycles(const std::vector<std::vector<double>>& probabilities) const {
  assert(probabilities.size() == cycles.size());
  double sum = fixed_cycles;
  for (std::size_t p = 0; p < cycles.size(); ++p) {
    assert(probabilities[p].size() == cycles[p].size());
    sum = std::inner_product(cycles[p].begin(), cycles[p].end(), probabilities[p].begin(), sum);
  }
  return sum;
}

LatencyTable tabulate(const Predictor& predictor, const ChoiceSpace& space) {
  return tabulate([&](const Network& network) { return predictor.predict(network); }, space);
}

LatencyTable tabulate(const CyclePredictor& predict, const ChoiceSpace& space) {
  check(space);
  Differences differences(predict, space);
  charge_causes(differences);
  LatencyTable table;
  table.fixed_cycles = differences.fixed_cycles;
  table.given = std::move(differences.pair);
  for (std::size_t p = 0; p < table.given.size(); ++p) {
    Rows& rows = table.given[p];
    Row& cycles = table.cycles.emplace_back(rows.front().size(), 0.0);
    for (Row& row : rows) {
      for (std::size_t choice = 0; choice < row.size(); ++choice) {
        row[choice] += differences.own_cycles[p] + differences.single[p][choice];
        cycles[choice] += row[choice] / static_cast<double>(rows.size());
      }
    }
  }
  return table;
}

}  // namespace tilewake
