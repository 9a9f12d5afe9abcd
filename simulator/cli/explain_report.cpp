// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/explain_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
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
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/op_names.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using ExplainJson = nlohmann::ordered_json;

constexpr std::size_t kWorstLayers = 5;
constexpr double kLeastShareShown = 0.005;  // of the time, of a resource
constexpr double kLeastEffect = 0.0005;     // of a change in words and in the table
constexpr double kLeastSaving = 0.01;       // of a change of a key without effect on the latency
constexpr std::size_t kChangesInWords = 3;  // of different keys

const Objective& latency_objective() { return objectives().front(); }

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string signed_percent(double value) {
  if (!std::isfinite(value)) return "from 0";
  if (std::abs(value) < kLeastEffect) return "0";
  return fmt::format("{:+.1f} %", 100.0 * value);
}

/// "x2", "x0.5", or nothing for a flag or a word.
std::string factor_text(const MachineChange& change) {
  return change.factor > 0.0 ? fmt::format("x{:.3g}", change.factor) : "";
}

bool is_slack(const Explanation& explanation, const MachineChange& change) {
  return std::find(explanation.slack.begin(), explanation.slack.end(), change.key()) !=
         explanation.slack.end();
}

/// "twice dram.num_channels (8)"
std::string words_of(const MachineChange& change) {
  if (change.factor == 2.0) return fmt::format("twice {} ({})", change.key(), change.value());
  if (change.factor == 0.5) return fmt::format("half of {} ({})", change.key(), change.value());
  return fmt::format("{} = {}", change.key(), change.value());
}

/// Indices of resources, the longest time first.
std::vector<std::size_t> by_cycles(const ResourceCycles& cycles) {
  std::vector<std::size_t> order(kNumResources);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cycles[a] > cycles[b]; });
  return order;
}

/// Layers that spend the most cycles on a resource; none with 0.
std::vector<std::size_t> worst_layers(const TimeUse& time, std::size_t resource) {
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < time.layers.size(); ++i) {
    if (time.layers[i][resource] > 0) layers.push_back(i);
  }
  std::stable_sort(layers.begin(), layers.end(), [&](std::size_t a, std::size_t b) {
    return time.layers[a][resource] > time.layers[b][resource];
  });
  if (layers.size() > kWorstLayers) layers.resize(kWorstLayers);
  return layers;
}

/// "weights 72 %, features 28 %; 4.1 MB, 3.5 MAC/byte"
std::string wait_reason(const TraceRow& row) {
  const std::pair<std::int64_t, std::string_view> causes[] = {
      {row.stall_weight_cycles, "weights"},
      {row.stall_feature_cycles, "features"},
      {row.stall_bias_cycles, "biases"},
      {row.stall_write_cycles, "writes"},
  };
  const std::int64_t waits = row.stall_dram_cycles + row.stall_write_cycles;
  std::string text;
  for (const auto& [cycles, name] : causes) {
    if (cycles == 0) continue;
    text +=
        fmt::format("{}{} {:.0f} %", text.empty() ? "" : ", ", name, 100.0 * ratio(cycles, waits));
  }
  const std::int64_t bytes = row.dram_read_bytes + row.dram_write_bytes;
  text += fmt::format("; {} MB of DRAM", megabytes(bytes));
  if (row.effective_macs > 0 && bytes > 0) {
    text += fmt::format(", {:.3g} MAC/byte", ratio(row.effective_macs, bytes));
  }
  return text;
}

/// Why a layer spends time on a resource.
std::string reason_of(const TraceRow& row, Resource resource) {
  switch (resource) {
    case Resource::kPeArray:
      return row.macs > 0 ? fmt::format("{}, PE utilization {}", to_string(row.op),
                                        percent(row.pe_utilization))
                          : std::string(to_string(row.op));
    case Resource::kVectorUnit:
      return std::string(to_string(row.op));
    case Resource::kDram:
    case Resource::kFeaturePort:
      return wait_reason(row);
    case Resource::kSetup:
      return fmt::format("{}, {} cycles of computation", to_string(row.op),
                         with_separators(row.compute_cycles));
    case Resource::kDispatch:
      return "commands";
  }
  return "";
}

