// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/fit_json.hpp"

#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/summary.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

double json_number(const std::string& text) {
  double value = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Json errors_json(const MeasuredErrors& errors) {
  return {{"n", errors.n},
          {"mape", errors.mape},
          {"bias", errors.bias},
          {"max", errors.max},
          {"factor", errors.factor},
          {"mape_scaled", errors.mape_scaled},
          {"kendall_tau", errors.kendall_tau}};
}

Json baselines_json(const std::vector<BaselineErrors>& baselines) {
  Json json = Json::object();
  for (const BaselineErrors& baseline : baselines) {
    json[baseline.name] = errors_json(baseline.errors);
  }
  return json;
}

Json value_json(const FitKey& key, const std::string& text) {
  return key.is_number() ? Json(json_number(text)) : Json(text);
}

}  // namespace

nlohmann::ordered_json fit_json(const MachineFit& fit, const MeasuredTable& table,
                                const std::string& path) {
  const bool is_held_out = !fit.holdout_ms.empty();
  Json keys = Json::object();
  for (const FittedKey& key : fit.keys) {
    Json& json = keys[key.key.path];
    json["start"] = value_json(key.key, key.key.start_text);
    json["value"] = value_json(key.key, key.value);
    if (key.key.is_number()) {
      json["plausible"] = {json_number(key.plausible_low()), json_number(key.plausible_high())};
      json["remaining_spread"] = key.remaining_spread;
    }
    json["identified"] = key.is_identified;
    json["at_limit"] = key.is_at_limit;
  }
  return {{"hardware", fit.machine.config.name},
          {"machine", machine_id(fit.machine.config)},
          {"measured", table.file.path},
          {"num_rows", table.rows.size()},
          {"complete", fit.is_complete},
          {"keys", std::move(keys)},
          {"start", errors_json(fit.start)},
          {"train", errors_json(fit.train)},
          {"holdout", is_held_out ? errors_json(fit.holdout) : Json()},
          {"fold_mapes", fit.fold_mapes},
          {"holdout_standard_error", is_held_out ? Json(fit.holdout_standard_error()) : Json()},
          {"baselines", baselines_json(fit.baselines)},
          {"no_better_than", fit.no_better_than.empty() ? Json() : Json(fit.no_better_than)},
          {"verdict", fit.verdict},
          {"device", Json::parse(device_json(fit.machine.config.device))},
          {"num_machines", fit.num_machines},
          {"warnings", fit.warnings},
          {"out", path}};
}

nlohmann::ordered_json evaluation_json(const MachineEvaluation& evaluation,
                                       const MeasuredTable& table) {
  Json operators = Json::object();
  for (const OperatorShare& share : evaluation.operators) {
    operators[share.op] = {{"share", share.share}, {"factor", share.factor}};
  }
  Json rows = Json::array();
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const MeasuredRow& row = table.rows[i];
    rows.push_back({{"network", row.workload.name},
                    {"line", row.line},
                    {"batch", row.batch},
                    {"measured_ms", row.latency_ms},
                    {"simulated_ms", evaluation.simulated_ms[i]}});
  }
  return {{"hardware", evaluation.machine.config.name},
          {"machine", machine_id(evaluation.machine.config)},
          {"measured", table.file.path},
          {"errors", errors_json(evaluation.errors)},
          {"baselines", baselines_json(evaluation.baselines)},
          {"no_better_than",
           evaluation.no_better_than.empty() ? Json() : Json(evaluation.no_better_than)},
          {"verdict", evaluation.verdict},
          {"operators", std::move(operators)},
          {"rows", std::move(rows)}};
}

}  // namespace tilewake
