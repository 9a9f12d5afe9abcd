// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/accuracy_report.hpp"

#include <optional>

#include <fmt/format.h>

#include "nas/search/int8_model.hpp"
#include "nas/search/run_context.hpp"

namespace tilewake {

void add_accuracies(nlohmann::ordered_json& json, const StepRecord& record) {
  json["validation_accuracy"] = record.validation_accuracy.value();
  json["accuracy"] = record.test_accuracy.value();
  if (record.validation_error) json["validation_standard_error"] = *record.validation_error;
  if (record.test_error) json["standard_error"] = *record.test_error;
  if (!record.int8) return;
  json["int8"] = {{"validation_accuracy", record.int8->validation},
                  {"accuracy", record.int8->test},
                  {"validation_standard_error", record.int8->validation_error},
                  {"standard_error", record.int8->test_error}};
}

std::string accuracies_text(const StepRecord& record) {
  const auto with_error = [](double share, const std::optional<double>& error) {
    return error ? as_percent(share, *error) : as_percent(share);
  };
  return fmt::format("{}, validation {}",
                     with_error(record.test_accuracy.value(), record.test_error),
                     with_error(record.validation_accuracy.value(), record.validation_error));
}

std::string int8_text(const StepRecord& record) {
  if (!record.int8) {
    for (const std::string& line : record.log)
      if (line.starts_with(kNoInt8Model)) return line + "\n";
    return "";
  }
  return fmt::format("int8: test accuracy {}, validation {}\n",
                     as_percent(record.int8->test, record.int8->test_error),
                     as_percent(record.int8->validation, record.int8->validation_error));
}

}  // namespace tilewake
