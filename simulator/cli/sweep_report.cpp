// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep_report.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/api/sweep_figures.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kMaxFailuresTold = 20;

std::string status_of(const SweepResult& result) { return result.summary ? "ok" : "failed"; }

/// Calls `visit(point, result)` for every point, in the order of their numbers.
template <typename Visit>
void for_each_point(const Sweep& sweep, Visit visit) {
  for (std::int64_t i = 0; i < sweep.plan().size(); ++i) {
    visit(sweep.plan().point(i), sweep.results()[static_cast<std::size_t>(i)]);
  }
}

/// What tells the point from the others: its names and the values that are set.
std::vector<std::string> coordinates(const Sweep& sweep, const SweepPoint& point) {
  std::vector<std::string> words = {sweep.plan().hardware()[point.hardware],
                                    sweep.plan().networks()[point.network]};
  for (const YamlOverride& setting : point.settings) words.push_back(setting.value);
  return words;
}

bool has_batches(const Sweep& sweep) {
  return std::any_of(sweep.workloads().begin(), sweep.workloads().end(), [](const auto& workload) {
    return workload.value && workload.value->batch() > 1;
  });
}

std::vector<std::string> figure_cells(const Summary& s, bool shows_batch) {
  const std::int64_t stalls = s.stall_dram_cycles + s.stall_write_cycles;
  const double share =
      s.total_cycles == 0 ? 0.0 : static_cast<double>(stalls) / static_cast<double>(s.total_cycles);
  std::vector<std::string> cells = {with_separators(s.total_cycles), with_decimals(s.latency_ms)};
  if (shows_batch) {
    cells.insert(cells.end(), {with_separators(s.info.batch), with_decimals(s.ms_per_image())});
  }
  cells.insert(cells.end(),
               {with_decimals(static_cast<double>(s.macs) / 1e9), percent(s.pe_utilization),
                megabytes(s.dram_read_bytes + s.dram_write_bytes), percent(share),
                with_decimals(s.energy_mj), s.info.schedule});
  return cells;
}

/// "midap, dram.num_channels=2"
std::string place_text(const Sweep& sweep, const SweepPoint& point) {
  std::string text = sweep.plan().hardware()[point.hardware];
  if (!point.settings.empty()) text += ", " + settings_text(point.settings);
  return one_line(text);
}

/// The fastest point of each network that has several.
std::string fastest_text(const Sweep& sweep) {
  constexpr std::size_t kMaxNetworks = 8;
  const std::size_t num_networks = sweep.plan().networks().size();
  std::vector<std::int64_t> fastest(num_networks, -1);
  std::vector<std::int64_t> num_points(num_networks, 0);
  const auto ms_of = [&](std::int64_t i) {
    return sweep.results()[static_cast<std::size_t>(i)].summary->latency_ms;
  };
  for (std::int64_t i = 0; i < sweep.plan().size(); ++i) {
    if (!sweep.results()[static_cast<std::size_t>(i)].summary) continue;
    const std::size_t network = sweep.plan().point(i).network;
    ++num_points[network];
    if (fastest[network] < 0 || ms_of(i) < ms_of(fastest[network])) fastest[network] = i;
  }
  std::string text;
  for (std::size_t n = 0; n < num_networks; ++n) {
    if (n == kMaxNetworks) {
      text += fmt::format("and {} more networks\n", num_networks - n);
      break;
    }
    if (num_points[n] < 2) continue;
    text += fmt::format(
        "fastest for {}: {}: {} ms\n", shortened(one_line(sweep.plan().networks()[n])),
        place_text(sweep, sweep.plan().point(fastest[n])), with_decimals(ms_of(fastest[n])));
  }
  return text.empty() ? text : text + "\n";
}

/// Titles of the settings: the keys, or only their last components where those differ.
std::vector<std::string> setting_titles(const Sweep& sweep, bool is_short) {
  std::vector<std::string> titles;
  for (const Setting& setting : sweep.plan().settings()) {
    const std::string& key = setting.key;
    titles.push_back(is_short ? key.substr(key.rfind('.') + 1) : key);
  }
  const std::set<std::string> distinct(titles.begin(), titles.end());
  const bool is_clear = !is_short || distinct.size() == titles.size();
  return is_clear ? titles : setting_titles(sweep, false);
}

