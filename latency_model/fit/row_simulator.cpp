// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/row_simulator.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "simulator/api/simulation.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/common/error.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"

namespace tilewake {
namespace {

constexpr int kMillisecondsBetweenLooks = 200;
constexpr std::int64_t kMaxStepsOfANetwork = 10'000'000;  // a few seconds
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// The work of one process: rows of one request.
struct Part {
  std::size_t request = 0;
  std::vector<std::size_t> rows;
  double cost = 0.0;
};

/// Latency in ms of a row; infinite if the machine
/// cannot hold it, or takes too many steps.
double latency_of(NetworkSimulator& simulator, const NetworkMapper& mapper,
                  const HardwareConfig& machine, const MeasuredRow& row) {
  try {
    MappingOptions limits;
    limits.max_steps = kMaxStepsOfANetwork;
    std::int64_t cycles = 0;
    for (const Network& network : row.workload.networks) {
      cycles += simulator.run(network, mapper.map(network, limits)).total_cycles;
    }
    return machine.cycles_to_ms(cycles);
  } catch (const InputError&) {
    return std::numeric_limits<double>::infinity();
  }
}

std::string latencies_text(const MeasuredTable& table, const HardwareConfig& machine,
                           const std::vector<std::size_t>& rows) {
  NetworkSimulator simulator(machine);
  const NetworkMapper mapper(machine);
  std::string text;
  for (const std::size_t row : rows) {
    text += fmt::format("{}\n", latency_of(simulator, mapper, machine, table.rows[row]));
  }
  return text;
}

/// Reads latencies_text().
void read_latencies(std::string_view text, const std::vector<std::size_t>& rows,
                    RowSimulator::Latencies& latencies) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  for (const std::size_t row : rows) {
    double value = 0.0;
    const auto [next, error] = std::from_chars(begin, end, value);
    if (error != std::errc() || next == end) throw SimulationError("a result is incomplete");
    latencies[row] = value;
    begin = next + 1;
  }
}

}  // namespace

RowSimulator::RowSimulator(const MeasuredTable& table, std::size_t num_jobs,
                           OnSimulated on_simulated)
    : table_(table),
      num_jobs_(num_jobs > 0 ? num_jobs : std::max(1U, std::thread::hardware_concurrency())),
      on_simulated_(std::move(on_simulated)) {
  for (const MeasuredRow& row : table.rows) {
    double cost = 0.0;
    for (const Network& network : row.workload.networks) {
      cost += static_cast<double>(network.layers.size()) +
              1e-7 * static_cast<double>(network.num_macs());
    }
    costs_.push_back(cost);
  }
}

void RowSimulator::remember(const std::string& machine, const Latencies& latencies) {
  Latencies& known = known_.try_emplace(machine, table_.rows.size(), kUnknown).first->second;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (!std::isnan(latencies[i])) known[i] = latencies[i];
  }
}

std::vector<RowSimulator::Latencies> RowSimulator::simulate(
    const std::vector<Request>& requests, const std::function<bool()>& keep_going) {
  std::vector<std::string> ids;
  std::vector<Part> parts;
  std::set<std::pair<std::string, std::size_t>> requested;
  const std::size_t parts_of_each = (num_jobs_ + requests.size() - 1) / requests.size();
  for (std::size_t r = 0; r < requests.size(); ++r) {
    ids.push_back(machine_id(requests[r].machine));
    const Latencies& known = known_.try_emplace(ids[r], table_.rows.size(), kUnknown).first->second;
    std::vector<std::size_t> missing;
    for (const std::size_t row : requests[r].rows) {
      if (std::isnan(known[row]) && requested.emplace(ids[r], row).second) missing.push_back(row);
    }
    // The longest rows first, each to the part with the least work.
    std::stable_sort(missing.begin(), missing.end(),
                     [this](std::size_t a, std::size_t b) { return costs_[a] > costs_[b]; });
    std::vector<Part> own(std::min(parts_of_each, missing.size()), Part{r, {}, 0.0});
    for (const std::size_t row : missing) {
      Part& part = *std::min_element(own.begin(), own.end(),
                                     [](const Part& a, const Part& b) { return a.cost < b.cost; });
      part.rows.push_back(row);
      part.cost += costs_[row];
    }
    std::move(own.begin(), own.end(), std::back_inserter(parts));
  }

  WorkerPool pool(num_jobs_);
  const auto wait = [&] {
    for (const WorkerPool::Result& result : pool.wait(kMillisecondsBetweenLooks)) {
      const Part& part = parts[static_cast<std::size_t>(result.id)];
      if (result.was_killed && keep_going && !keep_going()) throw Interrupted();
      if (result.code != ExitCode::kOk) throw SimulationError(result.text);
      Latencies latencies(table_.rows.size(), kUnknown);
      read_latencies(result.text, part.rows, latencies);
      remember(ids[part.request], latencies);
      if (on_simulated_) on_simulated_(ids[part.request], latencies);
      num_simulated_ += part.rows.size();
    }
    if (keep_going && !keep_going()) throw Interrupted();
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto work = [&, i] {
      return latencies_text(table_, requests[parts[i].request].machine, parts[i].rows);
    };
    while (!pool.start(static_cast<std::int64_t>(i), work)) wait();
  }
  while (!pool.is_idle()) wait();

  std::vector<Latencies> results;
  for (std::size_t r = 0; r < requests.size(); ++r) {
    Latencies latencies(table_.rows.size(), kUnknown);
    for (const std::size_t row : requests[r].rows) latencies[row] = known_.at(ids[r])[row];
    results.push_back(std::move(latencies));
  }
  return results;
}

}  // namespace tilewake
