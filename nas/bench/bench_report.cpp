// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/bench/benchmark.hpp"
#include "nas/report/paired.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using BenchJson = nlohmann::ordered_json;
using Alignment = TextTable::Alignment;

constexpr double kPoints = 100.0;  // percentage points of an accuracy

/// Half the width of the 95 % confidence interval of a mean, in standard errors.
double interval_errors(int n) {
  constexpr double kConfidence = 0.95;
  const boost::math::students_t distribution(n - 1);
  return boost::math::quantile(distribution, 0.5 + 0.5 * kConfidence);
}

/// Regrets by seed: the mean over the limits of machines.
ValueBySeed mean_regrets(std::span<const BenchMachine> machines, std::size_t method,
                         std::size_t trainings) {
  ValueBySeed sums;
  double count = 0.0;
  for (const BenchMachine& machine : machines) {
    for (const BenchLimit& limit : machine.limits) {
      const std::vector<double>& regrets = limit.regrets[method][trainings];
      for (std::size_t i = 0; i < regrets.size(); ++i) sums[i + 1] += regrets[i];
      count += 1.0;
    }
  }
  for (auto& [seed, value] : sums) value /= count;
  return sums;
}

ValueBySeed by_seed(const std::vector<double>& values) {
  ValueBySeed result;
  for (std::size_t i = 0; i < values.size(); ++i) result[i + 1] = values[i];
  return result;
}

SampleStatistics seed_statistics(const ValueBySeed& values) {
  std::vector<double> list;
  for (const auto& [seed, value] : values) list.push_back(value);
  return sample_statistics(list);
}

std::optional<std::size_t> index_of(const BenchOptions& options, BenchMethod method) {
  const auto found = std::find(options.methods.begin(), options.methods.end(), method);
  if (found == options.methods.end()) return std::nullopt;
  return static_cast<std::size_t>(found - options.methods.begin());
}

/// "0.132 +-0.004" in percentage points: mean and standard error.
std::string regret_text(const SampleStatistics& s) {
  if (!s.standard_error) return fmt::format("{:.3f}", kPoints * s.mean);
  return fmt::format("{:.3f} +-{:.3f}", kPoints * s.mean, kPoints * *s.standard_error);
}

/// "-0.412 +-0.021 *" in percentage points: mean and 95 % interval; * if that does not hold 0.
std::string difference_text(const SampleStatistics& s) {
  if (!s.standard_error) return fmt::format("{:+.3f}", kPoints * s.mean);
  const double half = interval_errors(s.n) * *s.standard_error;
  return fmt::format("{:+.3f} +-{:.3f}{}", kPoints * s.mean, kPoints * half,
                     std::abs(s.mean) > half ? " *" : "  ");
}

std::vector<TextTable::Column> training_columns(const std::string& first,
                                                const BenchOptions& options) {
  std::vector<TextTable::Column> columns = {{first, Alignment::kLeft}};
  // On a narrow terminal the smallest numbers are left out first; the largest stays.
  auto leave_out = static_cast<int>(options.trainings.size());
  for (const int trainings : options.trainings)
    columns.push_back({fmt::format("{} trained", trainings), Alignment::kRight, --leave_out});
  return columns;
}

std::string regrets_table(const BenchOptions& options, const std::vector<BenchMachine>& machines,
                          std::size_t max_columns) {
  TextTable table(training_columns("method", options));
  for (std::size_t m = 0; m < options.methods.size(); ++m) {
    std::vector<std::string> cells = {std::string(to_string(options.methods[m]))};
    for (std::size_t t = 0; t < options.trainings.size(); ++t)
      cells.push_back(regret_text(seed_statistics(mean_regrets(machines, m, t))));
    table.add_row(std::move(cells));
  }
  return table.to_string(false, max_columns);
}

