// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nas/space/architecture.hpp"

namespace tilewake {

/// What became of a network that a step considered.
enum class Verdict {
  kChosen,
  kTrained,   // for a short time, and not chosen
  kRejected,  // without training
};

/// "chosen", "trained", "rejected"
std::string_view to_string(Verdict verdict);

/// A network that a step considered, for decisions.csv.
struct CandidateResult {
  std::size_t line = 0;  // in StepRecord::log
  Verdict verdict = Verdict::kRejected;
  std::optional<double> latency_ms;  // simulated, otherwise estimated
  std::optional<double> accuracy;    // of validation after the short training, 0..1

  bool operator==(const CandidateResult&) const = default;
};

/// Accuracies of a network in int8, 0..1, with the binomial standard errors.
struct Int8Accuracy {
  double validation = 0.0;
  double validation_error = 0.0;
  double test = 0.0;
  double test_error = 0.0;

  bool operator==(const Int8Accuracy&) const = default;
};

/// The result of a step, in a file that a resumed run reads instead of repeating the step.
struct StepRecord {
  std::string step;         // "search", "scale", ...
  std::string fingerprint;  // of the settings: step_settings.hpp
  std::optional<Architecture> architecture;
  std::optional<double> estimated_ms;
  std::optional<double> simulated_ms;
  std::optional<double> estimated_mj;         // none: the latency model has no energies
  std::optional<double> simulated_mj;         // none: all energies of the machine are 0
  std::optional<double> validation_accuracy;  // 0..1
  std::optional<double> test_accuracy;
  std::optional<double> validation_error;  // standard errors, binomial
  std::optional<double> test_error;
  std::optional<Int8Accuracy> int8;
  std::vector<double> values;    // further figures, which the step defines
  std::vector<std::string> log;  // for decisions.log
  std::vector<CandidateResult> candidates;

  /// Adds a line to the log, and its figures to the candidates.
  void add_candidate(std::string line, Verdict verdict, std::optional<double> latency_ms,
                     std::optional<double> accuracy = {});

  /// Takes over network and figures of another step, not its log.
  void take_result_of(const StepRecord& other);
};

/// Reads the JSON file of a record; none where there is no file. Throws InputError naming the file
/// where it is damaged, or where its fingerprint is another one, with the setting that differs.
std::optional<StepRecord> read_step_record(const std::string& path, const std::string& fingerprint);

void write_step_record(const std::string& path, const StepRecord& record);

/// "DIRECTORY/steps/STEP.json"
std::string step_path(const std::string& directory, const std::string& step);

/// Returns the record of `step` in `directory` if the step was done before; else calls `fill`,
/// which completes a new one, and writes that.
StepRecord do_once(const std::string& directory, const std::string& step,
                   const std::string& fingerprint,
                   const std::function<void(StepRecord& record)>& fill);

}  // namespace tilewake
