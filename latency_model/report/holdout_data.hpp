// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

struct Evaluation;

/// The held-out layers of a calibration (holdout_csv.hpp), reduced to what a chart can show:
///
///   dots:   columns op_class, simulated_cycles, predicted_cycles, count, network, layer
///   bins:   columns op_class, from, to, count: histogram of (predicted - simulated) / simulated;
///           the first and the last bin are open (null)
///
/// Layers of a class in one square of 1/25 decade are one dot: that of the largest error. Throws
/// InputError if the file is damaged, or is not of the calibration that `holdout` evaluates.
nlohmann::ordered_json holdout_data(const std::string& path, const Evaluation& holdout);

}  // namespace tilewake
