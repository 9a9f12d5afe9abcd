// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/search/run_context.hpp"

namespace tilewake {

/// Accuracy of a network after a short training.
struct Ranked {
  double accuracy = 0.0;          // of the validation images, 0..1; mean over the trainings
  double standard_error = 0.0;    // of the mean, from the number of images
  std::vector<double> trainings;  // accuracy of each
  // Per block with squeeze-and-excitation, in order: mean over channels of the standard deviation
  // of its gate over the validation images (S3NAS, section 7), after the first training.
  std::vector<double> gate_scores;
};

/// How much a network is trained for a ranking.
struct RankingEffort {
  double share = 1.0;     // of the epochs of the recipe's `ranking`
  int num_trainings = 1;  // with different initial weights; the images are the same
  bool in_int8 = false;   // the accuracy is that of the network quantized after training
};

/// Trains `architecture` by the recipe's `ranking` and validates it. The records are shared by all
/// targets of the run; a training that has one is not repeated. Throws Interrupted.
Ranked rank_by_training(const RunContext& run, const Target& target,
                        const Architecture& architecture, const RankingEffort& effort = {});

/// The result of a network in a successive halving.
struct HalvingResult {
  int num_rounds = 0;   // in which it was trained
  double epochs = 0.0;  // of the last of them
  Ranked ranked;        // in the last of them
};

/// Successive halving (Jamieson and Talwalkar, AISTATS 2016): all networks are trained for a share
/// of `ranking.epochs`, the better half (rounded up) for twice as long, and so on for
/// `ranking.rounds` rounds; the last round has all epochs. Every round starts from new weights, so
/// that its learning rate ends as it should.
/// @return one per network; the best is the one with most rounds and, of these, most accuracy
std::vector<HalvingResult> rank_by_halving(const RunContext& run, const Target& target,
                                           const std::vector<Architecture>& networks);

/// Index of the best result; `results` is not empty.
std::size_t best_of(const std::vector<HalvingResult>& results);

/// "accuracy 91.20 % (+-0.28 %) after 0.5 epochs"
std::string in_one_line(const HalvingResult& result);

}  // namespace tilewake
