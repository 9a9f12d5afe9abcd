// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/joint_search.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "nas/cli/joint_report.hpp"
#include "nas/report/paired.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/explore/explorer.hpp"
#include "simulator/explore/pareto.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

// Another search for a machine that gains less would change networks by chance only.
constexpr double kMinGain = 0.01;
// Costs that differ by less count as equal: the last percent of latency can cost a third of the
// area.
constexpr double kEqualCosts = 0.01;
// Sums of the same energies in another order.
constexpr double kRounding = 1e-9;

class JointSearch {
 public:
  JointSearch(const NasOptions& options, const Arguments& arguments, SearchSession& session,
              const HardwareSpace& space)
      : options_(options),
        arguments_(arguments),
        session_(session),
        limits_(session.request(run_options("fixed"), "run", arguments).run) {
    result_.limits = as_limit(limits_, targets_of(limits_).front());
    result_.space = space;
    result_.start = session.machine().config;
  }

  JointResult run() {
    std::optional<Architecture> network =
        run_on({}, machine_id(result_.start), session_, options_.hardware);
    for (std::int64_t round = 1; network; ++round) {
      const std::size_t first_pair = explore_with(*network);
      if (round > options_.num_hw_rounds) break;
      const std::optional<std::size_t> next = next_machine(first_pair);
      if (!next) break;
      network = run_round(round, result_.pairs[*next]);
    }
    if (std::none_of(result_.runs.begin(), result_.runs.end(),
                     [](const JointRun& r) { return r.found.has_value(); }))
      throw TargetMissed(missed_.value());
    find_front();
    find_best();
    const JointPair& best = result_.pairs[result_.best];
    log("best by validation accuracy: the network of {} on {}{}", result_.runs[best.run].name,
        machine_text(result_, best.settings),
        best.is_own ? "" : ", which dominates the machine on which it was searched");
    return std::move(result_);
  }

 private:
  template <typename... Values>
  void log(fmt::format_string<Values...> format, Values&&... values) {
    result_.log.push_back(fmt::format(format, std::forward<Values>(values)...));
    tilewake::log().info("joint search: {}", result_.log.back());
  }

  NasOptions run_options(const std::string& name) const {
    NasOptions run = options_;
    run.hw_space.clear();
    run.out = options_.out + "/" + name;
    run.resume = std::filesystem::exists(run.out + "/run.yaml");
    return run;
  }

  /// Searches on a machine. Returns the network found or, where the limit was missed, the cheapest
  /// one, which may keep to it on another machine.
  std::optional<Architecture> run_on(const std::vector<YamlOverride>& settings,
                                     const std::string& machine, SearchSession& session,
                                     const std::string& file) {
    const bool is_fixed = result_.runs.empty();
    JointRun run;
    run.name = is_fixed ? "fixed" : fmt::format("round-{}", result_.runs.size());
    run.settings = settings;
    run.machine = machine;
    NasOptions options = run_options(run.name);
    const bool is_there = std::filesystem::exists(options.out);
    options.hardware = file;
    if (!is_fixed) options.model.clear();  // it is of the machine of --hw
    std::optional<Architecture> network;
    try {
      const SearchRequest request = session.request(options, "run", arguments_);
      run.found = session.run(request, Step::kEvaluate).targets.front();
      network = run.record().architecture;
      log("{}: validation accuracy {}, simulated {} on {}", run.name,
          as_percent(run.validation_accuracy()), as_ms(*run.record().simulated_ms),
          machine_text(result_, settings));
    } catch (const TargetMissed& missed) {
      run.missed = missed.what();
      if (!missed_) missed_ = missed;
      if (is_fixed && !missed.fastest.stages.empty()) network = missed.fastest;
      log("{}: {}", run.name, run.missed);
    } catch (const InputError& error) {
      if (is_fixed || is_there) throw;  // a damaged file is no property of the machine
      run.missed = error.what();
      run.is_refused = true;
      print_error(fmt::format("{}: {}", options.out, error.what()));
    }
    result_.runs.push_back(std::move(run));
    return network;
  }

  std::optional<Architecture> run_round(std::int64_t round, const JointPair& pair) {
    const std::string path = fmt::format("{}/machine-{}.yaml", options_.out, round);
    write_file_atomically(
        path, variant_yaml(session_.machine(), pair.settings, fmt::format("_round{}", round)));
    NasOptions options = options_;
    options.hardware = path;
    SearchSession session(options);
    return run_on(pair.settings, pair.machine, session, path);
  }

  ExploreOptions explore_options() const {
    ExploreOptions explored;
    explored.keys = result_.space.keys;
    if (!limits_.targets_ms.empty())
      explored.objectives.push_back(&objective_named("latency", "--hw-space"));
    if (!limits_.targets_mj.empty())
      explored.objectives.push_back(&objective_named("energy", "--hw-space"));
    const Objective* area = &objective_named("area", "--hw-space");
    explored.objectives.push_back(area);
    explored.limits.push_back({area, result_.space.max_area_mm2});
    explored.max_evaluations = result_.space.max_evaluations;
    explored.seed = static_cast<std::uint64_t>(options_.seed);
    return explored;
  }

