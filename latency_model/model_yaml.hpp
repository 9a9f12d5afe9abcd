// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/latency_model.hpp"

namespace tilewake {

/// Bumped whenever a key is added, removed or changes meaning.
inline constexpr int kModelVersion = 1;

/// The text of model.yaml: the machine, the coefficients, how wrong they were, and where they come
/// from. Numbers are written such that reading them gives the same bits.
std::string model_yaml(const LatencyModel& model,
                       const ExtractorMaker& make_extractor = make_feature_extractor);

/// Inverse of model_yaml: reads the file at `path`.
///
/// Throws InputError `file:line: key: what` for anything but a complete model of this version of
/// the tool, whose classes and features are those of the machine in it.
LatencyModel read_latency_model(const std::string& path,
                                const ExtractorMaker& make_extractor = make_feature_extractor);

/// Same, from text already in memory; `name` stands in for the file in errors.
LatencyModel read_latency_model_text(const std::string& text, const std::string& name,
                                     const ExtractorMaker& make_extractor = make_feature_extractor);

}  // namespace tilewake
