// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "latency_model/latency_model.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Predicted cycles of a network and of its layers: Predictor::predict, or another estimate.
using CyclePredictor = std::function<Prediction(const Network& network)>;

/// A place in a network with alternatives.
struct ChoicePosition {
  std::string block;       // Layer::block of its layers
  int num_choices = 0;     // one of them may be a skip, which has no layers
  int default_choice = 0;  // used while other positions are measured: a common choice, not a skip
};

/// A network with alternatives. `network` builds the network for choices[p] at positions[p];
/// positions are executed in order. Layers outside of all positions are fixed.
struct ChoiceSpace {
  std::vector<ChoicePosition> positions;
  std::function<Network(const std::vector<int>& choices)> network;
};

/// Cycles of every choice at every position: a search adds them up instead of predicting networks.
///
/// A choice is charged with its own layers and with its effect on others (what it leaves on chip,
/// the prefetch of its weights). A skip therefore costs slightly more or less than 0 cycles. Not
/// covered: interactions across a skipped position. On random networks of S3NAS blocks these are
/// 0.001 % of the cycles on MIDAP, and up to 0.2 % with half its bandwidth.
struct LatencyTable {
  double fixed_cycles = 0.0;  // layers outside of all positions, with the default choices
  // [position][choice]: mean over the choices of the previous position.
  std::vector<std::vector<double>> cycles;
  // [position][choice of the previous position][choice]; the first position has one row.
  std::vector<std::vector<std::vector<double>>> given;

  /// Approximates Predictor::predict for one choice per position.
  double total_cycles(const std::vector<int>& choices) const;

  /// Same, from `cycles`: without interactions of neighbours.
  double additive_cycles(const std::vector<int>& choices) const;

  /// Sum over positions and choices of probabilities[position][choice] x cycles, plus the fixed
  /// cycles. The probabilities of a position sum to 1.
  double expected_cycles(const std::vector<std::vector<double>>& probabilities) const;
};

/// Predicts the network of defaults, the networks that differ from it in one position, and those
/// that differ in two neighbours; total_cycles is exact for all of them. The number of predictions
/// is the number of pairs of choices at neighbouring positions.
///
/// Throws InputError if a position has no choices or no layers in any of them, if two positions
/// have the same block, or naming a layer that the machine cannot hold.
LatencyTable tabulate(const CyclePredictor& predict, const ChoiceSpace& space);
LatencyTable tabulate(const Predictor& predictor, const ChoiceSpace& space);

}  // namespace tilewake
