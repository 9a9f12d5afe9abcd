// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/calibration.hpp"

namespace tilewake {

/// The result of a calibration, as printed.
struct CalibrationReport {
  Calibration calibration;
  std::string path;     // of the model
  std::string refusal;  // why it was not written; empty if it was
};

/// For people: errors on held-out networks, warnings about coefficients, the path of the model.
std::string calibration_table(const CalibrationReport& report);

/// The same figures, and the coefficients, as one JSON object.
std::string calibration_json(const CalibrationReport& report);

}  // namespace tilewake
