// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_report.hpp"

#include <chrono>
#include <cmath>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "nas/cli/accuracy_report.hpp"
#include "nas/report/paired.hpp"
#include "nas/report/step_table.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/device_config.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

/// Explains in_one_line().
constexpr std::string_view kNetworkLegend =
    "networks: `stem 16, 24: 3x3:2 5x5:4 | shuffle 5x5 SE, head 256, 28 px` is a stem of 16 "
    "channels, a stage of 24 channels with two blocks, a head of 256 channels, for images of 28 "
    "pixels. `|` is between blocks; `3x3:2 5x5:4` is a block of two branches with kernels of 3x3 "
    "and 5x5 and expansion ratios of 2 and 4; other blocks have the name of their operator; SE is "
    "squeeze-and-excitation, hswish an activation.\n";

std::vector<StepRow> rows_of(const TargetResult& target) {
  std::vector<StepRow> rows;
  const auto add = [&](const StepRecord& record) {
    if (!record.architecture) return;
    StepRow row;
    row.step = record.step;
    row.architecture = in_one_line(*record.architecture);
    row.estimated_ms = record.estimated_ms.value_or(0.0);
    row.simulated_ms = record.simulated_ms;
    row.simulated_mj = record.simulated_mj;
    row.validation_accuracy = record.validation_accuracy;
    row.params = num_trained_params(*record.architecture);
    row.macs = to_network(*record.architecture).num_macs();
    rows.push_back(std::move(row));
  };
  for (const StepRecord& record : target.steps) add(record);
  for (const StepRecord& record : target.random) add(record);
  return rows;
}

/// The mean over the networks that have an accuracy.
std::optional<double> mean_accuracy(const std::vector<StepRecord>& records) {
  double sum = 0.0;
  int count = 0;
  for (const StepRecord& record : records) {
    if (!record.validation_accuracy) continue;
    sum += *record.validation_accuracy;
    ++count;
  }
  if (count == 0) return {};
  return sum / count;
}

/// "0.0384 ms (0.0102 mJ)"
std::string costs_text(const std::optional<double>& ms, const std::optional<double>& mj) {
  return mj ? fmt::format("{} ({})", as_ms(*ms), as_mj(*mj)) : as_ms(*ms);
}

bool is_complete(const TargetResult& target) {
  return !target.steps.empty() && target.steps.back().test_accuracy.has_value();
}

std::string conclusion(const TargetResult& target, const DeviceConfig& device) {
  if (!is_complete(target)) return "";
  const StepRecord& last = target.steps.back();
  std::string text =
      fmt::format("test accuracy {}, simulated {}, estimated {}, limit {}, {} parameters\n",
                  accuracies_text(last), costs_text(last.simulated_ms, last.simulated_mj),
                  costs_text(last.estimated_ms, last.estimated_mj), target.limits,
                  with_separators(num_trained_params(*last.architecture)));
  if (device.is_known()) text += device_latency_text(device, *last.simulated_ms) + "\n";
  text += int8_text(last);
  if (const std::optional<TrainingSpread> spread = training_spread(target)) {
    text += fmt::format("mean of its {} trainings: test accuracy {}, validation accuracy {}\n",
                        spread->test_accuracies.size(), spread_text(spread->test_accuracies),
                        spread_text(spread->validation_accuracies));
  }
  if (const std::optional<double> mean = mean_accuracy(target.random)) {
    text += fmt::format(
        "validation accuracy {} against {} (mean of {} random network(s) of similar latency): "
        "{:+.2f} points\n",
        as_percent(*last.validation_accuracy), as_percent(*mean), target.random.size(),
        100.0 * (*last.validation_accuracy - *mean));
  }
  return text;
}

Json target_json(const TargetResult& target) {
  Json json;
  if (target.target_ms) json["target_ms"] = *target.target_ms;
  if (target.target_mj) json["target_mj"] = *target.target_mj;
  json["directory"] = target.directory;
  json["steps"] = Json::parse(step_table_json(rows_of(target)));
  if (is_complete(target)) {
    const StepRecord& last = target.steps.back();
    json["predicted_ms"] = *last.estimated_ms;
    json["simulated_ms"] = *last.simulated_ms;
    if (last.estimated_mj) json["predicted_mj"] = *last.estimated_mj;
    if (last.simulated_mj) json["simulated_mj"] = *last.simulated_mj;
    add_accuracies(json, last);
    json["params"] = num_trained_params(*last.architecture);
  }
  if (const std::optional<TrainingSpread> spread = training_spread(target)) {
    json["trainings"] = {{"validation_accuracies", spread->validation_accuracies},
                         {"accuracies", spread->test_accuracies}};
  }
  if (const std::optional<double> mean = mean_accuracy(target.random)) {
    json["random_validation_accuracy"] = *mean;
  }
  return json;
}

