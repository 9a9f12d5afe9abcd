// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/explore_report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "simulator/api/sweep_figures.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

using ExploreJson = nlohmann::ordered_json;

/// "core.rows=32 core.cols=32"
std::string point_text(const ExploreReport& report, const ExploredPoint& point) {
  std::vector<YamlOverride> settings;
  for (std::size_t i = 0; i < point.values.size(); ++i) {
    const Setting& key = report.options.keys[i];
    settings.push_back({key.key, key.values[point.values[i]]});
  }
  return settings_text(settings);
}

std::string count_text(const ExploreReport& report) {
  const Exploration& e = report.exploration;
  std::string text =
      fmt::format("{} of {} machines evaluated{}; {} {} on the front",
                  with_separators(static_cast<std::int64_t>(e.points.size())),
                  with_separators(static_cast<std::int64_t>(e.grid_size)),
                  e.is_exhaustive ? "" : fmt::format(" by NSGA-II, seed {}", report.options.seed),
                  e.front.size(), e.front.size() == 1 ? "is" : "are");
  if (!report.options.limits.empty()) {
    text += fmt::format(", {} within the limits",
                        with_separators(static_cast<std::int64_t>(e.num_feasible())));
  }
  if (e.num_failed() > 0) {
    const auto first = std::find_if(e.points.begin(), e.points.end(),
                                    [](const auto& point) { return !point.result.is_ok(); });
    text += fmt::format(", {} not possible (the first: {})",
                        with_separators(static_cast<std::int64_t>(e.num_failed())),
                        first->result.error);
  }
  if (!e.is_complete) text += " (interrupted)";
  return text + "\n";
}

/// The point of the front with the least of each objective.
std::string ends_text(const ExploreReport& report) {
  const Exploration& e = report.exploration;
  std::string text;
  for (std::size_t m = 0; m < report.options.objectives.size(); ++m) {
    const Objective& objective = *report.options.objectives[m];
    const auto least =
        std::min_element(e.front.begin(), e.front.end(), [&](std::size_t a, std::size_t b) {
          return e.points[a].objectives[m] < e.points[b].objectives[m];
        });
    if (least == e.front.end()) break;
    const ExploredPoint& point = e.points[*least];
    text += fmt::format("least {}: {} {}", objective.name, with_decimals(point.objectives[m]),
                        objective.title);
    if (report.base != nullptr && objective.of(*report.base) > 0.0) {
      text += fmt::format(" ({:+.1f} % of {})",
                          100.0 * (point.objectives[m] / objective.of(*report.base) - 1.0),
                          report.machine.config.name);
    }
    text += ": " + one_line(point_text(report, point)) + "\n";
  }
  return text;
}

/// The last components of each key, as many as make it differ from the others:
/// "input_buffer.bytes".
std::vector<std::string> key_titles(const std::vector<Setting>& keys) {
  const auto suffix = [](const std::string& key, std::size_t count) {
    std::size_t begin = key.size() + 1;
    for (; count > 0 && begin > 0; --count) {
      const std::size_t dot = begin < 2 ? std::string::npos : key.rfind('.', begin - 2);
      begin = dot == std::string::npos ? 0 : dot + 1;
    }
    return key.substr(begin);
  };
  std::vector<std::string> titles;
  for (const Setting& key : keys) {
    std::size_t count = 1;
    const auto is_ambiguous = [&](const Setting& other) {
      return other.key != key.key && suffix(other.key, count) == suffix(key.key, count);
    };
    while (std::any_of(keys.begin(), keys.end(), is_ambiguous)) ++count;
    titles.push_back(suffix(key.key, count));
  }
  return titles;
}

TextTable front_table(const ExploreReport& report) {
  std::vector<TextTable::Column> columns;
  for (const std::string& title : key_titles(report.options.keys)) {
    columns.push_back({shortened(title)});
  }
  for (const Objective& objective : objectives()) {
    columns.push_back({std::string(objective.title)});
  }
  const bool has_several = report.workloads.size() > 1;
  if (has_several) {
    for (const Workload& workload : report.workloads) {
      columns.push_back({"ms " + shortened(workload.name, 16), TextTable::Alignment::kRight, 1});
    }
  }
  TextTable table(std::move(columns));
  for (const std::size_t i : report.exploration.front) {
    const ExploredPoint& point = report.exploration.points[i];
    std::vector<std::string> cells;
    for (std::size_t k = 0; k < point.values.size(); ++k) {
      cells.push_back(shortened(report.options.keys[k].values[point.values[k]]));
    }
    for (const Objective& objective : objectives()) {
      cells.push_back(with_decimals(objective.of(point.result)));
    }
    if (has_several) {
      for (const Summary& network : point.result.networks) {
        cells.push_back(with_decimals(network.latency_ms));
      }
    }
    table.add_row(std::move(cells));
  }
  return table;
}

