// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/calibration.hpp"

namespace tilewake {

/// What a calibration tells its user.
struct CalibrationReport {
  Calibration calibration;
  std::string path;     // of the model
  std::string refusal;  // why it was not written; else empty
};

/// For people: errors on networks held out, what is odd about the coefficients, where the model is.
std::string calibration_table(const CalibrationReport& report);

/// The same figures, and the coefficients, as one JSON object.
std::string calibration_json(const CalibrationReport& report);

}  // namespace tilewake