std::string roofline_text(const Roofline& r, double latency_ms) {
  const std::string bandwidth = std::isfinite(r.sustained_gb_per_s)
                                    ? fmt::format("{:.3g} GB/s", r.sustained_gb_per_s)
                                    : std::string("ideal DRAM");
  return fmt::format(
      "Roofline: {:.3g} MAC/byte; the machine ({:.4g} GMAC/s, {}) balances at {:.3g}: bound by {}, "
      "{} ms at least, {} of that rate reached.\n",
      r.macs_per_byte, r.peak_gmacs_per_s, bandwidth, r.balance,
      r.is_memory_bound ? "DRAM" : "MACs", with_decimals(r.least_ms),
      percent(latency_ms > 0.0 ? r.least_ms / latency_ms : 0.0));
}

/// "DRAM bounds 61 % of the time, the PE array 30 %, set-up 9 %."
std::string shares_text(const TimeUse& time, const HardwareConfig& machine) {
  const ResourceCycles total = time.total();
  const std::int64_t whole = time.simulation.summary.total_cycles;
  std::string text;
  for (const std::size_t i : by_cycles(total)) {
    const double part = ratio(total[i], whole);
    if (part < kLeastShareShown) continue;
    text += fmt::format("{}{}{} {:.0f} %{}", text.empty() ? "" : ", ",
                        to_string(static_cast<Resource>(i), machine), text.empty() ? " bounds" : "",
                        100.0 * part, text.empty() ? " of the time" : "");
  }
  return text.empty() ? "" : text + ".\n";
}

std::string network_text(const NetworkExplanation& network, const Machine& machine,
                         std::size_t columns) {
  const Summary& summary = network.time.simulation.summary;
  std::string text = fmt::format("{} on {}: {} ms\n", summary.info.network, machine.config.name,
                                 with_decimals(summary.latency_ms)) +
                     shares_text(network.time, machine.config) +
                     roofline_text(network.roofline, summary.latency_ms);
  TextTable table({{"resource", Alignment::kLeft},
                   {"layer", Alignment::kLeft},
                   {"cycles"},
                   {"of the layer"},
                   {"of the network"},
                   {"why", Alignment::kLeft, 1, 16}});
  const ResourceCycles total = network.time.total();
  for (const std::size_t i : by_cycles(total)) {
    if (ratio(total[i], summary.total_cycles) < kLeastShareShown) continue;
    table.add_row({std::string(to_string(static_cast<Resource>(i), machine.config)), "all layers",
                   with_separators(total[i]), "", percent(ratio(total[i], summary.total_cycles))},
                  TextTable::Emphasis::kBold);
    for (const std::size_t k : worst_layers(network.time, i)) {
      const TraceRow& row = network.time.simulation.layers[k];
      const std::int64_t cycles = network.time.layers[k][i];
      table.add_row({"", shortened(row.layer), with_separators(cycles),
                     percent(ratio(cycles, row.total_cycles)),
                     percent(ratio(cycles, summary.total_cycles)),
                     reason_of(row, static_cast<Resource>(i))});
    }
  }
  return wrapped_lines(text, columns) + "\n" + table.to_string(use_color(), columns);
}

/// Keys of which twice as much alters no latency, though something else does.
std::vector<std::string> not_worth_doubling(const Explanation& explanation) {
  std::vector<std::string> keys;
  for (const MachineChange& change : explanation.changes) {
    if (change.factor != 2.0 || !change.result.is_ok() ||
        std::abs(change.relative(latency_objective(), explanation.base)) >= kLeastEffect ||
        is_slack(explanation, change)) {
      continue;
    }
    keys.push_back(change.key());
  }
  return keys;
}

