// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "latency_model/evaluation.hpp"

namespace tilewake {

/// First line of the file; its number is incremented whenever a column changes.
inline constexpr std::string_view kHoldoutFirstLine = "# tilewake-holdout v1";

/// `network, layer, op_class, simulated_cycles, predicted_cycles`: one line for every held-out
/// layer. Numbers round-trip exactly.
std::string holdout_csv(const Evaluation& evaluation, const std::vector<Case>& layers);

/// The file for the held-out layers of a model: `model.holdout.csv` beside `model.yaml`.
std::string holdout_path(const std::string& model_path);

}  // namespace tilewake