/// Differences of `method` and `base`: a line per machine, and one of all.
std::string differences_table(const BenchOptions& options,
                              const std::vector<BenchMachine>& machines, std::size_t method,
                              std::size_t base, std::size_t max_columns) {
  TextTable table(training_columns("machine", options));
  const auto add = [&](const std::string& name, std::span<const BenchMachine> some) {
    std::vector<std::string> cells = {name};
    for (std::size_t t = 0; t < options.trainings.size(); ++t) {
      const auto difference =
          paired_difference(mean_regrets(some, method, t), mean_regrets(some, base, t));
      cells.push_back(difference_text(difference.value()));
    }
    table.add_row(std::move(cells));
  };
  for (const BenchMachine& machine : machines) add(machine.name, {&machine, 1});
  if (machines.size() > 1) add("mean", machines);
  return table.to_string(false, max_columns);
}

std::string tau_table(const std::vector<BenchMachine>& machines, std::size_t max_columns) {
  TextTable table(
      {{"machine", Alignment::kLeft}, {"log MACs"}, {"params"}, {"log both"}, {"depth"}});
  for (const BenchMachine& machine : machines) {
    table.add_row({machine.name, fmt::format("{:+.2f}", machine.tau.log_macs),
                   fmt::format("{:+.2f}", machine.tau.params),
                   fmt::format("{:+.2f}", machine.tau.capacity),
                   fmt::format("{:+.2f}", machine.tau.depth)});
  }
  return table.to_string(false, max_columns);
}

/// Calls `use` for every method and number of trainings of a limit, with the statistics of the
/// regret and its paired difference to random search.
template <typename Use>
void for_each_figure(const BenchOptions& options, const BenchLimit& limit, Use use) {
  const auto random = index_of(options, BenchMethod::kRandom);
  for (std::size_t m = 0; m < options.methods.size(); ++m) {
    for (std::size_t t = 0; t < options.trainings.size(); ++t) {
      const ValueBySeed regrets = by_seed(limit.regrets[m][t]);
      std::optional<SampleStatistics> difference;
      if (random && *random != m)
        difference = paired_difference(regrets, by_seed(limit.regrets[*random][t]));
      use(options.methods[m], options.trainings[t], seed_statistics(regrets), difference);
    }
  }
}

BenchJson null_or(const std::optional<double>& value) {
  return value ? BenchJson(*value) : BenchJson(nullptr);
}

BenchJson json_of(const BenchTau& tau) {
  return {{"log_macs", tau.log_macs},
          {"params", tau.params},
          {"capacity", tau.capacity},
          {"depth", tau.depth}};
}

BenchJson json_of(const SampleStatistics& regret,
                  const std::optional<SampleStatistics>& difference) {
  return {{"regret", regret.mean},
          {"standard_error", null_or(regret.standard_error)},
          {"minus_random", difference ? BenchJson(difference->mean) : BenchJson(nullptr)},
          {"minus_random_standard_error",
           difference ? null_or(difference->standard_error) : BenchJson(nullptr)}};
}

}  // namespace

std::string bench_machine_text(const BenchMachine& machine) {
  BenchJson json = {{"name", machine.name},
                    {"num_networks", machine.num_networks},
                    {"tau", json_of(machine.tau)},
                    {"limits", BenchJson::array()}};
  for (const BenchLimit& limit : machine.limits) {
    json["limits"].push_back({{"share", limit.share},
                              {"limit_ms", limit.limit_ms},
                              {"num_networks", limit.num_networks},
                              {"oracle", limit.oracle},
                              {"regrets", limit.regrets}});
  }
  return json.dump(-1, ' ', false, BenchJson::error_handler_t::replace);
}

BenchMachine bench_machine_of(const std::string& text) {
  const BenchJson json = BenchJson::parse(text);
  BenchMachine machine;
  machine.name = json.at("name");
  machine.num_networks = json.at("num_networks");
  const BenchJson& tau = json.at("tau");
  machine.tau = {tau.at("log_macs"), tau.at("params"), tau.at("depth"), tau.at("capacity")};
  for (const BenchJson& limit : json.at("limits")) {
    machine.limits.push_back({limit.at("share"), limit.at("limit_ms"), limit.at("num_networks"),
                              limit.at("oracle"), limit.at("regrets")});
  }
  return machine;
}

