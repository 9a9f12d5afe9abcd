// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/joint_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "nas/cli/accuracy_report.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/hardware/machine_keys.hpp"

namespace tilewake {
namespace {

using JointJson = nlohmann::ordered_json;

std::string as_mm2(double area) { return fmt::format("{:.4g}", area); }

/// The text of a key's value in the machine of --hw; empty where it has no such key.
std::string start_value(const JointResult& result, const std::string& path) {
  for (const MachineKey& key : machine_keys(result.start))
    if (key.path == path) return key.text;
  return "";
}

std::string percent_change(double value, double base) {
  return base > 0.0 ? fmt::format("{:+.1f} %", 100.0 * (value / base - 1.0)) : "-";
}

/// Of the difference of two test accuracies, from the number of test images; that of the trainings
/// is not known from one.
double difference_error(const StepRecord& a, const StepRecord& b) {
  return std::hypot(a.test_error.value_or(0.0), b.test_error.value_or(0.0));
}

std::string answer(const JointResult& result, const std::string& directory) {
  const JointPair& pair = result.pairs[result.best];
  const JointRun& best = result.runs[pair.run];
  const JointRun& fixed = result.runs.front();
  std::string text = fmt::format(
      "limits: {}; {} mm2\nbest: the network of {}, test accuracy {}, simulated {}, {}, {} mm2\n",
      result.limits, as_mm2(result.space.max_area_mm2), best.name, accuracies_text(best.record()),
      as_ms(pair.costs.ms), as_mj(pair.costs.mj), as_mm2(pair.area_mm2));
  text += fmt::format("on {} ({}/machine.yaml)\n", machine_text(result, pair.settings), directory);
  if (!fixed.found)
    return text + fmt::format("{} has no network within the limits\n", result.start.name);
  const JointPair& start = result.own_pair(0);
  if (&pair == &start) {
    return text + "no machine of the space dominates it\n";
  }
  const std::string against =
      pair.run == 0 ? fmt::format("against {} with the same network: ", result.start.name)
                    : fmt::format(
                          "against the network searched on {}: {:+.2f} points of test accuracy "
                          "(+-{:.2f} by the number of test images), ",
                          result.start.name, 100.0 * (best.test_accuracy() - fixed.test_accuracy()),
                          100.0 * difference_error(best.record(), fixed.record()));
  return text + fmt::format("{}{} of latency, {} of energy, {} of area\n", against,
                            percent_change(pair.costs.ms, start.costs.ms),
                            percent_change(pair.costs.mj, start.costs.mj),
                            percent_change(pair.area_mm2, start.area_mm2));
}

std::string runs_table(const JointResult& result, std::size_t columns) {
  using Alignment = TextTable::Alignment;
  TextTable table({{"search", Alignment::kLeft},
                   {"mm2"},
                   {"ms"},
                   {"mJ"},
                   {"test"},
                   {"validation"},
                   {"parameters", Alignment::kRight, 1},
                   {"machine", Alignment::kLeft}});
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const JointRun& run = result.runs[i];
    const std::string machine = machine_text(result, run.settings);
    if (!run.found) {
      table.add_row({run.name, "-", "-", "-", "missed", "-", "-", machine});
      continue;
    }
    const JointPair& pair = result.own_pair(i);
    table.add_row({run.name, as_mm2(pair.area_mm2), with_decimals(pair.costs.ms),
                   with_decimals(pair.costs.mj), as_percent(run.test_accuracy()),
                   as_percent(run.validation_accuracy()),
                   with_separators(num_trained_params(*run.record().architecture)), machine});
  }
  return table.to_string(use_color(), columns);
}

/// Rows of the front that are shown: of each network its own machine and the ends.
std::vector<std::pair<std::size_t, std::string>> shown_pairs(const JointResult& result) {
  const std::pair<std::string, double (*)(const JointPair&)> ends[] = {
      {"least latency", [](const JointPair& pair) { return pair.costs.ms; }},
      {"least energy", [](const JointPair& pair) { return pair.costs.mj; }},
      {"least area", [](const JointPair& pair) { return pair.area_mm2; }}};
  std::vector<std::pair<std::size_t, std::string>> shown;
  for (std::size_t run = 0; run < result.runs.size(); ++run) {
    const std::size_t begin = shown.size();
    const auto add = [&](std::size_t index, const std::string& label) {
      const auto known = std::find_if(shown.begin() + static_cast<std::ptrdiff_t>(begin),
                                      shown.end(), [&](const auto& s) { return s.first == index; });
      if (known == shown.end()) {
        shown.emplace_back(index, label);
      } else {
        known->second += ", " + label;
      }
    };
    for (std::size_t i = 0; i < result.pairs.size(); ++i) {
      const JointPair& pair = result.pairs[i];
      if (pair.run == run && pair.is_own && pair.on_front) add(i, "searched");
    }
    for (const auto& [label, of] : ends) {
      std::optional<std::size_t> least;
      for (std::size_t i = 0; i < result.pairs.size(); ++i) {
        const JointPair& pair = result.pairs[i];
        if (pair.run == run && pair.on_front && (!least || of(pair) < of(result.pairs[*least])))
          least = i;
      }
      if (least) add(*least, label);
    }
  }
  return shown;
}

std::string front_text(const JointResult& result, const std::string& directory,
                       std::size_t columns) {
  using Alignment = TextTable::Alignment;
  TextTable table({{"network", Alignment::kLeft},
                   {"mm2"},
                   {"ms"},
                   {"mJ"},
                   {"validation"},
                   {"", Alignment::kLeft},
                   {"machine", Alignment::kLeft}});
  for (const auto& [index, label] : shown_pairs(result)) {
    const JointPair& pair = result.pairs[index];
    const JointRun& run = result.runs[pair.run];
    table.add_row({run.name, as_mm2(pair.area_mm2), with_decimals(pair.costs.ms),
                   with_decimals(pair.costs.mj), as_percent(run.validation_accuracy()), label,
                   machine_text(result, pair.settings)});
  }
  const auto num_front = std::count_if(result.pairs.begin(), result.pairs.end(),
                                       [](const JointPair& pair) { return pair.on_front; });
  return fmt::format(
             "front: {} pairs of network and machine (validation accuracy, latency, energy, area); "
             "all in {}/front.csv\n",
             num_front, directory) +
         table.to_string(use_color(), columns);
}

JointJson settings_json(const std::vector<YamlOverride>& settings) {
  JointJson json = JointJson::object();
  for (const YamlOverride& setting : settings) json[setting.path] = setting.value;
  return json;
}

void add_costs(JointJson& json, const JointPair& pair) {
  json["latency_ms"] = pair.costs.ms;
  json["energy_mj"] = pair.costs.mj;
  json["area_mm2"] = pair.area_mm2;
  json["peak_chip_bytes"] = pair.costs.peak_chip_bytes;
  json["dram_footprint_bytes"] = pair.costs.dram_footprint_bytes;
}

}  // namespace