/// `text` indented by two spaces, without comments and empty lines.
std::string indented(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line[0] != '#') result += "  " + line + "\n";
  }
  return result;
}

}  // namespace

std::string search_table(const SearchResult& result) {
  const std::size_t columns = output_columns();
  std::string text;
  for (const TargetResult& target : result.targets) {
    text += fmt::format("limit {}\n", target.limits);
    const std::string answer = conclusion(target, result.measured_device);
    if (!answer.empty()) text += answer + "\n";
    text += step_table_text(rows_of(target), columns) + "\n";
  }
  if (result.targets.size() > 1 && is_complete(result.targets.back())) {
    text += "front\n  limit       simulated   test accuracy  parameters\n";
    for (const TargetResult& target : result.targets) {
      const StepRecord& last = target.steps.back();
      text += fmt::format("  {}   {}   {:>13}  {:>10}\n", target.limits, as_ms(*last.simulated_ms),
                          as_percent(*last.test_accuracy), num_trained_params(*last.architecture));
    }
    text += "\n";
  }
  if (!result.targets.empty()) text += kNetworkLegend;
  return wrapped_lines(text, columns);
}

std::string search_json(const SearchResult& result) {
  Json json;
  json["space"] = result.space.name;
  json["device"] = Json::parse(device_json(result.measured_device));
  json["targets"] = Json::array();
  for (const TargetResult& target : result.targets) json["targets"].push_back(target_json(target));
  // The name of a directory may contain any bytes.
  return json.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

std::string steps_csv(const TargetResult& target) { return step_table_csv(rows_of(target)); }

std::string front_csv(const SearchResult& result) {
  std::string text =
      "# tilewake-front "
      "v1\ntarget_ms,predicted_ms,simulated_ms,accuracy,validation_accuracy,params,target_mj,"
      "simulated_mj\n";
  const auto field = [](const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  for (const TargetResult& target : result.targets) {
    if (!is_complete(target)) continue;
    const StepRecord& last = target.steps.back();
    text += fmt::format("{},{},{},{},{},{},{},{}\n", field(target.target_ms), *last.estimated_ms,
                        *last.simulated_ms, *last.test_accuracy, *last.validation_accuracy,
                        num_trained_params(*last.architecture), field(target.target_mj),
                        field(last.simulated_mj));
  }
  return text;
}

std::string search_summary_json(const Summary& summary, const TargetResult& target) {
  Json json = Json::parse(summary_json(summary));
  Json found = target_json(target);
  found.erase("steps");
  found.erase("directory");
  json.update(found);
  return json.dump(2) + "\n";
}

std::string search_run_yaml(const SearchRequest& request, const Machine& machine,
                            const Stopwatch& stopwatch, bool is_complete) {
  const RunContext& run = request.run;
  std::vector<std::string> words = {"tilewake", "nas", request.command};
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  for (std::string& word : words) word = json_string(word);
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format(
      "# A search of tilewake.\n"
      "version: {}\n"
      "command: [{}]\n"
      "written: {:%Y-%m-%dT%H:%M:%SZ}\n"
      "complete: {}\n"
      "wall_seconds: {:.1f}\n"
      "cpu_seconds: {:.1f}\n"
      "seed: {}\n"
      "method: {}\n"
      "targets_ms: [{}]\n"
      "targets_mj: [{}]\n"
      "max_params: {}\n"
      "max_chip_bytes: {}\n"
      "max_dram_bytes: {}\n"
      "device: {}\n"
      "mixed_precision: {}\n"
      "data:\n"
      "  name: {}\n"
      "  train_images: {}\n"
      "  test_images: {}\n"
      "space_file: {}\n"
      "space:\n{}"
      "recipe_file: {}\n"
      "recipe:\n{}"
      "hardware:\n"
      "  file: {}\n"
      "  machine: {}\n"
      "  resolved:\n{}",
      kVersion, fmt::join(words, ", "), fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
      is_complete, stopwatch.wall_seconds(), stopwatch.cpu_seconds(), run.seed,
      to_string(run.method), fmt::join(run.targets_ms, ", "), fmt::join(run.targets_mj, ", "),
      run.max_params, run.max_chip_bytes, run.max_dram_bytes, run.device.str(), run.mixed_precision,
      json_string(run.data.name), run.data.train->size(), run.data.test->size(),
      json_string(request.space_file),
      indented(uses_operators(run.method) ? operator_space_yaml(run.operators)
                                          : search_space_yaml(run.space)),
      json_string(request.options.recipe), indented(recipe_yaml(run.recipe)),
      json_string(machine.file.path), json_string(run.machine),
      hardware_yaml(machine.config, "    "));
}

}  // namespace tilewake