std::string bench_table(const BenchOptions& options, const std::vector<BenchMachine>& machines,
                        std::size_t max_columns) {
  std::string text = fmt::format(
      "regret: accuracy of the best network within the limit minus that of the network\n"
      "found, in percentage points; mean over machines ({}), limits ({}) and seeds ({}),\n"
      "and standard error over seeds\n\n",
      machines.size(), options.limits.size(), options.num_seeds);
  text += regrets_table(options, machines, max_columns);
  const auto guided = index_of(options, BenchMethod::kGuided);
  for (const BenchMethod method : {BenchMethod::kRandom, BenchMethod::kRandomNear}) {
    const auto base = index_of(options, method);
    if (!guided || !base) continue;
    text += fmt::format(
        "\nregret of guided minus {}, with 95 % intervals over seeds (*: not 0)\n\n{}",
        to_string(method), differences_table(options, machines, *guided, *base, max_columns));
  }
  text += "\nKendall's tau with accuracy at equal latency, mean over ten bins\n\n";
  return text + tau_table(machines, max_columns);
}

std::string bench_csv(const BenchOptions& options, const std::vector<BenchMachine>& machines) {
  const auto field = [](const std::optional<double>& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  std::string text =
      "# tilewake-bench v1\nmachine,limit_share,limit_ms,num_networks,oracle,method,trainings,"
      "regret,standard_error,minus_random,minus_random_standard_error\n";
  for (const BenchMachine& machine : machines) {
    for (const BenchLimit& limit : machine.limits) {
      for_each_figure(options, limit,
                      [&](BenchMethod method, int trainings, const SampleStatistics& regret,
                          const std::optional<SampleStatistics>& difference) {
                        text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n",
                                            csv_field(machine.name), limit.share, limit.limit_ms,
                                            limit.num_networks, limit.oracle, to_string(method),
                                            trainings, regret.mean, field(regret.standard_error),
                                            difference ? field(difference->mean) : "",
                                            difference ? field(difference->standard_error) : "");
                      });
    }
  }
  return text;
}

std::string bench_json(const BenchOptions& options, const std::vector<BenchMachine>& machines) {
  BenchJson json = {{"seeds", options.num_seeds},
                    {"proxy_tau", options.proxy_tau},
                    {"machines", BenchJson::array()},
                    {"mean", BenchJson::array()}};
  for (const BenchMachine& machine : machines) {
    BenchJson limits = BenchJson::array();
    for (const BenchLimit& limit : machine.limits) {
      BenchJson results = BenchJson::array();
      for_each_figure(
          options, limit,
          [&](BenchMethod method, int trainings, const SampleStatistics& regret,
              const std::optional<SampleStatistics>& difference) {
            BenchJson result = {{"method", to_string(method)}, {"trainings", trainings}};
            result.update(json_of(regret, difference));
            results.push_back(std::move(result));
          });
      limits.push_back({{"share", limit.share},
                        {"limit_ms", limit.limit_ms},
                        {"num_networks", limit.num_networks},
                        {"oracle", limit.oracle},
                        {"results", std::move(results)}});
    }
    json["machines"].push_back({{"machine", machine.name},
                                {"num_networks", machine.num_networks},
                                {"tau", json_of(machine.tau)},
                                {"limits", std::move(limits)}});
  }
  const auto random = index_of(options, BenchMethod::kRandom);
  for (std::size_t m = 0; m < options.methods.size(); ++m) {
    for (std::size_t t = 0; t < options.trainings.size(); ++t) {
      const ValueBySeed regrets = mean_regrets(machines, m, t);
      std::optional<SampleStatistics> difference;
      if (random && *random != m)
        difference = paired_difference(regrets, mean_regrets(machines, *random, t));
      BenchJson result = {{"method", to_string(options.methods[m])},
                          {"trainings", options.trainings[t]}};
      result.update(json_of(seed_statistics(regrets), difference));
      json["mean"].push_back(std::move(result));
    }
  }
  return json.dump(2, ' ', false, BenchJson::error_handler_t::replace) + "\n";
}

}  // namespace tilewake
