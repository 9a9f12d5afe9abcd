// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/calibration_report.hpp"

#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/evaluation_report.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

std::string quoted(std::string_view text) { return json_string(std::string(text)); }

std::string summary_json_of(const ErrorSummary& s) {
  return fmt::format(
      "{{\"n\": {}, \"mape\": {}, \"median\": {}, \"rmspe\": {}, \"bias\": {}, \"max\": {}, "
      "\"p95\": {}, "
      "\"within_5\": {}, \"within_10\": {}}}",
      s.n, s.mape, s.median, s.rmspe, s.bias, s.max, s.p95, s.within_5, s.within_10);
}

/// `"name": value` for each, on lines of their own.
std::string members(const std::vector<std::string>& entries, const std::string& indent) {
  return fmt::format("{{\n{0}  {1}\n{0}}}", indent, fmt::join(entries, ",\n" + indent + "  "));
}

std::string features_json(const FeatureSet& set, const std::vector<double>& values) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < set.features.size(); ++i) {
    entries.push_back(fmt::format("{}: {}", quoted(set.features[i].name), values[i]));
  }
  return fmt::format("{{{}}}", fmt::join(entries, ", "));
}

std::string classes_json(const Evaluation& evaluation) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < evaluation.by_class.size(); ++i) {
    entries.push_back(fmt::format("{}: {}", quoted(evaluation.op_classes[i]),
                                  summary_json_of(evaluation.by_class[i])));
  }
  return members(entries, "    ");
}

std::string worst_json(const Evaluation& evaluation, const FeatureSet& set) {
  std::vector<std::string> entries;
  for (const Case& c : evaluation.worst) {
    entries.push_back(fmt::format(
        "{{\"network\": {}, \"layer\": {}, \"op_class\": {}, \"measured\": {}, \"predicted\": {}, "
        "\"features\": {}}}",
        quoted(c.network), quoted(c.layer),
        quoted(evaluation.op_classes[static_cast<std::size_t>(c.op_class)]), c.measured,
        c.predicted, features_json(set, c.features)));
  }
  if (entries.empty()) return "[]";
  return fmt::format("[\n      {}\n    ]", fmt::join(entries, ",\n      "));
}

std::string evaluation_json(const Evaluation& evaluation, const FeatureSet& set) {
  return members(
      {"\"layers\": " + summary_json_of(evaluation.layers),
       "\"networks\": " + summary_json_of(evaluation.networks),
       fmt::format("\"kendall_tau\": {}", evaluation.kendall_tau),
       fmt::format("\"spearman\": {}", evaluation.spearman),
       fmt::format("\"roofline_mape\": {}", evaluation.roofline_mape),
       "\"by_class\": " + classes_json(evaluation), "\"worst\": " + worst_json(evaluation, set)},
      "  ");
}

std::string coefficients_json(const LatencyModel& model, const FeatureSet& set) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < set.op_classes.size(); ++i) {
    entries.push_back(fmt::format("{}: {}", quoted(set.op_classes[i]),
                                  features_json(set, model.coefficients[i])));
  }
  return members(entries, "  ");
}

}  // namespace

std::string calibration_table(const CalibrationReport& report) {
  const Calibration& calibration = report.calibration;
  const LatencyModel& model = calibration.model;
  const auto extractor = make_feature_extractor(model.hardware);
  std::string text = fmt::format(
      "latency model of {}, fitted to {} layers of {} networks: {}, seed {}\n\n"
      "on networks held out:\n\n{}\n"
      "on what it was fitted to: MAPE {:.2f} % of layers, {:.2f} % of networks\n",
      model.hardware.name, with_separators(model.provenance.num_layers),
      with_separators(model.provenance.num_networks), model.provenance.set, model.provenance.seed,
      evaluation_report(model.holdout, extractor->set()), 100.0 * calibration.train.layers.mape,
      100.0 * calibration.train.networks.mape);
  if (!calibration.warnings.empty()) {
    text +=
        fmt::format("\ncoefficients to look at:\n  {}\n", fmt::join(calibration.warnings, "\n  "));
  }
  return text + (report.refusal.empty() ? fmt::format("\nmodel: {}\n", report.path)
                                        : fmt::format("\nno model written: {}\n", report.refusal));
}

std::string calibration_json(const CalibrationReport& report) {
  const Calibration& calibration = report.calibration;
  const LatencyModel& model = calibration.model;
  const Provenance& from = model.provenance;
  const auto extractor = make_feature_extractor(model.hardware);
  const FeatureSet& set = extractor->set();
  std::vector<std::string> warnings;
  for (const std::string& warning : calibration.warnings) warnings.push_back(quoted(warning));
  return members(
             {fmt::format("\"hardware\": {}", quoted(model.hardware.name)),
              fmt::format("\"machine\": {}", quoted(from.machine)),
              fmt::format("\"version\": {}", quoted(from.version)),
              fmt::format("\"set\": {}", quoted(from.set)), fmt::format("\"seed\": {}", from.seed),
              fmt::format("\"num_networks\": {}", from.num_networks),
              fmt::format("\"num_layers\": {}", from.num_layers),
              fmt::format("\"mape_train\": {}", calibration.train.layers.mape),
              fmt::format("\"mape_holdout\": {}", model.holdout.layers.mape),
              "\"holdout\": " + evaluation_json(model.holdout, set),
              "\"coefficients\": " + coefficients_json(model, set),
              fmt::format("\"warnings\": [{}]", fmt::join(warnings, ", ")),
              report.refusal.empty() ? "\"model\": " + quoted(report.path) : "\"model\": null",
              report.refusal.empty() ? "\"refusal\": null"
                                     : "\"refusal\": " + quoted(report.refusal)},
             "") +
         "\n";
}

}  // namespace tilewake