std::string machine_text(const JointResult& result, const std::vector<YamlOverride>& settings) {
  std::vector<YamlOverride> changed;
  for (const YamlOverride& setting : settings)
    if (setting.value != start_value(result, setting.path)) changed.push_back(setting);
  return changed.empty() ? result.start.name : settings_text(changed);
}

std::string joint_table(const JointResult& result, const std::string& directory) {
  const std::size_t columns = output_columns();
  return wrapped_lines(answer(result, directory), columns) + "\n" + runs_table(result, columns) +
         "\n" + front_text(result, directory, columns);
}

std::string joint_json(const JointResult& result) {
  JointJson json;
  json["limits"] = result.limits;
  json["max_area_mm2"] = result.space.max_area_mm2;
  json["hardware"] = result.start.name;
  const JointPair& best = result.pairs[result.best];
  json["best"] = {{"network", result.runs[best.run].name}, {"set", settings_json(best.settings)}};
  add_costs(json["best"], best);
  json["best"]["validation_accuracy"] = result.runs[best.run].validation_accuracy();
  json["best"]["accuracy"] = result.runs[best.run].test_accuracy();
  json["runs"] = JointJson::array();
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const JointRun& run = result.runs[i];
    JointJson entry = {{"name", run.name}, {"set", settings_json(run.settings)}};
    if (!run.found) {
      entry["missed"] = run.missed;
    } else {
      add_costs(entry, result.own_pair(i));
      add_accuracies(entry, run.record());
      entry["mean_validation_accuracy"] = run.validation_accuracy();
      entry["mean_accuracy"] = run.test_accuracy();
      entry["params"] = num_trained_params(*run.record().architecture);
    }
    json["runs"].push_back(std::move(entry));
  }
  json["front"] = JointJson::array();
  for (const JointPair& pair : result.pairs) {
    if (!pair.on_front) continue;
    const JointRun& run = result.runs[pair.run];
    JointJson entry = {{"network", run.name}, {"set", settings_json(pair.settings)}};
    add_costs(entry, pair);
    entry["validation_accuracy"] = run.validation_accuracy();
    entry["accuracy"] = run.test_accuracy();
    json["front"].push_back(std::move(entry));
  }
  return json.dump(1, ' ', /*ensure_ascii=*/false, JointJson::error_handler_t::replace) + "\n";
}

std::string joint_csv(const JointResult& result, bool only_front) {
  std::string text = fmt::format("# tilewake-joint v1\nnetwork");
  std::vector<std::string> start_values;
  for (const Setting& key : result.space.keys) {
    text += "," + csv_field(key.key);
    start_values.push_back(start_value(result, key.key));
  }
  text +=
      ",searched,within_limits,on_front,latency_ms,energy_mj,area_mm2,peak_chip_bytes,"
      "dram_footprint_bytes,validation_accuracy,accuracy\n";
  for (const JointPair& pair : result.pairs) {
    if (only_front && !pair.on_front) continue;
    const JointRun& run = result.runs[pair.run];
    text += csv_field(run.name);
    for (std::size_t k = 0; k < start_values.size(); ++k) {
      const auto set =
          std::find_if(pair.settings.begin(), pair.settings.end(),
                       [&](const YamlOverride& s) { return s.path == result.space.keys[k].key; });
      text += "," + csv_field(set == pair.settings.end() ? start_values[k] : set->value);
    }
    text += fmt::format(",{:d},{:d},{:d},{},{},{},{},{},", pair.is_own, pair.is_within,
                        pair.on_front, pair.costs.ms, pair.costs.mj, pair.area_mm2,
                        pair.costs.peak_chip_bytes, pair.costs.dram_footprint_bytes);
    text +=
        run.found ? fmt::format("{},{}\n", run.validation_accuracy(), run.test_accuracy()) : ",\n";
  }
  return text;
}

}  // namespace tilewake
