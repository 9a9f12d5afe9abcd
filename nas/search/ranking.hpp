// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/search/target_context.hpp"

namespace tilewake {

/// How good a network looks after a short training.
struct Ranked {
  double accuracy = 0.0;  // of the validation images, 0..1
  double standard_error = 0.0;
  // Per block with squeeze-and-excitation, in order: mean over channels of the standard deviation
  // of its gate over images (the method, section 7); what hardly varies is a constant scale.
  std::vector<double> gate_scores;
};

/// Trains `architecture` by the recipe's `ranking` phase and validates it. What was ranked before
/// is not trained again. Throws Interrupted.
Ranked rank_by_training(const TargetContext& context, const Architecture& architecture);

}  // namespace tilewake
