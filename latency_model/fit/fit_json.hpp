// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "latency_model/fit/machine_evaluation.hpp"
#include "latency_model/fit/machine_fit.hpp"
#include "latency_model/fit/measured_table.hpp"

namespace tilewake {

/// A fit as `tilewake fit --format json` prints it.
///   @param path  of the machine file
nlohmann::ordered_json fit_json(const MachineFit& fit, const MeasuredTable& table,
                                const std::string& path);

/// A comparison as `tilewake fit --evaluate --format json` prints it.
nlohmann::ordered_json evaluation_json(const MachineEvaluation& evaluation,
                                       const MeasuredTable& table);

}  // namespace tilewake
