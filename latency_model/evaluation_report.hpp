// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/evaluation.hpp"

namespace tilewake {

struct FeatureSet;

/// An evaluation for people: a table of errors by op class, of all layers and of networks, how well
/// networks are ranked, and the worst layers with the features that are not 0.
std::string evaluation_report(const Evaluation& evaluation, const FeatureSet& set);

}  // namespace tilewake
