// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/holdout_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latency_model/evaluation.hpp"
#include "latency_model/holdout_csv.hpp"
#include "latency_model/report/csv_table.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kCellsPerDecade = 25.0;
constexpr std::size_t kMaxHeldOutLayers = 2'000'000;

/// Errors in logarithmic bins on both sides of 0: good models differ by factors.
constexpr std::array kEdges = {-0.5,  -0.2,  -0.1,  -0.05, -0.02, -0.01, -0.005, -0.002, -0.001,
                               0.001, 0.002, 0.005, 0.01,  0.02,  0.05,  0.1,    0.2,    0.5};

struct Dot {
  std::size_t row = 0;  // of the largest error
  double error = 0.0;
  std::int64_t count = 0;
};

using BinCounts = std::array<std::int64_t, kEdges.size() + 1>;

std::int64_t cell_of(double cycles) { return std::llround(std::log10(cycles) * kCellsPerDecade); }

Json bins_json(const std::map<std::string, BinCounts>& counts) {
  Json json = {{"op_class", Json::array()},
               {"from", Json::array()},
               {"to", Json::array()},
               {"count", Json::array()}};
  for (const auto& [name, bins] : counts) {
    for (std::size_t i = 0; i < bins.size(); ++i) {
      json["op_class"].push_back(name);
      json["from"].push_back(i == 0 ? Json() : Json(kEdges[i - 1]));
      json["to"].push_back(i == kEdges.size() ? Json() : Json(kEdges[i]));
      json["count"].push_back(bins[i]);
    }
  }
  return json;
}

}  // namespace

nlohmann::ordered_json holdout_data(const std::string& path, const Evaluation& holdout) {
  const Json columns = read_csv_columns(
      path, {kHoldoutFirstLine,
             {"network", "layer", "op_class", "simulated_cycles", "predicted_cycles"},
             kMaxHeldOutLayers});
  std::vector<double> simulated;
  std::vector<double> predicted;
  std::vector<std::string> op_classes;
  try {
    columns.at("simulated_cycles").get_to(simulated);
    columns.at("predicted_cycles").get_to(predicted);
    columns.at("op_class").get_to(op_classes);
  } catch (const Json::exception&) {
    throw InputError(path + ": a column is of another type");
  }
  if (std::any_of(simulated.begin(), simulated.end(), [](double value) { return value <= 0.0; }) ||
      std::any_of(predicted.begin(), predicted.end(), [](double value) { return value < 0.0; })) {
    throw InputError(path + ": cycles must be positive");
  }
  const ErrorSummary errors = summarize_errors(predicted, simulated);
  if (errors.n != holdout.layers.n || std::abs(errors.mape - holdout.layers.mape) > 1e-9) {
    throw InputError(path + ": is of another calibration than the model; repeat it with --holdout");
  }

  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, Dot> dots;
  std::map<std::string, BinCounts> bins;
  for (std::size_t i = 0; i < simulated.size(); ++i) {
    const double error = (predicted[i] - simulated[i]) / simulated[i];
    Dot& dot = dots[{op_classes[i], cell_of(simulated[i]), cell_of(std::max(predicted[i], 1.0))}];
    if (dot.count++ == 0 || std::abs(error) > std::abs(dot.error)) {
      dot.row = i;
      dot.error = error;
    }
    const auto* bin = std::upper_bound(kEdges.begin(), kEdges.end(), error);
    ++bins[op_classes[i]][static_cast<std::size_t>(std::distance(kEdges.begin(), bin))];
  }
  Json columns_of_dots = Json::object();
  for (const char* name :
       {"op_class", "simulated_cycles", "predicted_cycles", "network", "layer"}) {
    Json values = Json::array();
    for (const auto& [cell, dot] : dots) values.push_back(columns.at(name)[dot.row]);
    columns_of_dots[name] = std::move(values);
  }
  Json counts = Json::array();
  for (const auto& [cell, dot] : dots) counts.push_back(dot.count);
  columns_of_dots["count"] = std::move(counts);
  return {{"dots", std::move(columns_of_dots)}, {"bins", bins_json(bins)}};
}

}  // namespace tilewake
