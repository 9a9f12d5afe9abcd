// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "latency_model/api/predict.hpp"

namespace tilewake {

/// The forms in which `tilewake predict` prints a prediction.
///   @param max_columns  of a line of the table; 0: any number
std::string prediction_table(const NetworkPrediction& prediction, bool color,
                             std::size_t max_columns = 0);
std::string prediction_csv(const NetworkPrediction& prediction);
std::string prediction_json(const NetworkPrediction& prediction);

}  // namespace tilewake
