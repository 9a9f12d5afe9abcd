// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/point_runner.hpp"

#include <algorithm>
#include <cassert>
#include <malloc.h>
#include <map>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "simulator/api/simulation.hpp"
#include "simulator/api/sweep_figures.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/common/failure.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMillisecondsToWait = 100;
// Of the work of one process: long beside the start of a process, short beside the second that an
// interrupt may take.
constexpr double kSecondsOfAChunk = 0.3;
constexpr std::size_t kMaxChunk = 256;
// Bytes that a worker keeps between simulations instead of returning them to the system: a page
// that comes back costs more than most of the events of a small layer.
constexpr int kKeptBytes = 256 << 20;

Summary summary_of(const Json& figures, const Workload& workload) {
  Summary summary = figures_of(figures);
  summary.info.network = workload.name;
  summary.info.network_hash = workload.hash();
  return summary;
}

/// What a worker returns for a point, and back.
Json json_of(const PointResult& result) {
  if (!result.is_ok()) return {{"code", static_cast<int>(result.code)}, {"error", result.error}};
  Json networks = Json::array();
  for (const Summary& summary : result.networks) networks.push_back(figures_json(summary));
  return {{"on_chip_bytes", result.on_chip_bytes}, {"networks", std::move(networks)}};
}

PointResult result_of(const Json& json, const std::vector<Workload>& workloads) {
  PointResult result;
  if (json.contains("error")) {
    result.code = static_cast<ExitCode>(json.at("code").get<int>());
    result.error = json.at("error").get<std::string>();
    return result;
  }
  result.code = ExitCode::kOk;
  result.on_chip_bytes = json.at("on_chip_bytes").get<std::int64_t>();
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    result.networks.push_back(summary_of(json.at("networks").at(i), workloads[i]));
  }
  return result;
}

PointResult simulated(const InputFile& file, const PointRunner::Settings& settings,
                      const std::vector<Workload>& workloads, const MappingOptions& limits) {
  PointResult result;
  try {
    const Machine machine = {file, read_hardware_text(file.text, file.path, settings)};
    SimulateOptions options;
    options.mapping = limits;
    for (const Workload& workload : workloads) {
      result.networks.push_back(simulate(machine, workload, options).summary);
    }
    result.on_chip_bytes = on_chip_bytes(machine.config);
    result.code = ExitCode::kOk;
  } catch (const std::exception& e) {
    Failure failure = failure_of(e);
    result.networks.clear();
    result.code = failure.code;
    result.error = std::move(failure.text);
  }
  return result;
}

}  // namespace

PointRunner::PointRunner(InputFile machine, std::vector<Workload> workloads,
                         PointRunnerOptions options)
    : machine_(std::move(machine)), workloads_(std::move(workloads)), options_(std::move(options)) {
  assert(!workloads_.empty());
}

std::vector<std::optional<PointResult>> PointRunner::run(const std::vector<Settings>& points) {
  std::vector<std::optional<PointResult>> results(points.size());
  if (!keep_going()) return results;
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < points.size(); ++i) {
    std::optional<PointResult> found = options_.find ? find(points[i]) : std::nullopt;
    if (!found) {
      unknown.push_back(i);
      continue;
    }
    results[i] = std::move(*found);
    ++num_found_;
    ++num_done_;
  }
  simulate_all(points, unknown, results);
  return results;
}

/// The result of a point of which every network is known.
std::optional<PointResult> PointRunner::find(const Settings& settings) const {
  PointResult result;
  try {
    const HardwareConfig machine = read_hardware_text(machine_.text, machine_.path, settings);
    const std::string id = machine_id(machine);
    for (const Workload& workload : workloads_) {
      const Summary* summary = options_.find(id, workload.hash());
      if (summary == nullptr) return std::nullopt;
      result.networks.push_back(*summary);
      result.networks.back().info.network = workload.name;
    }
    result.on_chip_bytes = on_chip_bytes(machine);
    result.code = ExitCode::kOk;
  } catch (const InputError&) {
    return std::nullopt;  // its error comes from the simulation
  }
  return result;
}

