// SPDX-License-Identifier: Apache-2.0
#include "nas/search/run_context.hpp"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/search/teacher.hpp"
#include "nas/training/ranks.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// 1 KB of the memory limits.
constexpr double kBytesPerKb = 1024.0;

/// A quantity of at least 0.001 with four digits after the point, a smaller one with three
/// significant ones.
std::string with_unit(double value, const char* unit) {
  return value < 1e-3 ? fmt::format("{:.3g} {}", value, unit)
                      : fmt::format("{:.4f} {}", value, unit);
}

}  // namespace

std::string_view to_string(Method method) {
  for (const auto& [name, value] : kMethodNames) {
    if (value == method) return name;
  }
  assert(false && "unknown method");
  return "";
}

std::vector<Target> targets_of(const RunContext& run) {
  std::vector<Target> targets;
  const std::vector<double> limits = run.limits();
  for (const double limit : limits) {
    targets.push_back({limit, limits.size() == 1
                                  ? run.directory
                                  : fmt::format("{}/target-{}{}", run.directory, limit,
                                                run.cost_unit() == CostUnit::kMj ? "mJ" : "ms")});
  }
  return targets;
}

CostUnit RunContext::cost_unit() const {
  if (max_params > 0 || (!targets_ms.empty() && !targets_mj.empty())) return CostUnit::kShare;
  return targets_ms.empty() ? CostUnit::kMj : CostUnit::kMs;
}

std::vector<double> RunContext::limits() const {
  if (cost_unit() == CostUnit::kShare) return {1.0};
  return targets_ms.empty() ? targets_mj : targets_ms;
}

double RunContext::cost_of(const NetworkCosts& costs, std::int64_t params) const {
  switch (cost_unit()) {
    case CostUnit::kMs:
      return costs.ms;
    case CostUnit::kMj:
      return costs.mj;
    case CostUnit::kShare:
      break;
  }
  double share = 0.0;
  if (!targets_ms.empty()) share = std::max(share, costs.ms / targets_ms.front());
  if (!targets_mj.empty()) share = std::max(share, costs.mj / targets_mj.front());
  if (max_params > 0)
    share = std::max(share, static_cast<double>(params) / static_cast<double>(max_params));
  return share;
}

double RunContext::estimate(const Network& network) const {
  NetworkCosts costs;
  if (!targets_ms.empty()) costs.ms = estimate_ms(network);
  if (!targets_mj.empty()) costs.mj = predict_energy(network).total_cycles;
  return cost_of(costs, max_params > 0 ? num_trained_params(network) : 0);
}

std::string RunContext::exceeds_memory(const NetworkCosts& costs) const {
  const auto beyond = [](std::int64_t bytes, std::int64_t limit, const char* what) {
    return limit > 0 && bytes > limit ? fmt::format("{:.1f} KB of {}, more than {:.1f}",
                                                    static_cast<double>(bytes) / kBytesPerKb, what,
                                                    static_cast<double>(limit) / kBytesPerKb)
                                      : std::string();
  };
  const std::string chip = beyond(costs.peak_chip_bytes, max_chip_bytes, "on-chip memory");
  return chip.empty() ? beyond(costs.dram_footprint_bytes, max_dram_bytes, "DRAM") : chip;
}

std::string RunContext::exceeds_memory(const Network& network) const {
  if (max_chip_bytes == 0 && max_dram_bytes == 0) return "";
  return exceeds_memory(simulate(network));
}

std::optional<double> latency_limit(const RunContext& run, const Target& target) {
  if (run.targets_ms.empty()) return {};
  return run.cost_unit() == CostUnit::kShare ? run.targets_ms.front() : target.limit;
}

std::optional<double> energy_limit(const RunContext& run, const Target& target) {
  if (run.targets_mj.empty()) return {};
  return run.cost_unit() == CostUnit::kShare ? run.targets_mj.front() : target.limit;
}

TargetMissed target_missed(const RunContext& run, const Target& target, const std::string& reason,
                           double least, Architecture network) {
  return {
      reason, target.limit, least, std::move(network), as_limit(run, target), as_cost(run, least)};
}