  /// Simulates the network of the last run on the machines of the runs and on those of the space.
  /// Returns the first of its pairs.
  std::size_t explore_with(const Architecture& network) {
    const std::size_t first = result_.pairs.size();
    const ExploreOptions explored = explore_options();
    PointRunnerOptions options;
    options.num_jobs =
        options_.num_threads > 0
            ? static_cast<std::size_t>(options_.num_threads)
            : static_cast<std::size_t>(std::max(1U, std::thread::hardware_concurrency()));
    std::optional<Progress> progress;
    progress.emplace(
        "simulated", "machines",
        static_cast<std::int64_t>(std::min(grid_size(explored.keys), explored.max_evaluations) +
                                  result_.runs.size()));
    options.keep_going = [&progress](std::int64_t done) {
      progress->update_if_due(done);
      return !InterruptDelay::is_pending();
    };
    PointRunner runner(session_.machine().file, {workload_of(to_network(network))}, options);
    std::vector<PointRunner::Settings> of_runs;
    for (auto run = result_.runs.rbegin(); run != result_.runs.rend(); ++run)
      of_runs.push_back(run->settings);
    const std::vector<std::optional<PointResult>> known = runner.run(of_runs);
    const Exploration exploration = explore(runner, explored);
    progress.reset();
    if (InterruptDelay::is_pending() || !exploration.is_complete) throw Interrupted();
    std::set<std::string> seen;
    for (std::size_t i = 0; i < known.size(); ++i)
      add_pair(of_runs[i], known[i].value(), network, seen);
    for (const ExploredPoint& point : exploration.points) {
      PointRunner::Settings settings;
      for (std::size_t k = 0; k < point.values.size(); ++k)
        settings.push_back({explored.keys[k].key, explored.keys[k].values[point.values[k]]});
      add_pair(settings, point.result, network, seen);
    }
    const auto is_in_area = [&](const JointPair& pair) {
      return pair.area_mm2 <= result_.space.max_area_mm2;
    };
    log("{} machines of {} simulated{} with the network of {}: {} within {:.4g} mm2, {} not "
        "possible",
        exploration.points.size(), exploration.grid_size,
        exploration.is_exhaustive ? "" : fmt::format(" by NSGA-II, seed {}", explored.seed),
        result_.runs.back().name,
        std::count_if(result_.pairs.begin() + static_cast<std::ptrdiff_t>(first),
                      result_.pairs.end(), is_in_area),
        result_.space.max_area_mm2, exploration.num_failed());
    return first;
  }

  void add_pair(const PointRunner::Settings& settings, const PointResult& point,
                const Architecture& network, std::set<std::string>& seen) {
    if (!point.is_ok()) {
      if (point.code == ExitCode::kInternal) throw std::runtime_error(point.error);
      return;
    }
    const Summary& summary = point.networks.front();
    if (!seen.insert(summary.info.machine).second) return;
    JointPair pair;
    pair.run = result_.runs.size() - 1;
    pair.settings = settings;
    pair.machine = summary.info.machine;
    pair.costs = {summary.latency_ms, summary.energy_mj, summary.info.peak_chip_bytes,
                  summary.info.dram_footprint_bytes};
    pair.area_mm2 = summary.area_mm2;
    pair.is_own = pair.machine == result_.runs.back().machine;
    const bool has_network = result_.runs.back().found.has_value();
    const double cost =
        limits_.cost_of(pair.costs, num_trained_params(to_network(network))) / (1.0 + kRounding);
    pair.is_within = has_network && cost <= targets_of(limits_).front().limit &&
                     limits_.exceeds_memory(pair.costs).empty() &&
                     pair.area_mm2 <= result_.space.max_area_mm2;
    result_.pairs.push_back(std::move(pair));
  }

