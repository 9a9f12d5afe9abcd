// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "latency_model/evaluation.hpp"

namespace tilewake {

struct FeatureSet;

/// An evaluation as text: errors by op class, over all layers and over networks, rank correlations
/// of the networks, and the worst layers with their non-zero features.
std::string evaluation_report(const Evaluation& evaluation, const FeatureSet& set,
                              std::size_t max_columns = 0);

}  // namespace tilewake
