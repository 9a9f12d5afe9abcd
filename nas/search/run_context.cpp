// SPDX-License-Identifier: Apache-2.0
#include "nas/search/run_context.hpp"

#include <cassert>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

std::string_view to_string(Method method) {
  for (const auto& [name, value] : kMethodNames) {
    if (value == method) return name;
  }
  assert(false && "unknown method");
  return "";
}

std::vector<Target> targets_of(const RunContext& run) {
  std::vector<Target> targets;
  for (const double limit_ms : run.targets_ms) {
    targets.push_back({limit_ms, run.targets_ms.size() == 1
                                     ? run.directory
                                     : fmt::format("{}/target-{}ms", run.directory, limit_ms)});
  }
  return targets;
}

void check_limit(const RunContext& run, double limit_ms, const std::string& name,
                 const Architecture& largest) {
  constexpr double kMaxGrowth = 8.0;  // S3NAS scaled its network to 4.8 times the latency
  const double largest_ms = run.estimate(to_network(largest));
  if (limit_ms <= kMaxGrowth * largest_ms) return;
  throw InputError(fmt::format(
      "a limit of {} is more than {:.0f} times the latency of {} ({}); give a lower limit, or a "
      "space with larger networks",
      as_ms(limit_ms), kMaxGrowth, name, as_ms(largest_ms)));
}

SimulatedLatency simulate_within(const RunContext& run, const Target& target,
                                 const Network& network) {
  SimulatedLatency simulated;
  try {
    simulated.ms = run.simulate(network);
  } catch (const InputError& error) {  // the latency model ignores capacities
    simulated.missed = fmt::format("the machine cannot hold it: {}", error.what());
    return simulated;
  }
  if (simulated.ms > target.limit_ms) {
    simulated.missed = fmt::format("{} is beyond the limit on the simulator", as_ms(simulated.ms));
  }
  return simulated;
}

double search_limit_ms(const RunContext& run, const Target& target) {
  const double share = run.search_share > 0.0 ? run.search_share : run.recipe.options.target_share;
  return share * target.limit_ms;
}

std::string as_ms(double milliseconds) {
  return milliseconds < 1e-3 ? fmt::format("{:.3g} ms", milliseconds)
                             : fmt::format("{:.4f} ms", milliseconds);
}

std::string as_percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string as_percent(double share, double standard_error) {
  return fmt::format("{} (+-{})", as_percent(share), as_percent(standard_error));
}

}  // namespace tilewake
