// SPDX-License-Identifier: Apache-2.0
#include "python/explore.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

namespace tilewake::python {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no infinity.
Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

/// Texts of files may have any bytes.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void add_figures(Json& json, const PointResult& point) {
  for (const Objective& objective : objectives())
    json[std::string(objective.key)] =
        point.is_ok() ? number_or_null(objective.of(point)) : Json(nullptr);
}

Json change_json(const MachineChange& change, const PointResult& base) {
  Json json;
  if (!change.resource.empty()) json["resource"] = change.resource;
  Json& set = json["set"] = Json::object();
  for (const YamlOverride& setting : change.settings) set[setting.path] = setting.value;
  json["from"] = change.from;
  json["factor"] = change.factor > 0.0 ? Json(change.factor) : Json(nullptr);
  add_figures(json, change.result);
  if (!change.result.is_ok()) {
    json["error"] = change.result.error;
    return json;
  }
  Json& relative = json["relative"] = Json::object();
  for (const Objective& objective : objectives())
    relative[std::string(objective.name)] = number_or_null(change.relative(objective, base));
  json["gain_per_area"] = number_or_null(change.gain_per_area(base));
  return json;
}

Json changes_json(const std::vector<MachineChange>& changes, const PointResult& base) {
  Json json = Json::array();
  for (const MachineChange& change : changes) json.push_back(change_json(change, base));
  return json;
}

Json network_json(const NetworkExplanation& network) {
  const Summary& summary = network.time.simulation.summary;
  Json json = {{"network", summary.info.network},
               {"latency_ms", summary.latency_ms},
               {"total_cycles", summary.total_cycles}};
  Json& resources = json["resources"] = Json::object();
  const ResourceCycles total = network.time.total();
  for (std::size_t i = 0; i < kNumResources; ++i)
    resources[std::string(to_string(static_cast<Resource>(i)))] = total[i];
  const Roofline& r = network.roofline;
  json["roofline"] = {{"macs_per_byte", r.macs_per_byte},
                      {"balance_macs_per_byte", r.balance},
                      {"peak_gmacs_per_s", r.peak_gmacs_per_s},
                      {"sustained_gb_per_s", number_or_null(r.sustained_gb_per_s)},
                      {"least_ms", r.least_ms},
                      {"bound_by", r.is_memory_bound ? "dram" : "macs"}};
  return json;
}

}  // namespace

std::string explanation_text(const Explanation& explanation) {
  Json json;
  json["networks"] = Json::array();
  for (const NetworkExplanation& network : explanation.networks)
    json["networks"].push_back(network_json(network));
  add_figures(json["machine"] = Json::object(), explanation.base);
  json["limits"] = changes_json(explanation.limits, explanation.base);
  json["changes"] = changes_json(explanation.changes, explanation.base);
  json["slack"] = explanation.slack;
  return dump(json);
}

std::string exploration_text(const Exploration& exploration, const ExploreOptions& options) {
  Json json;
  json["grid_size"] = exploration.grid_size;
  json["is_exhaustive"] = exploration.is_exhaustive;
  json["front"] = exploration.front;
  Json& points = json["points"] = Json::object();
  for (std::size_t k = 0; k < options.keys.size(); ++k) {
    Json& column = points[options.keys[k].key] = Json::array();
    for (const ExploredPoint& point : exploration.points)
      column.push_back(options.keys[k].values[static_cast<std::size_t>(point.values[k])]);
  }
  for (const char* name : {"status", "feasible", "on_front", "error"}) points[name] = Json::array();
  for (const Objective& objective : objectives())
    points[std::string(objective.key)] = Json::array();
  for (std::size_t i = 0; i < exploration.points.size(); ++i) {
    const ExploredPoint& point = exploration.points[i];
    Json figures;
    add_figures(figures, point.result);
    figures["status"] = point.result.is_ok() ? "ok" : "failed";
    figures["feasible"] = point.is_feasible;
    figures["on_front"] =
        std::find(exploration.front.begin(), exploration.front.end(), i) != exploration.front.end();
    figures["error"] = point.result.error;
    for (const auto& [name, value] : figures.items()) points[name].push_back(value);
  }
  return dump(json);
}

}  // namespace tilewake::python