/// Runs in a worker.
std::string PointRunner::work_on(const std::vector<const Settings*>& points) const {
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_TOP_PAD, 16 << 20);
  const Stopwatch stopwatch;
  Json results = Json::array();
  for (const Settings* settings : points) {
    results.push_back(json_of(simulated(machine_, *settings, workloads_, options_.mapping)));
  }
  const Json json = {{"seconds", stopwatch.wall_seconds()}, {"points", std::move(results)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Points of one process.
std::size_t PointRunner::chunk_size(std::size_t num_points, std::size_t num_jobs) const {
  if (seconds_per_point_ <= 0.0) return 1;
  const auto by_time = static_cast<std::size_t>(kSecondsOfAChunk / seconds_per_point_);
  const std::size_t fair = (num_points + 2 * num_jobs - 1) / (2 * num_jobs);  // two rounds
  return std::clamp<std::size_t>(std::min(by_time, fair), 1, kMaxChunk);
}

void PointRunner::simulate_all(const std::vector<Settings>& points,
                               const std::vector<std::size_t>& indices,
                               std::vector<std::optional<PointResult>>& results) {
  const std::size_t num_jobs =
      options_.num_jobs > 0 ? options_.num_jobs : std::max(1U, std::thread::hardware_concurrency());
  WorkerPool pool(num_jobs);
  std::map<std::int64_t, std::vector<std::size_t>> under_way;  // by the id of the process
  std::vector<std::size_t> alone;  // of a process that ended early: one process each
  std::size_t next = 0;
  std::int64_t next_id = 0;
  const auto start = [&](const std::vector<std::size_t>& chunk) {
    std::vector<const Settings*> settings;
    for (const std::size_t index : chunk) settings.push_back(&points[index]);
    if (!pool.start(next_id, [this, &settings] { return work_on(settings); })) return false;
    under_way[next_id++] = chunk;
    return true;
  };
  const auto take = [&](std::size_t index, PointResult result) {
    for (const Summary& network : result.networks) {
      if (options_.on_simulated) options_.on_simulated(network);
    }
    results[index] = std::move(result);
    ++num_simulated_;
    ++num_done_;
  };
  bool is_going = true;
  while (true) {
    while (is_going && next < indices.size()) {
      const std::size_t size = chunk_size(indices.size() - next, num_jobs);
      const std::size_t end = std::min(next + size, indices.size());
      const auto begin = indices.begin() + static_cast<std::ptrdiff_t>(next);
      if (!start({begin, indices.begin() + static_cast<std::ptrdiff_t>(end)})) break;
      next = end;
    }
    while (is_going && next == indices.size() && !alone.empty() && start({alone.back()})) {
      alone.pop_back();
    }
    if (pool.is_idle()) break;
    for (WorkerPool::Result& worker : pool.wait(kMillisecondsToWait)) {
      const std::vector<std::size_t> chunk = std::move(under_way.at(worker.id));
      under_way.erase(worker.id);
      if (worker.code == ExitCode::kOk) {
        const Json json = Json::parse(worker.text);
        for (std::size_t i = 0; i < chunk.size(); ++i) {
          take(chunk[i], result_of(json.at("points").at(i), workloads_));
        }
        const double seconds = json.at("seconds").get<double>() / static_cast<double>(chunk.size());
        seconds_per_point_ = std::max(seconds, 1e-6);
      } else if (chunk.size() > 1) {
        alone.insert(alone.end(), chunk.rbegin(), chunk.rend());
      } else if (!worker.was_killed || keep_going()) {
        // A signal that ended this command and its processes says nothing about the point.
        PointResult failed;
        failed.code = worker.code;
        failed.error = std::move(worker.text);
        take(chunk.front(), std::move(failed));
      }
    }
    is_going = is_going && keep_going();
  }
}

}  // namespace tilewake
