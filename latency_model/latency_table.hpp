// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "latency_model/latency_model.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Where a network can be built in several ways.
struct ChoicePosition {
  std::string block;       // Layer::block of its layers
  int num_choices = 0;     // one of them may be a skip, which has no layers
  int default_choice = 0;  // taken while other positions are measured: a common one, not a skip
};

/// A network with alternatives. `network` gives the one for choices[p] at positions[p]; it computes
/// the positions one after the other. Layers of no position are fixed.
struct ChoiceSpace {
  std::vector<ChoicePosition> positions;
  std::function<Network(const std::vector<int>& choices)> network;
};

/// Cycles of every choice at every position: what a search sums instead of predicting networks.
///
/// A choice is charged with its own layers and with what it changes in others (what it leaves on
/// chip, what of its weights is prefetched). Therefore a skip costs not exactly 0 cycles, and may
/// be negative. Left out is how positions meet over a skip between them: on random networks of
/// S3NAS blocks that is 0.001 % of the cycles on MIDAP, and up to 0.2 % with half its bandwidth.
struct LatencyTable {
  double fixed_cycles = 0.0;  // layers of no position, with the default choices
  // [position][choice]: mean over the choices of the position before.
  std::vector<std::vector<double>> cycles;
  // [position][choice of the position before][choice]; the first position has one row.
  std::vector<std::vector<std::vector<double>>> given;

  /// What Predictor::predict would say, up to what is left out: of one choice a position.
  double total_cycles(const std::vector<int>& choices) const;

  /// Same, but by `cycles`: as if neighbours did not matter.
  double additive_cycles(const std::vector<int>& choices) const;

  /// sum over positions and choices of probabilities[position][choice] x cycles, plus the fixed
  /// ones; a position's probabilities sum to 1.
  double expected_cycles(const std::vector<std::vector<double>>& probabilities) const;
};

/// Predicts the network of defaults, those in which one position differs from it, and those in
/// which two neighbours do; total_cycles is exact for all of them. Takes as many predictions as
/// there are pairs of choices at neighbouring positions.
///
/// Throws InputError where a position has no choices or no layers in any of them, where two have
/// the same block, or naming a layer that the machine cannot hold.
LatencyTable tabulate(const Predictor& predictor, const ChoiceSpace& space);

}  // namespace tilewake
