// SPDX-License-Identifier: Apache-2.0
#include "nas/report/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/report/paired.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr double kUsedShare = 0.95;  // minimum share of the limit for equal latency

/// The limit that separates tables: of latency or, without one, of energy.
double limit_of(const ComparedRun& run) {
  return run.target_ms > 0.0 ? run.target_ms : run.target_mj;
}

/// What that limits: simulated ms or mJ.
double limited_of(const ComparedRun& run) {
  return run.target_ms > 0.0 ? run.simulated_ms : run.simulated_mj.value_or(0.0);
}

std::string unit_of(const std::vector<ComparedRun>& runs) {
  return runs.empty() || runs.front().target_ms > 0.0 ? "ms" : "mJ";
}

/// The share of the limits that the network uses: the largest.
double used_share(const ComparedRun& run) {
  double share = 0.0;
  if (run.target_ms > 0.0) share = std::max(share, run.simulated_ms / run.target_ms);
  if (run.target_mj > 0.0) share = std::max(share, run.simulated_mj.value_or(0.0) / run.target_mj);
  if (run.max_params > 0)
    share = std::max(share, static_cast<double>(run.params) / static_cast<double>(run.max_params));
  return share;
}

/// "0.1 ms", or "0.1 ms, 0.02 mJ, 50000 parameters"
std::string limits_text(const std::vector<ComparedRun>& runs, double limit) {
  const auto run = std::find_if(runs.begin(), runs.end(),
                                [&](const ComparedRun& one) { return limit_of(one) == limit; });
  std::string text = fmt::format("{} {}", limit, unit_of(runs));
  if (run->target_ms > 0.0 && run->target_mj > 0.0) text += fmt::format(", {} mJ", run->target_mj);
  if (run->max_params > 0) text += fmt::format(", {} parameters", run->max_params);
  return text;
}