ExploreJson explored_json(const ExploreReport& report, const ExploredPoint& point) {
  ExploreJson json;
  json["set"] = ExploreJson::object();
  for (std::size_t i = 0; i < point.values.size(); ++i) {
    const Setting& key = report.options.keys[i];
    json["set"][key.key] = key.values[point.values[i]];
  }
  for (const Objective& objective : objectives()) {
    json[std::string(objective.key)] = objective.of(point.result);
  }
  json["networks"] = ExploreJson::array();
  for (const Summary& summary : point.result.networks) {
    ExploreJson network = {{"network", summary.info.network}};
    network.update(figures_json(summary));
    json["networks"].push_back(std::move(network));
  }
  return json;
}

}  // namespace

std::string explore_table(const ExploreReport& report) {
  const std::size_t columns = output_columns();
  const std::string text = count_text(report) + ends_text(report);
  if (report.exploration.front.empty()) return wrapped_lines(text, columns);
  return wrapped_lines(text, columns) + "\n" + front_table(report).to_string(use_color(), columns);
}

std::string explore_csv(const ExploreReport& report) {
  std::vector<std::string> names;
  for (const Setting& key : report.options.keys) names.push_back(csv_field(key.key));
  names.insert(names.end(), {"status", "feasible", "on_front", "machine"});
  for (const Objective& objective : objectives()) names.emplace_back(objective.key);
  for (const Workload& workload : report.workloads) {
    for (const Objective& objective : objectives()) {
      if (objective.of_network == nullptr) continue;
      names.push_back(csv_field(fmt::format("{}:{}", objective.key, workload.name)));
    }
  }
  names.insert(names.end(), {"version", "error"});
  const Exploration& e = report.exploration;
  const std::set<std::size_t> front(e.front.begin(), e.front.end());
  std::string text = fmt::format("# tilewake-explore v1\n{}\n", fmt::join(names, ","));
  for (std::size_t i = 0; i < e.points.size(); ++i) {
    const ExploredPoint& point = e.points[i];
    const bool is_ok = point.result.is_ok();
    std::vector<std::string> fields;
    for (std::size_t k = 0; k < point.values.size(); ++k) {
      fields.push_back(csv_field(report.options.keys[k].values[point.values[k]]));
    }
    fields.insert(
        fields.end(),
        {is_ok ? "ok" : "failed", point.is_feasible ? "1" : "0", front.contains(i) ? "1" : "0",
         is_ok ? csv_field(point.result.networks.front().info.machine) : ""});
    for (const Objective& objective : objectives()) {
      fields.push_back(is_ok ? fmt::format("{}", objective.of(point.result)) : "");
    }
    for (std::size_t n = 0; n < report.workloads.size(); ++n) {
      for (const Objective& objective : objectives()) {
        if (objective.of_network == nullptr) continue;
        fields.push_back(is_ok ? fmt::format("{}", objective.of_network(point.result.networks[n]))
                               : "");
      }
    }
    fields.emplace_back(kVersion);
    fields.push_back(csv_field(one_line(point.result.error)));
    text += fmt::format("{}\n", fmt::join(fields, ","));
  }
  return text;
}

std::string explore_json(const ExploreReport& report) {
  const Exploration& e = report.exploration;
  ExploreJson json = {{"version", std::string(kVersion)}, {"hardware", report.machine.config.name},
                      {"grid_size", e.grid_size},         {"evaluated", e.points.size()},
                      {"feasible", e.num_feasible()},     {"failed", e.num_failed()},
                      {"exhaustive", e.is_exhaustive},    {"complete", e.is_complete},
                      {"seed", report.options.seed}};
  json["objectives"] = ExploreJson::array();
  for (const Objective* objective : report.options.objectives) {
    json["objectives"].push_back(std::string(objective->name));
  }
  json["limits"] = ExploreJson::object();
  for (const ObjectiveLimit& limit : report.options.limits) {
    json["limits"][std::string(limit.objective->key)] = limit.value;
  }
  json["front"] = ExploreJson::array();
  for (const std::size_t i : e.front) {
    json["front"].push_back(explored_json(report, e.points[i]));
  }
  return json_text(json);
}

}  // namespace tilewake