  /// The smallest of the machines within area and memory on which the network costs least, up to
  /// kEqualCosts; none if it gains nothing or was searched before. Parameters are equal on all.
  std::optional<std::size_t> next_machine(std::size_t first) {
    const auto cost = [&](const JointPair& pair) { return limits_.cost_of(pair.costs, 0); };
    std::vector<std::size_t> possible;
    double least_cost = std::numeric_limits<double>::infinity();
    for (std::size_t i = first; i < result_.pairs.size(); ++i) {
      const JointPair& pair = result_.pairs[i];
      if (pair.area_mm2 > result_.space.max_area_mm2 || !limits_.exceeds_memory(pair.costs).empty())
        continue;
      possible.push_back(i);
      least_cost = std::min(least_cost, cost(pair));
    }
    std::optional<std::size_t> best;
    for (const std::size_t i : possible) {
      const JointPair& pair = result_.pairs[i];
      if (cost(pair) > least_cost * (1.0 + kEqualCosts)) continue;
      if (!best || std::pair(pair.area_mm2, cost(pair)) <
                       std::pair(result_.pairs[*best].area_mm2, cost(result_.pairs[*best])))
        best = i;
    }
    if (!best) {
      log("no machine keeps to the limits of memory and area");
      return {};
    }
    const JointPair& next = result_.pairs[*best];
    const auto own = std::find_if(result_.pairs.begin() + static_cast<std::ptrdiff_t>(first),
                                  result_.pairs.end(), [](const JointPair& p) { return p.is_own; });
    // The machine with which a limit was missed may not hold the network at all.
    const bool has_own = own != result_.pairs.end();
    const double gain = has_own ? 1.0 - cost(next) / cost(*own) : 1.0;
    const std::string change =
        fmt::format("{} instead of {}, {:.4g} mm2: {}", as_cost(limits_, cost(next)),
                    has_own ? as_cost(limits_, cost(*own)) : "no simulation", next.area_mm2,
                    machine_text(result_, next.settings));
    if (std::any_of(result_.runs.begin(), result_.runs.end(),
                    [&](const JointRun& run) { return run.machine == next.machine; })) {
      log("the best machine was searched before: {}", machine_text(result_, next.settings));
      return {};
    }
    if (gain < kMinGain) {
      log("the best machine gains less than {:.0f} %, so it is not searched: {}", 100.0 * kMinGain,
          change);
      return {};
    }
    log("the network takes {}", change);
    return best;
  }

  void find_front() {
    std::vector<std::size_t> candidates;
    std::vector<ObjectiveValues> values;
    for (std::size_t i = 0; i < result_.pairs.size(); ++i) {
      const JointPair& pair = result_.pairs[i];
      if (!pair.is_within) continue;
      candidates.push_back(i);
      values.push_back({-result_.runs[pair.run].validation_accuracy(), pair.costs.ms, pair.costs.mj,
                        pair.area_mm2});
    }
    for (const std::size_t i : pareto_front(values)) result_.pairs[candidates[i]].on_front = true;
  }

  void find_best() {
    std::optional<std::size_t> own;  // with the most accuracy
    const auto accuracy = [&](const JointPair& pair) {
      return result_.runs[pair.run].validation_accuracy();
    };
    for (std::size_t i = 0; i < result_.pairs.size(); ++i) {
      const JointPair& pair = result_.pairs[i];
      if (!pair.is_own || !pair.is_within) continue;
      if (!own || accuracy(pair) > accuracy(result_.pairs[*own])) own = i;
    }
    result_.best = own.value();
    const JointPair& searched = result_.pairs[*own];
    if (searched.on_front) return;
    const auto rank = [&](const JointPair& pair) {
      return std::pair(limits_.cost_of(pair.costs, 0), pair.area_mm2);
    };
    for (std::size_t i = 0; i < result_.pairs.size(); ++i) {
      const JointPair& pair = result_.pairs[i];
      const bool is_better = pair.on_front && accuracy(pair) >= accuracy(searched) &&
                             pair.costs.ms <= searched.costs.ms &&
                             pair.costs.mj <= searched.costs.mj &&
                             pair.area_mm2 <= searched.area_mm2;
      if (is_better && (result_.best == *own || rank(pair) < rank(result_.pairs[result_.best])))
        result_.best = i;
    }
  }

  const NasOptions& options_;
  const Arguments& arguments_;
  SearchSession& session_;
  RunContext limits_;  // its limits and costs; they are the same for all machines
  JointResult result_;
  std::optional<TargetMissed> missed_;  // the first one
};

}  // namespace

double JointRun::validation_accuracy() const {
  const std::optional<TrainingSpread> spread = training_spread(found.value());
  return spread ? sample_statistics(spread->validation_accuracies).mean
                : record().validation_accuracy.value();
}

double JointRun::test_accuracy() const {
  const std::optional<TrainingSpread> spread = training_spread(found.value());
  return spread ? sample_statistics(spread->test_accuracies).mean : record().test_accuracy.value();
}

const JointPair& JointResult::own_pair(std::size_t run) const {
  const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const JointPair& pair) {
    return pair.run == run && pair.is_own;
  });
  if (found == pairs.end()) throw std::logic_error("a run without a pair");
  return *found;
}

std::string variant_yaml(const Machine& start, const std::vector<YamlOverride>& settings,
                         const std::string& suffix) {
  if (settings.empty()) return hardware_yaml(start.config);
  HardwareConfig machine = read_machine_text(start.file.text, start.file.path, settings).config;
  machine.name += suffix;
  return fmt::format("# Found by tilewake nas: {} with {}.\n{}", start.config.name,
                     settings_text(settings), hardware_yaml(machine));
}

JointResult search_jointly(const NasOptions& options, const Arguments& arguments,
                           SearchSession& session, const HardwareSpace& space) {
  return JointSearch(options, arguments, session, space).run();
}

}  // namespace tilewake
