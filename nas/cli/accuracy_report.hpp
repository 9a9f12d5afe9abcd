// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "nas/search/step_record.hpp"

namespace tilewake {

/// Adds the accuracies of a tested network, their standard errors and those in int8.
void add_accuracies(nlohmann::ordered_json& json, const StepRecord& record);

/// "91.20 % (+-0.28 %), validation 92.10 % (+-0.27 %)"
std::string accuracies_text(const StepRecord& record);

/// "int8: test accuracy ...", a line; empty where there is no int8 model.
std::string int8_text(const StepRecord& record);

}  // namespace tilewake
