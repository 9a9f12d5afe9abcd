// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "latency_model/evaluation.hpp"

namespace tilewake {

struct FeatureSet;

/// An evaluation as text: errors by op class, over all layers and over networks, rank correlations
/// of the networks, and the worst layers with their non-zero features.
std::string evaluation_report(const Evaluation& evaluation, const FeatureSet& set,
                              std::size_t max_columns = 0);

/// The same figures as JSON; errors are shares (0.01 = 1 %).
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation, const FeatureSet& set);

/// An object with a value for each feature of the set.
nlohmann::ordered_json features_json(const FeatureSet& set, const std::vector<double>& values);

}  // namespace tilewake