template <typename T>
void add_once(std::vector<T>& values, const T& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

std::vector<double> targets_of(const std::vector<ComparedRun>& runs) {
  std::vector<double> targets;
  for (const ComparedRun& run : runs) add_once(targets, limit_of(run));
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::vector<std::string> methods_of(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> methods;
  for (const ComparedRun& run : runs) add_once(methods, run.method);
  return methods;
}

using Value = std::function<double(const ComparedRun&)>;

double validation_of(const ComparedRun& run) { return run.validation_accuracy; }
double test_of(const ComparedRun& run) { return run.test_accuracy; }

/// Values of a method at a limit, by seed, for runs that found a network.
ValueBySeed values_of(const std::vector<ComparedRun>& runs, const std::string& method, double limit,
                      const Value& value) {
  ValueBySeed values;
  for (const ComparedRun& run : runs) {
    if (run.method == method && limit_of(run) == limit && run.missed.empty())
      values[run.seed] = value(run);
  }
  return values;
}

/// The same of figures that not every network has.
ValueBySeed present_values_of(const std::vector<ComparedRun>& runs, const std::string& method,
                              double limit, std::optional<double> ComparedRun::*value) {
  ValueBySeed values;
  for (const ComparedRun& run : runs) {
    if (run.method == method && limit_of(run) == limit && run.missed.empty() && run.*value)
      values[run.seed] = *(run.*value);
  }
  return values;
}

std::optional<SampleStatistics> statistics_of(const ValueBySeed& by_seed) {
  if (by_seed.empty()) return {};
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) values.push_back(value);
  return sample_statistics(values);
}

/// "93.16 +-0.12 (sd 0.20)", in percent.
std::string accuracy_text(const std::optional<SampleStatistics>& s) {
  if (!s) return "-";
  if (!s->standard_error) return fmt::format("{:.2f}", 100.0 * s->mean);
  return fmt::format("{:.2f} +-{:.2f} (sd {:.2f})", 100.0 * s->mean, 100.0 * *s->standard_error,
                     100.0 * *s->standard_deviation);
}

/// Mean energy; "-" if a network has none.
std::string energy_cell(const std::vector<ComparedRun>& runs, const std::string& method,
                        double limit) {
  const auto mean =
      statistics_of(present_values_of(runs, method, limit, &ComparedRun::simulated_mj));
  return mean ? fmt::format("{:#.4g}", mean->mean) : "-";
}

std::vector<std::string> row_cells(const std::vector<ComparedRun>& runs, const std::string& method,
                                   double limit) {
  const auto mean = [&](const Value& value) -> std::optional<double> {
    const auto s = statistics_of(values_of(runs, method, limit, value));
    return s ? std::optional<double>(s->mean) : std::nullopt;
  };
  const auto cell = [&](const Value& value, const char* format) {
    const std::optional<double> figure = mean(value);
    return figure ? fmt::format(fmt::runtime(format), *figure) : std::string("-");
  };
  const auto count = values_of(runs, method, limit, validation_of).size();
  return {method,
          std::to_string(count),
          accuracy_text(statistics_of(values_of(runs, method, limit, validation_of))),
          accuracy_text(statistics_of(values_of(runs, method, limit, test_of))),
          accuracy_text(statistics_of(
              present_values_of(runs, method, limit, &ComparedRun::int8_test_accuracy))),
          cell([](const ComparedRun& r) { return r.simulated_ms; }, "{:.4f}"),
          energy_cell(runs, method, limit),
          cell([](const ComparedRun& r) { return static_cast<double>(r.params) * 1e-3; }, "{:.1f}"),
          cell([](const ComparedRun& r) { return static_cast<double>(r.macs) * 1e-6; }, "{:.2f}"),
          cell([](const ComparedRun& r) { return static_cast<double>(r.trained_images) * 1e-3; },
               "{:.1f}"),
          cell([](const ComparedRun& r) { return static_cast<double>(r.evaluated_images) * 1e-3; },
               "{:.1f}"),
          cell([](const ComparedRun& r) { return r.search_seconds; }, "{:.0f}")};
}

/// Random networks of each method's space, over all seeds.
std::string random_text(const std::vector<ComparedRun>& runs, const std::string& method,
                        double limit) {
  std::vector<double> accuracies;
  for (const ComparedRun& run : runs) {
    if (run.method == method && limit_of(run) == limit) {
      accuracies.insert(accuracies.end(), run.random_accuracies.begin(),
                        run.random_accuracies.end());
    }
  }
  if (accuracies.empty()) return "";
  return fmt::format("  {}: one random network of its space, trained alike: {} ({} of them)\n",
                     method, accuracy_text(sample_statistics(accuracies)), accuracies.size());
}

std::string tau_text(const std::vector<ComparedRun>& runs, double limit) {
  std::string text;
  for (const ComparedRun& run : runs) {
    if (limit_of(run) == limit && run.kendall_tau) {
      text += fmt::format(
          "  {}, seed {}: Kendall's tau of supernet and short training {:.3f} over {} networks\n",
          run.method, run.seed, *run.kendall_tau, run.num_correlated);
    }
  }
  return text;
}

constexpr std::string_view kIndent = "  ";

std::string indented(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result += fmt::format("{}{}\n", kIndent, line);
  return result;
}

std::optional<SampleStatistics> difference_of(const std::vector<ComparedRun>& runs,
                                              const std::string& a, const std::string& b,
                                              double limit, const Value& value) {
  return paired_difference(values_of(runs, a, limit, value), values_of(runs, b, limit, value));
}

/// "+0.50 +-0.20", in percent.
std::string points_text(const SampleStatistics& difference) {
  const std::string mean = fmt::format("{:+.2f}", 100.0 * difference.mean);
  return difference.standard_error
             ? fmt::format("{} +-{:.2f}", mean, 100.0 * *difference.standard_error)
             : mean;
}

/// "95 %: -0.06 to +1.06, 0.5 points need 8 seeds", in percent; empty for one seed.
std::string certainty_text(const SampleStatistics& difference, double shown_points) {
  const std::optional<double> half = confidence_half(difference);
  if (!half) return "";
  const int seeds = required_values(difference, 0.01 * shown_points).value();
  return fmt::format("; 95 %: {:+.2f} to {:+.2f}; {:g} points need {}{} seeds",
                     100.0 * (difference.mean - *half), 100.0 * (difference.mean + *half),
                     shown_points, seeds == kMaxRequired ? "at least " : "", seeds);
}

std::string verdict_of(const SampleStatistics& difference, const std::string& a,
                       const std::string& b) {
  if (!difference.standard_error) return "no standard error";
  if (std::abs(difference.mean) <= confidence_half(difference).value())
    return "no clear difference";
  return (difference.mean > 0.0 ? b : a) + " is less accurate";
}

std::string differences_text(const std::vector<ComparedRun>& runs, double limit,
                             double shown_points) {
  const std::vector<std::string> methods = methods_of(runs);
  std::string text;
  for (std::size_t a = 0; a < methods.size(); ++a) {
    for (std::size_t b = a + 1; b < methods.size(); ++b) {
      const auto test = difference_of(runs, methods[a], methods[b], limit, test_of);
      if (!test) continue;
      const auto validation = difference_of(runs, methods[a], methods[b], limit, validation_of);
      text += fmt::format("  {} - {}: {} points over {}: {} (validation {}{})\n", methods[a],
                          methods[b], points_text(*test),
                          test->n == 1 ? "one seed" : fmt::format("{} seeds", test->n),
                          verdict_of(*test, methods[a], methods[b]), points_text(*validation),
                          certainty_text(*test, shown_points));
    }
  }
  return text;
}

OrderedJson difference_json(const SampleStatistics& difference) {
  OrderedJson json{{"mean", difference.mean}};
  if (difference.standard_error) json["standard_error"] = *difference.standard_error;
  if (const std::optional<double> half = confidence_half(difference))
    json["confidence_interval"] = {difference.mean - *half, difference.mean + *half};
  return json;
}

std::string missed_text(const std::vector<ComparedRun>& runs, double limit) {
  std::string text;
  for (const ComparedRun& run : runs) {
    if (limit_of(run) != limit) continue;
    if (!run.missed.empty())
      text += fmt::format("  {}, seed {}: {}\n", run.method, run.seed, run.missed);
    if (run.missed.empty() && used_share(run) < kUsedShare) {
      text += fmt::format("  {}, seed {}: {:.1f} % of the limit only, not at equal {}\n",
                          run.method, run.seed, 100.0 * used_share(run),
                          run.target_ms > 0.0 ? "latency" : "energy");
    }
  }
  return text;
}

std::vector<std::pair<double, double>> points_of(const std::vector<ComparedRun>& runs,
                                                 const std::string& method) {
  std::vector<std::pair<double, double>> points;
  for (const double limit : targets_of(runs)) {
    const auto accuracy = statistics_of(values_of(runs, method, limit, validation_of));
    const auto latency = statistics_of(values_of(runs, method, limit, limited_of));
    if (accuracy && latency) points.emplace_back(latency->mean, accuracy->mean);
  }
  return points;
}

std::string equal_accuracy_text(const std::vector<ComparedRun>& runs) {
  const std::vector<std::string> methods = methods_of(runs);
  const std::string unit = unit_of(runs);
  std::string text =
      fmt::format("{} at equal accuracy (straight lines between the limits' means)\n",
                  unit == "ms" ? "latency" : "energy");
  for (const auto& [ms, accuracy] : points_of(runs, methods.front())) {
    text += fmt::format("  {:.2f} %: {} {:.4f} {}", 100.0 * accuracy, methods.front(), ms, unit);
    for (std::size_t m = 1; m < methods.size(); ++m) {
      const std::optional<double> latency = latency_at(points_of(runs, methods[m]), accuracy);
      text += latency ? fmt::format(", {} {:.4f} {} ({:+.1f} %)", methods[m], *latency, unit,
                                    100.0 * (*latency / ms - 1.0))
                      : fmt::format(", {} not within these limits", methods[m]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::optional<double> latency_at(std::vector<std::pair<double, double>> points, double accuracy) {
  std::sort(points.begin(), points.end());
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [ms, reached] = points[i];
    if (reached == accuracy) return ms;
    if (reached < accuracy) continue;
    if (i == 0) return {};  // before the first point
    const auto& [last_ms, last] = points[i - 1];
    return last_ms + (ms - last_ms) * (accuracy - last) / (reached - last);
  }
  return {};
}

std::string comparison_table(const std::vector<ComparedRun>& runs, double shown_points,
                             std::size_t max_columns) {
  std::string text;
  for (const double limit : targets_of(runs)) {
    text += fmt::format("limit {}\n", limits_text(runs, limit));
    TextTable table({{"method", TextTable::Alignment::kLeft},
                     {"seeds"},
                     {"validation %", TextTable::Alignment::kRight, 1},
                     {"test %"},
                     {"int8 test %", TextTable::Alignment::kRight, 2},
                     {"simulated ms"},
                     {"mJ", TextTable::Alignment::kRight, 2},
                     {"params K", TextTable::Alignment::kRight, 3},
                     {"MMACs", TextTable::Alignment::kRight, 2},
                     {"trained K", TextTable::Alignment::kRight, 5},
                     {"scored K", TextTable::Alignment::kRight, 4},
                     {"search s"}});
    for (const std::string& method : methods_of(runs))
      table.add_row(row_cells(runs, method, limit));
    text += indented(table.to_string(false, max_columns == 0 ? 0 : max_columns - kIndent.size()));
    std::string random;
    for (const std::string& method : methods_of(runs)) random += random_text(runs, method, limit);
    text += random + tau_text(runs, limit) + missed_text(runs, limit);
    const std::string differences = differences_text(runs, limit, shown_points);
    if (!differences.empty()) {
      text +=
          "differences of test accuracy, paired by seed; clear at 95 % by Student's t, without "
          "correction for multiple tests\n" +
          differences;
    }
    text += "\n";
  }
  if (targets_of(runs).size() > 1) text += equal_accuracy_text(runs);
  return wrapped_lines(text, max_columns);
}

std::string comparison_csv(const std::vector<ComparedRun>& runs) {
  std::string text =
      "# tilewake-comparison v1\nmethod,target_ms,seed,simulated_ms,validation_accuracy,accuracy,"
      "params,macs,trained_images,evaluated_images,search_seconds,random_accuracy,kendall_tau,"
      "num_correlated,missed,int8_validation_accuracy,int8_accuracy,"
      "target_mj,simulated_mj\n";
  for (const ComparedRun& run : runs) {
    const auto random = run.random_accuracies.empty()
                            ? std::string()
                            : fmt::format("{}", sample_statistics(run.random_accuracies).mean);
    const std::string figures =
        run.missed.empty()
            ? fmt::format("{},{},{},{},{}", run.simulated_ms, run.validation_accuracy,
                          run.test_accuracy, run.params, run.macs)
            : ",,,,";
    const auto field = [&](const std::optional<double>& value) {
      return value && run.missed.empty() ? fmt::format("{}", *value) : std::string();
    };
    text += fmt::format("{},{},{},{},{},{},{:.3f},{},{},{},{},{},{},{},{}\n", csv_field(run.method),
                        run.target_ms > 0.0 ? fmt::format("{}", run.target_ms) : "", run.seed,
                        figures, run.trained_images, run.evaluated_images, run.search_seconds,
                        random, run.kendall_tau ? fmt::format("{}", *run.kendall_tau) : "",
                        run.kendall_tau ? fmt::format("{}", run.num_correlated) : "",
                        run.missed.empty() ? "" : (run.is_refused ? "refused" : "missed"),
                        field(run.int8_validation_accuracy), field(run.int8_test_accuracy),
                        run.target_mj > 0.0 ? fmt::format("{}", run.target_mj) : "",
                        field(run.simulated_mj));
  }
  return text;
}

std::string comparison_json(const std::vector<ComparedRun>& runs, double shown_points) {
  OrderedJson json;
  json["runs"] = OrderedJson::array();
  for (const ComparedRun& run : runs) {
    OrderedJson entry;
    entry["method"] = run.method;
    if (run.target_ms > 0.0) entry["target_ms"] = run.target_ms;
    if (run.target_mj > 0.0) entry["target_mj"] = run.target_mj;
    if (run.max_params > 0) entry["max_params"] = run.max_params;
    entry["seed"] = run.seed;
    if (run.missed.empty()) {
      entry["simulated_ms"] = run.simulated_ms;
      if (run.simulated_mj) entry["simulated_mj"] = *run.simulated_mj;
      entry["validation_accuracy"] = run.validation_accuracy;
      entry["accuracy"] = run.test_accuracy;
      if (run.int8_validation_accuracy)
        entry["int8_validation_accuracy"] = *run.int8_validation_accuracy;
      if (run.int8_test_accuracy) entry["int8_accuracy"] = *run.int8_test_accuracy;
      entry["params"] = run.params;
      entry["macs"] = run.macs;
    } else {
      entry["missed"] = run.missed;
    }
    entry["trained_images"] = run.trained_images;
    entry["evaluated_images"] = run.evaluated_images;
    entry["search_seconds"] = run.search_seconds;
    entry["random_accuracies"] = run.random_accuracies;
    if (run.kendall_tau) {
      entry["kendall_tau"] = *run.kendall_tau;
      entry["num_correlated"] = run.num_correlated;
    }
    json["runs"].push_back(std::move(entry));
  }
  json["differences"] = OrderedJson::array();
  const std::vector<std::string> methods = methods_of(runs);
  for (const double limit : targets_of(runs)) {
    for (std::size_t a = 0; a < methods.size(); ++a) {
      for (std::size_t b = a + 1; b < methods.size(); ++b) {
        const auto test = difference_of(runs, methods[a], methods[b], limit, test_of);
        if (!test) continue;
        const auto validation = difference_of(runs, methods[a], methods[b], limit, validation_of);
        OrderedJson entry{{"target_" + std::string(unit_of(runs) == "ms" ? "ms" : "mj"), limit},
                          {"methods", {methods[a], methods[b]}},
                          {"seeds", test->n},
                          {"test", difference_json(*test)},
                          {"validation", difference_json(*validation)},
                          {"verdict", verdict_of(*test, methods[a], methods[b])}};
        if (const auto seeds = required_values(*test, 0.01 * shown_points))
          entry["required_seeds"] = {{"points", shown_points}, {"seeds", *seeds}};
        json["differences"].push_back(std::move(entry));
      }
    }
  }
  return json.dump(1, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace tilewake