/// "twice a (8): -24.0 %; b = true: -3.0 %": the first change of each of a few keys in this order.
std::string best_of(const std::vector<const MachineChange*>& order, const PointResult& base,
                    bool shows_area) {
  std::string text;
  std::vector<std::string> keys;
  for (const MachineChange* change : order) {
    const double gain = change->relative(latency_objective(), base);
    if (gain > -kLeastEffect || keys.size() == kChangesInWords) continue;
    if (std::find(keys.begin(), keys.end(), change->key()) != keys.end()) continue;
    keys.push_back(change->key());
    text +=
        fmt::format("{}{}: {}", text.empty() ? "" : "; ", words_of(*change), signed_percent(gain));
    if (shows_area) {
      text += fmt::format(" for {} of area",
                          signed_percent(change->relative(objective_named("area", ""), base)));
    }
  }
  return text;
}

/// "dram.bus_bytes 4: -12.0 % energy; ...": of keys without effect on the latency, what saves
/// area or energy and costs none of the other.
std::string savings_text(const Explanation& explanation) {
  std::vector<std::pair<double, std::string>> savings;
  const auto of = [&](const MachineChange& change, const char* name) {
    return change.relative(objective_named(name, ""), explanation.base);
  };
  for (const MachineChange& change : explanation.changes) {
    if (!change.result.is_ok() || !is_slack(explanation, change)) continue;
    const double area = of(change, "area");
    const double energy = of(change, "energy");
    const double least = std::min(area, energy);
    if (least > -kLeastSaving || std::max(area, energy) > kLeastEffect) continue;
    std::string text = fmt::format("{}:", words_of(change));
    if (area <= -kLeastSaving) text += fmt::format(" {} area", signed_percent(area));
    if (energy <= -kLeastSaving) text += fmt::format(" {} energy", signed_percent(energy));
    savings.emplace_back(least, std::move(text));
  }
  std::stable_sort(savings.begin(), savings.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (std::size_t i = 0; i < std::min(savings.size(), kChangesInWords); ++i)
    text += fmt::format("{}{}", text.empty() ? "Saved without loss of time: " : "; ",
                        savings[i].second);
  return text.empty() ? "" : text + ".\n";
}

/// The best changes in words, and keys without effect.
std::string answer_text(const Explanation& explanation) {
  std::vector<const MachineChange*> by_latency;
  std::vector<const MachineChange*> per_area;
  for (const MachineChange& change : explanation.changes) {
    if (!change.result.is_ok()) continue;
    by_latency.push_back(&change);
    if (std::isfinite(change.gain_per_area(explanation.base))) per_area.push_back(&change);
  }
  std::stable_sort(by_latency.begin(), by_latency.end(),
                   [](const MachineChange* a, const MachineChange* b) {
                     return latency_objective().of(a->result) < latency_objective().of(b->result);
                   });
  const std::string best = best_of(by_latency, explanation.base, /*shows_area=*/false);
  std::string text = best.empty() ? "No change of a single key reduces the latency.\n"
                                  : fmt::format("What helps most: {}.\n", best);
  const std::string cheap = best_of(per_area, explanation.base, /*shows_area=*/true);
  if (!cheap.empty()) text += fmt::format("Most for its area: {}.\n", cheap);
  if (!explanation.slack.empty()) {
    text += fmt::format("Without effect on the latency: {}.\n", fmt::join(explanation.slack, ", "));
  }
  text += savings_text(explanation);
  const std::vector<std::string> enough = not_worth_doubling(explanation);
  if (!enough.empty()) {
    text += fmt::format("Twice as much brings nothing: {}.\n", fmt::join(enough, ", "));
  }
  return text;
}

std::string limits_text(const Explanation& explanation) {
  std::string text;
  for (const MachineChange& limit : explanation.limits) {
    if (!limit.result.is_ok()) continue;
    text += fmt::format("{}{} {}", text.empty() ? "With one resource unlimited: " : ", ",
                        limit.resource,
                        signed_percent(limit.relative(latency_objective(), explanation.base)));
  }
  return text.empty() ? "" : text + ".\n";
}

TextTable changes_table(const Explanation& explanation) {
  std::vector<TextTable::Column> columns = {
      {"key", Alignment::kLeft}, {"from"}, {"to"}, {"factor", Alignment::kRight, 2}, {"ms"}};
  for (const Objective& objective : objectives()) {
    columns.push_back({std::string(objective.name)});
  }
  columns.push_back({"gain/area"});
  TextTable table(std::move(columns));
  for (const MachineChange& change : explanation.changes) {
    if (!change.result.is_ok() || is_slack(explanation, change)) continue;
    if (std::all_of(objectives().begin(), objectives().end(), [&](const Objective& objective) {
          return std::abs(change.relative(objective, explanation.base)) < kLeastEffect;
        })) {
      continue;  // in the lines above the table, and in csv and json
    }
    std::vector<std::string> cells = {change.key(), change.from, change.value(),
                                      factor_text(change),
                                      with_decimals(latency_objective().of(change.result))};
    for (const Objective& objective : objectives()) {
      cells.push_back(signed_percent(change.relative(objective, explanation.base)));
    }
    const double per_area = change.gain_per_area(explanation.base);
    cells.push_back(std::isinf(per_area) ? "no area"
                    : per_area > 0.0     ? fmt::format("{:.2f}", per_area)
                                         : "-");
    table.add_row(std::move(cells));
  }
  return table;
}

std::string invalid_text(const Explanation& explanation) {
  std::string text;
  for (const MachineChange& change : explanation.changes) {
    if (change.result.is_ok()) continue;
    text +=
        fmt::format("  {} = {}: {}\n", change.key(), change.value(), one_line(change.result.error));
  }
  return text.empty() ? "" : "\nNot possible:\n" + text;
}

std::string_view status_of(const PointResult& result) { return result.is_ok() ? "ok" : "failed"; }

/// A row of changes.csv and an element of the JSON.
struct ExplainRow {
  std::string_view kind;  // "machine", "unlimited", "change"
  const MachineChange* change = nullptr;
  const PointResult* result = nullptr;
};

std::vector<ExplainRow> rows_of(const Explanation& explanation) {
  std::vector<ExplainRow> rows = {{"machine", nullptr, &explanation.base}};
  for (const MachineChange& limit : explanation.limits) {
    rows.push_back({"unlimited", &limit, &limit.result});
  }
  for (const MachineChange& change : explanation.changes) {
    rows.push_back({"change", &change, &change.result});
  }
  return rows;
}

ExplainJson number_or_null(double value) {
  return std::isfinite(value) ? ExplainJson(value) : ExplainJson();
}

ExplainJson point_json(const ExplainRow& row, const ExplainReport& report) {
  ExplainJson json = {{"kind", row.kind}};
  if (row.change != nullptr) {
    if (!row.change->resource.empty()) json["resource"] = row.change->resource;
    json["set"] = ExplainJson::object();
    for (const YamlOverride& setting : row.change->settings) {
      json["set"][setting.path] = setting.value;
    }
    json["from"] = row.change->from;
    if (row.change->factor > 0.0) json["factor"] = row.change->factor;
  }
  json["status"] = status_of(*row.result);
  if (!row.result->is_ok()) {
    json["error"] = row.result->error;
    return json;
  }
  for (const Objective& objective : objectives()) {
    json[std::string(objective.key)] = objective.of(*row.result);
  }
  if (row.change != nullptr) {
    ExplainJson& relative = json["relative"] = ExplainJson::object();
    for (const Objective& objective : objectives()) {
      relative[std::string(objective.name)] =
          number_or_null(row.change->relative(objective, report.explanation.base));
    }
    json["gain_per_area"] = number_or_null(row.change->gain_per_area(report.explanation.base));
  }
  for (std::size_t i = 0; i < report.workloads.size(); ++i) {
    ExplainJson network = {{"network", report.workloads[i].name}};
    network.update(figures_json(row.result->networks[i]));
    json["networks"].push_back(std::move(network));
  }
  return json;
}

ExplainJson network_json(const NetworkExplanation& network) {
  const Summary& summary = network.time.simulation.summary;
  ExplainJson json = {{"network", summary.info.network},
                      {"total_cycles", summary.total_cycles},
                      {"latency_ms", summary.latency_ms}};
  const ResourceCycles total = network.time.total();
  for (const std::size_t i : by_cycles(total)) {
    ExplainJson layers = ExplainJson::array();
    for (const std::size_t k : worst_layers(network.time, i)) {
      const TraceRow& row = network.time.simulation.layers[k];
      layers.push_back({{"layer", row.layer},
                        {"cycles", network.time.layers[k][i]},
                        {"total_cycles", row.total_cycles},
                        {"why", reason_of(row, static_cast<Resource>(i))}});
    }
    json["resources"].push_back({{"resource", to_string(static_cast<Resource>(i))},
                                 {"cycles", total[i]},
                                 {"share", ratio(total[i], summary.total_cycles)},
                                 {"worst_layers", std::move(layers)}});
  }
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

std::string explain_table(const ExplainReport& report) {
  const Explanation& explanation = report.explanation;
  const std::size_t columns = output_columns();
  std::string text;
  for (const NetworkExplanation& network : explanation.networks) {
    text += network_text(network, report.machine, columns) + "\n";
  }
  if (report.workloads.size() > 1) {
    text += fmt::format("All {} networks together: {} ms\n", report.workloads.size(),
                        with_decimals(latency_objective().of(explanation.base)));
  }
  text += wrapped_lines(answer_text(explanation) + limits_text(explanation), columns) + "\n";
  text += changes_table(explanation).to_string(use_color(), columns);
  return text + wrapped_lines(invalid_text(explanation), columns);
}

std::string explain_csv(const ExplainReport& report) {
  std::vector<std::string> names = {"kind", "resource", "set", "from", "factor", "status"};
  for (const Objective& objective : objectives()) {
    names.emplace_back(objective.key);
    names.push_back(fmt::format("{}_relative", objective.name));
  }
  names.emplace_back("gain_per_area");
  for (const Workload& workload : report.workloads) {
    names.push_back(csv_field(fmt::format("latency_ms:{}", workload.name)));
  }
  names.emplace_back("error");
  std::string text = fmt::format("# tilewake-explain v1\n{}\n", fmt::join(names, ","));
  for (const ExplainRow& row : rows_of(report.explanation)) {
    const MachineChange* change = row.change;
    std::vector<std::string> fields = {
        std::string(row.kind),
        csv_field(change == nullptr ? "" : change->resource),
        csv_field(change == nullptr ? "" : settings_text(change->settings)),
        csv_field(change == nullptr ? "" : change->from),
        change == nullptr || change->factor == 0.0 ? "" : fmt::format("{}", change->factor),
        std::string(status_of(*row.result))};
    const bool is_ok = row.result->is_ok();
    for (const Objective& objective : objectives()) {
      fields.push_back(is_ok ? fmt::format("{}", objective.of(*row.result)) : "");
      const double relative =
          is_ok && change != nullptr ? change->relative(objective, report.explanation.base) : 0.0;
      fields.push_back(is_ok && std::isfinite(relative) ? fmt::format("{}", relative) : "");
    }
    const double per_area =
        is_ok && change != nullptr ? change->gain_per_area(report.explanation.base) : 0.0;
    fields.push_back(std::isfinite(per_area) ? fmt::format("{}", per_area) : "");
    for (std::size_t i = 0; i < report.workloads.size(); ++i) {
      fields.push_back(is_ok ? fmt::format("{}", row.result->networks[i].latency_ms) : "");
    }
    fields.push_back(csv_field(one_line(row.result->error)));
    text += fmt::format("{}\n", fmt::join(fields, ","));
  }
  return text;
}

std::string explain_json(const ExplainReport& report) {
  ExplainJson json = {{"version", std::string(kVersion)}, {"hardware", report.machine.config.name}};
  json["networks"] = ExplainJson::array();
  for (const NetworkExplanation& network : report.explanation.networks) {
    json["networks"].push_back(network_json(network));
  }
  json["points"] = ExplainJson::array();
  for (const ExplainRow& row : rows_of(report.explanation)) {
    json["points"].push_back(point_json(row, report));
  }
  const MachineChange* best = report.explanation.best();
  json["best"] =
      best == nullptr ? ExplainJson() : point_json({"change", best, &best->result}, report);
  json["slack"] = report.explanation.slack;
  return json_text(json);
}

}  // namespace tilewake
