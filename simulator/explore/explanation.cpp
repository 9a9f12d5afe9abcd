// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/explanation.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/hardware/dram_config.hpp"

namespace tilewake {
namespace {

// What is no resource: the size of a number, figures of kernels and drivers, and how exactly the
// order of bursts is modelled, which takes as long as thirty other simulations.
constexpr std::string_view kOtherKeys[] = {
    "core.element",   "core.accumulator_bytes",      "core.efficiency.", "core.relative_speed.",
    "core.winograd.", "core.activation_operations.", "dram.controller",  "energy."};
// What can be chosen of a DRAM device, with its timings in clocks. More channels are the way to a
// wider bus: another width is another device, whose energies a preset does not give.
constexpr std::string_view kDeviceKeys[] = {"dram.clock_mhz"};

enum class Bound { kLargest, kZero };

/// A key whose extreme value removes a limit.
struct UnlimitedKey {
  std::string_view path;
  Bound bound = Bound::kLargest;
  std::string_view resource;
};

// To add one: a line here. Keys that a machine does not have are skipped; equal names are changed
// together.
constexpr UnlimitedKey kUnlimited[] = {
    {"core.vector_unit.lanes", Bound::kLargest, "vector unit"},
    {"core.input_buffer.port_bytes", Bound::kLargest, "port of the input buffer"},
    {"core.weight_buffer.port_bytes", Bound::kLargest, "port of the weight buffer"},
    {"core.output_buffer.port_bytes", Bound::kLargest, "port of the output buffer"},
    {"core.feature_memory_bytes_per_cycle", Bound::kLargest, "feature memory port"},
    {"core.fold_cycles", Bound::kZero, "set-up of folds"},
    {"core.loop_cycles", Bound::kZero, "set-up of loops"},
    {"core.issue_cycles", Bound::kZero, "set-up of tiles"},
    {"dispatch.inference_cycles", Bound::kZero, "dispatch"},
    {"dispatch.layer_cycles", Bound::kZero, "dispatch"},
};

std::string number_text(const MachineKey& key, double value) {
  if (key.kind == MachineKey::Kind::kInteger) {
    return fmt::format("{}", static_cast<std::int64_t>(value));
  }
  return fmt::format("{}", value);
}

MachineChange change_of(const MachineKey& key, std::string value) {
  MachineChange change;
  change.settings = {{key.path, std::move(value)}};
  change.from = key.text;
  return change;
}

/// Twice and half a number, other values of a flag or a word.
std::vector<MachineChange> changes_of(const MachineKey& key) {
  std::vector<MachineChange> changes;
  if (!key.is_number()) {
    for (const std::string& choice : key.choices) {
      if (choice != key.text) changes.push_back(change_of(key, choice));
    }
    return changes;
  }
  if (key.value == 0.0) return changes;
  for (const double factor : {2.0, 0.5}) {
    double value = std::clamp(key.value * factor, key.min, key.max);
    if (key.kind == MachineKey::Kind::kInteger) value = std::floor(value);
    if (value < key.min || value == key.value) continue;
    changes.push_back(change_of(key, number_text(key, value)));
    changes.back().factor = value / key.value;
  }
  return changes;
}

/// Machines with one resource that is unlimited.
std::vector<MachineChange> unlimited(const HardwareConfig& machine) {
  std::vector<MachineChange> limits;
  if (!std::holds_alternative<IdealDramConfig>(machine.dram)) {
    MachineChange ideal;
    ideal.resource = "DRAM";
    ideal.settings = {{"dram.model", "ideal"}};
    ideal.from = kDramModels[machine.dram.index()];
    limits.push_back(std::move(ideal));
  }
  const std::vector<MachineKey> keys = machine_keys(machine);
  for (const UnlimitedKey& entry : kUnlimited) {
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const MachineKey& k) { return k.path == entry.path; });
    if (key == keys.end()) continue;
    const double value = entry.bound == Bound::kZero ? 0.0 : key->max;
    if (value == key->value) continue;
    MachineChange change = change_of(*key, number_text(*key, value));
    change.resource = entry.resource;
    if (!limits.empty() && limits.back().resource == entry.resource) {
      limits.back().settings.push_back(change.settings.front());
    } else {
      limits.push_back(std::move(change));
    }
  }
  return limits;
}

Roofline roofline_of(const HardwareConfig& machine, const Summary& summary) {
  Roofline roofline;
  const auto macs = static_cast<double>(summary.effective_macs);
  const auto bytes = static_cast<double>(summary.dram_read_bytes + summary.dram_write_bytes);
  const auto peak = static_cast<double>(machine.peak_macs_per_cycle());
  const double bandwidth = sustained_bytes_per_cycle(machine.dram);
  const double per_second = machine.clock_mhz * 1e6 / 1e9;  // giga, from a figure per cycle
  roofline.macs_per_byte = bytes > 0.0 ? macs / bytes : 0.0;
  roofline.balance = std::isfinite(bandwidth) ? peak / bandwidth : 0.0;
  roofline.peak_gmacs_per_s = peak * per_second;
  roofline.sustained_gb_per_s = bandwidth * per_second;
  const double compute = macs / peak;
  const double memory = std::isfinite(bandwidth) ? bytes / bandwidth : 0.0;
  roofline.least_ms = std::max(compute, memory) / (machine.clock_mhz * 1e3);
  roofline.is_memory_bound = memory > compute;
  return roofline;
}