void check_limit(const RunContext& run, double limit, const std::string& name,
                 const Architecture& largest) {
  constexpr double kMaxGrowth = 8.0;  // S3NAS scaled its network to 4.8 times the latency
  const double cost = run.estimate(to_network(largest));
  if (limit <= kMaxGrowth * cost) return;
  throw InputError(fmt::format(
      "a limit of {} is more than {:.0f} times what {} takes ({}); give a lower limit, or a "
      "space with larger networks",
      as_limit(run, {limit, ""}), kMaxGrowth, name, as_cost(run, cost)));
}

SimulatedCost simulate_within(const RunContext& run, const Target& target, const Network& network) {
  SimulatedCost simulated;
  try {
    simulated.costs = run.simulate(network);
  } catch (const InputError& error) {  // the latency model ignores capacities
    simulated.missed = fmt::format("the machine cannot hold it: {}", error.what());
    return simulated;
  }
  simulated.cost = run.cost_of(simulated.costs, num_trained_params(network));
  if (simulated.cost > target.limit) {
    simulated.missed =
        fmt::format("{} is beyond the limit on the simulator", as_cost(run, simulated.cost));
  } else {
    simulated.missed = run.exceeds_memory(simulated.costs);
  }
  return simulated;
}

double search_limit(const RunContext& run, const Target& target) {
  const double share = run.search_share > 0.0 ? run.search_share : run.recipe.options.target_share;
  return share * target.limit;
}

std::string as_ms(double milliseconds) { return with_unit(milliseconds, "ms"); }

std::string as_mj(double millijoules) { return with_unit(millijoules, "mJ"); }

std::string as_cost(const RunContext& run, double cost) {
  switch (run.cost_unit()) {
    case CostUnit::kMs:
      return as_ms(cost);
    case CostUnit::kMj:
      return as_mj(cost);
    case CostUnit::kShare:
      break;
  }
  return fmt::format("{:.1f} % of the limits", 100.0 * cost);
}

std::string as_limit(const RunContext& run, const Target& target) {
  std::vector<std::string> limits;
  if (const auto ms = latency_limit(run, target)) limits.push_back(as_ms(*ms));
  if (const auto mj = energy_limit(run, target)) limits.push_back(as_mj(*mj));
  if (run.max_params > 0) limits.push_back(fmt::format("{} parameters", run.max_params));
  const auto add_memory = [&](std::int64_t bytes, const char* what) {
    if (bytes > 0)
      limits.push_back(
          fmt::format("{:g} KB of {}", static_cast<double>(bytes) / kBytesPerKb, what));
  };
  add_memory(run.max_chip_bytes, "on-chip memory");
  add_memory(run.max_dram_bytes, "DRAM");
  if (limits.size() == 1) return limits.front();
  const std::string last = limits.back();
  limits.pop_back();
  return fmt::format("{} and {}", fmt::join(limits, ", "), last);
}

std::string cost_column(CostUnit unit) {
  switch (unit) {
    case CostUnit::kMs:
      return "latency_ms";
    case CostUnit::kMj:
      return "energy_mj";
    case CostUnit::kShare:
      break;
  }
  return "share_of_limits";
}

std::string as_percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string as_percent(double share, double standard_error) {
  return fmt::format("{} (+-{})", as_percent(share), as_percent(standard_error));
}

void check_same_inputs(const RunContext& run) {
  if (run.ranks == nullptr) return;
  const ImageData& data = run.data;
  run.ranks->check_same(
      "the data",
      fnv1a64(fmt::format("{} {} {} {} {} {} {} {}", data.name, fmt::join(data.classes, "\n"),
                          fmt::join(data.mean, " "), fmt::join(data.stddev, " "),
                          data.train->size(), data.test->size(), data.side, data.fingerprint)));
  run.ranks->check_same("the values of the recipe", fnv1a64(recipe_yaml(run.recipe)));
  run.ranks->check_same(
      "the machine or the space",
      fnv1a64(run.machine + (uses_operators(run.method) ? operator_space_yaml(run.operators)
                                                        : search_space_yaml(run.space))));
  run.ranks->check_same("the teacher", fnv1a64(run.teacher ? run.teacher->identity : ""));
}

}  // namespace tilewake
