// SPDX-License-Identifier: Apache-2.0
#include "latency_model/evaluation_report.hpp"

#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "latency_model/features/feature_set.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Cells = std::vector<std::string>;
using Json = nlohmann::ordered_json;

std::string percent(double share) { return fmt::format("{:.2f}", 100.0 * share); }
std::string signed_percent(double share) { return fmt::format("{:+.2f}", 100.0 * share); }

Cells summary_row(const std::string& name, const ErrorSummary& s) {
  if (s.n == 0) return {name, "0", "-", "-", "-", "-", "-", "-", "-", "-"};
  return {name,
          std::to_string(s.n),
          percent(s.mape),
          percent(s.median),
          percent(s.rmspe),
          signed_percent(s.bias),
          percent(s.p95),
          percent(s.max),
          percent(s.within_5),
          percent(s.within_10)};
}

std::string features_of(const Case& c, const FeatureSet& set) {
  std::vector<std::string> features;
  for (std::size_t i = 0; i < c.features.size() && i < set.features.size(); ++i) {
    if (c.features[i] == 0.0) continue;
    features.push_back(fmt::format("{}={:.6g}", set.features[i].name, c.features[i]));
  }
  return fmt::format("{}", fmt::join(features, " "));
}

Json summary_json(const ErrorSummary& s) {
  return {{"n", s.n},         {"mape", s.mape},         {"median", s.median},
          {"rmspe", s.rmspe}, {"bias", s.bias},         {"max", s.max},
          {"p95", s.p95},     {"within_5", s.within_5}, {"within_10", s.within_10}};
}

Json case_json(const Case& c, const Evaluation& evaluation, const FeatureSet& set) {
  return {{"network", c.network},
          {"layer", c.layer},
          {"op_class", evaluation.op_classes[static_cast<std::size_t>(c.op_class)]},
          {"measured", c.measured},
          {"predicted", c.predicted},
          {"features", features_json(set, c.features)}};
}

}  // namespace

std::string evaluation_report(const Evaluation& evaluation, const FeatureSet& set,
                              std::size_t max_columns) {
  TextTable summaries({{"errors in %", Alignment::kLeft},
                       {"n"},
                       {"MAPE"},
                       {"median", Alignment::kRight, 1},
                       {"RMSPE", Alignment::kRight, 2},
                       {"bias"},
                       {"p95", Alignment::kRight, 3},
                       {"max"},
                       {"within 5"},
                       {"within 10"}});
  for (std::size_t i = 0; i < evaluation.by_class.size(); ++i) {
    summaries.add_row(summary_row(evaluation.op_classes[i], evaluation.by_class[i]));
  }
  summaries.add_row(summary_row("all layers", evaluation.layers));
  summaries.add_row(summary_row("networks", evaluation.networks));

  std::string text = fmt::format(
      "{}\n"
      "Order of the networks: Kendall tau {:.4f}, Spearman {:.4f}\n"
      "The plain roofline has a MAPE of {} % on the same layers.\n",
      summaries.to_string(false, max_columns), evaluation.kendall_tau, evaluation.spearman,
      percent(evaluation.roofline_mape));
  if (evaluation.worst.empty()) return text;

  TextTable worst({{"worst layers", Alignment::kLeft},
                   {"op class", Alignment::kLeft},
                   {"simulated"},
                   {"predicted"},
                   {"error %"}});
  for (const Case& c : evaluation.worst) {
    worst.add_row({fmt::format("{}/{}", c.network, c.layer),
                   evaluation.op_classes[static_cast<std::size_t>(c.op_class)],
                   fmt::format("{:.0f}", c.measured), fmt::format("{:.0f}", c.predicted),
                   signed_percent(c.error())});
  }
  std::istringstream lines(worst.to_string(false, max_columns));
  std::string line;
  std::getline(lines, line);
  text += fmt::format("\n{}\n", line);
  for (const Case& c : evaluation.worst) {
    std::getline(lines, line);
    text += fmt::format("{}\n    {}\n", line, features_of(c, set));
  }
  return text;
}

nlohmann::ordered_json features_json(const FeatureSet& set, const std::vector<double>& values) {
  Json json = Json::object();
  for (std::size_t i = 0; i < set.features.size(); ++i) {
    json[std::string(set.features[i].name)] = values[i];
  }
  return json;
}

nlohmann::ordered_json evaluation_json(const Evaluation& evaluation, const FeatureSet& set) {
  Json classes = Json::object();
  for (std::size_t i = 0; i < evaluation.by_class.size(); ++i) {
    classes[evaluation.op_classes[i]] = summary_json(evaluation.by_class[i]);
  }
  Json worst = Json::array();
  for (const Case& c : evaluation.worst) worst.push_back(case_json(c, evaluation, set));
  return {{"layers", summary_json(evaluation.layers)},
          {"networks", summary_json(evaluation.networks)},
          {"kendall_tau", evaluation.kendall_tau},
          {"spearman", evaluation.spearman},
          {"roofline_mape", evaluation.roofline_mape},
          {"by_class", classes},
          {"worst", worst}};
}

}  // namespace tilewake