double latency_ms(const PointResult& point) {
  double sum = 0.0;
  for (const Summary& network : point.networks) sum += network.latency_ms;
  return sum;
}

/// The group of a change and its place in it, the smaller the better: first changes that gain
/// latency without area, by their gain; then those that gain, by gain per area; then those that
/// gain nothing, by latency; last those that fail.
using ChangeOrder = std::pair<int, double>;

ChangeOrder order_of(const MachineChange& change, const PointResult& base) {
  if (!change.result.is_ok()) return {3, 0.0};
  const double ratio = latency_ms(change.result) / latency_ms(base);
  if (ratio >= 1.0) return {2, ratio};
  const double per_area = change.gain_per_area(base);
  return std::isinf(per_area) ? ChangeOrder{0, ratio} : ChangeOrder{1, -per_area};
}

void sort_changes(std::vector<MachineChange>& changes, const PointResult& base) {
  std::stable_sort(changes.begin(), changes.end(),
                   [&](const MachineChange& a, const MachineChange& b) {
                     return order_of(a, base) < order_of(b, base);
                   });
}

/// Keys of which every change that works gives the same latencies.
std::vector<std::string> slack_of(const std::vector<MachineChange>& changes,
                                  const std::vector<MachineKey>& keys, const PointResult& base) {
  std::vector<std::string> slack;
  for (const MachineKey& key : keys) {
    bool has_result = false;
    bool has_effect = false;
    for (const MachineChange& change : changes) {
      if (change.key() != key.path || !change.result.is_ok()) continue;
      has_result = true;
      has_effect = has_effect || latency_ms(change.result) != latency_ms(base);
    }
    if (has_result && !has_effect) slack.push_back(key.path);
  }
  return slack;
}

}  // namespace

double MachineChange::gain_per_area(const PointResult& base) const {
  const double gain = -relative(objective_named("latency", ""), base);
  const double more = relative(objective_named("area", ""), base);
  if (gain <= 0.0) return 0.0;
  return more > 0.0 ? gain / more : HUGE_VAL;
}

const MachineChange* Explanation::best() const {
  const MachineChange* best = nullptr;
  for (const MachineChange& change : changes) {
    if (!change.result.is_ok() || latency_ms(change.result) >= latency_ms(base)) continue;
    if (best == nullptr || latency_ms(change.result) < latency_ms(best->result)) best = &change;
  }
  return best;
}

double MachineChange::relative(const Objective& objective, const PointResult& base) const {
  const double before = objective.of(base);
  const double after = objective.of(result);
  if (before == 0.0) return after == 0.0 ? 0.0 : HUGE_VAL;
  return after / before - 1.0;
}

std::vector<MachineKey> explained_keys(const HardwareConfig& machine) {
  std::vector<MachineKey> keys = machine_keys(machine);
  std::erase_if(keys, [](const MachineKey& key) {
    if (key.kind == MachineKey::Kind::kOther) return true;
    if (key.of_device && std::find(std::begin(kDeviceKeys), std::end(kDeviceKeys), key.path) ==
                             std::end(kDeviceKeys)) {
      return true;
    }
    return std::any_of(std::begin(kOtherKeys), std::end(kOtherKeys),
                       [&](std::string_view other) { return key.path.starts_with(other); });
  });
  return keys;
}

Explanation explain(PointRunner& runner, const Machine& machine,
                    const std::vector<YamlOverride>& fixed, const SimulateOptions& options) {
  Explanation result;
  for (const Workload& workload : runner.workloads()) {
    NetworkExplanation network;
    network.time = measure_time_use(machine, workload, options);
    network.roofline = roofline_of(machine.config, network.time.simulation.summary);
    result.networks.push_back(std::move(network));
  }
  const std::vector<MachineKey> keys = explained_keys(machine.config);
  std::vector<MachineChange> all = unlimited(machine.config);
  const std::size_t num_limits = all.size();
  for (const MachineKey& key : keys) {
    for (MachineChange& change : changes_of(key)) all.push_back(std::move(change));
  }
  std::vector<PointRunner::Settings> points = {fixed};
  for (const MachineChange& change : all) {
    PointRunner::Settings& settings = points.emplace_back(fixed);
    // Another DRAM model has no use for keys that are set for this one.
    if (change.key() == "dram.model") {
      std::erase_if(settings, [](const YamlOverride& o) { return o.path.starts_with("dram."); });
    }
    settings.insert(settings.end(), change.settings.begin(), change.settings.end());
  }
  std::vector<std::optional<PointResult>> results = runner.run(points);
  if (!std::all_of(results.begin(), results.end(), [](const auto& r) { return r.has_value(); })) {
    throw Interrupted();
  }
  result.base = std::move(*results.front());
  if (!result.base.is_ok()) throw InputError(result.base.error);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].result = std::move(*results[i + 1]);
  const auto split = all.begin() + static_cast<std::ptrdiff_t>(num_limits);
  result.limits.assign(std::make_move_iterator(all.begin()), std::make_move_iterator(split));
  result.changes.assign(std::make_move_iterator(split), std::make_move_iterator(all.end()));
  sort_changes(result.changes, result.base);
  result.slack = slack_of(result.changes, keys, result.base);
  return result;
}

}  // namespace tilewake
