// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/api/predict.hpp"

namespace tilewake {

/// The forms in which `tilewake predict` prints a prediction.
std::string prediction_table(const NetworkPrediction& prediction, bool color);
std::string prediction_csv(const NetworkPrediction& prediction);
std::string prediction_json(const NetworkPrediction& prediction);

}  // namespace tilewake
