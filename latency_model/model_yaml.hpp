// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/latency_model.hpp"

namespace tilewake {

/// Incremented whenever a key is added, removed or changes meaning.
inline constexpr int kModelVersion = 1;

/// The text of model.yaml: the machine, the coefficients, their errors and their origin. Numbers
/// round-trip exactly.
std::string model_yaml(const LatencyModel& model,
                       const ExtractorMaker& make_extractor = make_feature_extractor);

/// Inverse of model_yaml: reads the file at `path`.
///
/// Throws InputError `file:line: key: message` unless it is a complete model of this version, whose
/// classes and features are those of its machine.
LatencyModel read_latency_model(const std::string& path,
                                const ExtractorMaker& make_extractor = make_feature_extractor);

/// Same, from text in memory; `name` replaces the path in error messages.
LatencyModel read_latency_model_text(const std::string& text, const std::string& name,
                                     const ExtractorMaker& make_extractor = make_feature_extractor);

}  // namespace tilewake