/// One row per point.
TextTable points_table(const Sweep& sweep, bool has_short_titles) {
  std::vector<TextTable::Column> columns = {{"hardware", Alignment::kLeft},
                                            {"network", Alignment::kLeft}};
  for (const std::string& title : setting_titles(sweep, has_short_titles)) {
    columns.push_back({shortened(printable(title))});
  }
  columns.insert(columns.end(), {{"cycles"}, {"ms"}});
  const bool batches = has_batches(sweep);
  if (batches) columns.insert(columns.end(), {{"batch"}, {"ms/image"}});
  columns.insert(columns.end(), {{"GMACs", Alignment::kRight, 5},
                                 {"PE util", Alignment::kRight, 2},
                                 {"DRAM MB", Alignment::kRight, 4},
                                 {"stalls", Alignment::kRight, 1},
                                 {"mJ", Alignment::kRight, 6},
                                 {"schedule", Alignment::kLeft, 3}});
  TextTable table(std::move(columns));
  for_each_point(sweep, [&](const SweepPoint& point, const SweepResult& result) {
    std::vector<std::string> cells;
    for (const std::string& word : coordinates(sweep, point)) {
      cells.push_back(shortened(printable(word)));
    }
    if (!result.summary) {
      cells.emplace_back("failed");
      table.add_row(std::move(cells), TextTable::Emphasis::kDim);
      return;
    }
    for (std::string& cell : figure_cells(*result.summary, batches))
      cells.push_back(std::move(cell));
    table.add_row(std::move(cells));
  });
  return table;
}

}  // namespace

std::string sweep_table(const Sweep& sweep) {
  const std::size_t max_columns = output_columns();
  std::string text = wrapped_lines(fastest_text(sweep), max_columns);
  const TextTable whole = points_table(sweep, false);
  const bool is_narrow =
      max_columns > 0 && whole.to_string(false) != whole.to_string(false, max_columns);
  text += (is_narrow ? points_table(sweep, true) : whole).to_string(use_color(), max_columns);
  if (sweep.num_failed() == 0) return text;
  const std::size_t end_of_table = text.size();
  text += "\nfailed:\n";
  std::int64_t num_told = 0;
  for (std::int64_t i = 0; i < sweep.plan().size() && num_told < kMaxFailuresTold; ++i) {
    if (sweep.results()[static_cast<std::size_t>(i)].summary) continue;
    text += "  " + failure_text(sweep, i) + "\n";
    ++num_told;
  }
  if (num_told < sweep.num_failed()) {
    text += fmt::format("  and {} more; csv and json have them all\n",
                        with_separators(sweep.num_failed() - num_told));
  }
  return text.substr(0, end_of_table) + wrapped_lines(text.substr(end_of_table), max_columns);
}

std::string sweep_csv(const Sweep& sweep) {
  std::vector<std::string> names = {"hardware", "network"};
  for (const Setting& setting : sweep.plan().settings()) names.push_back(csv_field(setting.key));
  names.insert(names.end(), {"status", "network_hash"});
  for (const SweepColumn& column : kSweepColumns) names.emplace_back(column.name);
  names.insert(names.end(), {"version", "error"});
  std::string text = fmt::format("# tilewake-sweep v1\n{}\n", fmt::join(names, ","));
  for_each_point(sweep, [&](const SweepPoint& point, const SweepResult& result) {
    std::vector<std::string> fields;
    for (const std::string& word : coordinates(sweep, point)) fields.push_back(csv_field(word));
    fields.push_back(status_of(result));
    if (result.summary) {
      fields.push_back(hash_text(result.summary->info.network_hash));
      for (std::string& field : figure_fields(*result.summary)) fields.push_back(std::move(field));
    } else {
      fields.resize(fields.size() + 1 + kSweepColumns.size());
    }
    fields.emplace_back(kVersion);
    fields.push_back(csv_field(one_line(result.error)));
    text += fmt::format("{}\n", fmt::join(fields, ","));
  });
  return text;
}

std::string sweep_json(const Sweep& sweep) {
  Json points = Json::array();
  for_each_point(sweep, [&](const SweepPoint& point, const SweepResult& result) {
    Json json;
    json["hardware"] = sweep.plan().hardware()[point.hardware];
    json["network"] = sweep.plan().networks()[point.network];
    Json set = Json::object();
    for (const YamlOverride& setting : point.settings) set[setting.path] = setting.value;
    json["set"] = std::move(set);
    json["status"] = status_of(result);
    if (result.summary) {
      json["network_hash"] = hash_text(result.summary->info.network_hash);
      json.update(figures_json(*result.summary));
    } else {
      json["error"] = result.error;
    }
    points.push_back(std::move(json));
  });
  Json json;
  json["version"] = std::string(kVersion);
  json["points"] = std::move(points);
  return json_text(json);
}

std::string failure_text(const Sweep& sweep, std::int64_t index) {
  const SweepPoint point = sweep.plan().point(index);
  std::string text =
      sweep.plan().hardware()[point.hardware] + ", " + sweep.plan().networks()[point.network];
  if (!point.settings.empty()) text += ", " + settings_text(point.settings);
  text += ": " + sweep.results()[static_cast<std::size_t>(index)].error;
  return one_line(text);
}

}  // namespace tilewake
