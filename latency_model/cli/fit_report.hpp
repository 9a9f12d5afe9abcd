// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/fit/machine_evaluation.hpp"
#include "latency_model/fit/machine_fit.hpp"
#include "latency_model/fit/measured_table.hpp"

namespace tilewake {

/// The result of a fit, as printed.
struct FitReport {
  const MachineFit& fit;
  const MeasuredTable& table;
  std::string path;  // of the machine file
};

/// For people: the held-out error, the keys, the errors beside those of the baselines.
std::string fit_table(const FitReport& report);
std::string fit_report_json(const FitReport& report);

/// A machine against a table.
struct EvaluationReport {
  const MachineEvaluation& evaluation;
  const MeasuredTable& table;
};

/// For people: errors beside those of the baselines, operators, the worst rows.
std::string measured_evaluation_table(const EvaluationReport& report);
std::string measured_evaluation_json(const EvaluationReport& report);
/// The rows, as in the file beside a fitted machine.
std::string measured_evaluation_csv(const EvaluationReport& report);

}  // namespace tilewake
