// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/measurements.hpp"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "latency_model/trace_cache.hpp"
#include "simulator/cli/build_id.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/simulation.hpp"
#include "simulator/cli/stopwatch.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "simulator/trace/trace_network.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// Rows are lines, behind the version of the format and the header.
constexpr std::size_t kFirstRowLine = 3;

/// A few seconds of simulation; a designed network takes thousands of steps on a sensible machine.
constexpr std::int64_t kMaxStepsOfNetwork = 10'000'000;

void check_origin(const TraceFile& trace, const std::string& machine) {
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& row = trace.rows[i];
    if (row.machine != machine) {
      trace.fail(i, "machine",
                 fmt::format("measured on {}, but --hw is {}", printable(row.machine), machine));
    }
    if (row.version != kVersion) {
      trace.fail(i, "version",
                 fmt::format("measured with version {}, this is {}: simulate again",
                             printable(row.version), kVersion));
    }
  }
}

/// Simulates one network after another, and remembers them.
class Simulations {
 public:
  Simulations(const HardwareConfig& hardware, Simulator& simulator, TraceCache* cache)
      : hardware_(hardware), cache_(cache), simulator_(simulator) {}

  /// Its rows, or none if the machine cannot hold it, or is too small to simulate it in seconds.
  std::optional<std::vector<TraceRow>> rows_of(const Network& network) {
    if (cache_ != nullptr) {
      if (std::optional<std::vector<TraceRow>> rows = cache_->find(network)) {
        ++num_from_cache;
        return rows;
      }
    }
    std::optional<Program> program;
    try {
      program = map_network(network, hardware_, {kMaxStepsOfNetwork, "", nullptr});
    } catch (const InputError& e) {
      ++num_left_out;
      log().debug("left out {}: {}", network.name, e.what());
      return std::nullopt;
    }
    std::vector<TraceRow> rows = simulate_layers(simulator_, hardware_, network, *program).rows;
    ++num_simulated;
    if (cache_ != nullptr && !cache_->add(network, rows)) ++num_not_kept;
    return rows;
  }

  int num_from_cache = 0;
  int num_simulated = 0;
  int num_not_kept = 0;  // of those: the cache is full
  int num_left_out = 0;

 private:
  const HardwareConfig& hardware_;
  TraceCache* cache_;
  Simulator& simulator_;
};

void save(TraceCache& cache) {
  try {
    cache.save();
  } catch (const InputError& e) {
    log().warn("{}; the next run will simulate all over again", e.what());
  }
}

}  // namespace

std::string add_trace(Measurements& measurements, const std::string& path) {
  std::error_code error;
  fs::path file = path;
  if (fs::is_directory(file, error)) file /= "layers.csv";
  const TraceFile trace = read_trace(file.string());
  check_origin(trace, machine_id(measurements.hardware));
  for (const Measurement& measured : measurements_of(trace)) {
    try {
      add_measurement(measurements.dataset, measurements.extractor, measurements.hardware,
                      measured.network, {measured.rows.begin(), measured.rows.end()});
    } catch (const InputError& e) {
      trace.fail(measured.first_row, "network", e.what());
    }
  }
  return fmt::format("{}:{}", trace.name, kFirstRowLine + trace.rows.size() - 1);
}

void add_simulations(Measurements& measurements, Simulator& simulator, const CalibrationSet& set,
                     const std::string& cache_path) {
  // An interrupt ends the process at the end of this function, with the cache saved, or after a
  // second, without what was simulated.
  const InterruptDelay delay(InterruptDelay::kOneSecond);
  const Stopwatch stopwatch;
  const HardwareConfig& hardware = measurements.hardware;
  std::optional<TraceCache> cache;
  if (!cache_path.empty()) {
    cache.emplace(cache_path, machine_id(hardware), build_id());
    if (!cache->warning().empty()) log().info(cache->warning());
  }
  Simulations simulations(hardware, simulator, cache ? &*cache : nullptr);
  int done = 0;
  {
    Progress progress("simulated", "networks", set.size());
    while (done < set.size() && !InterruptDelay::is_pending()) {
      const Network network = set.network(done);
      if (const auto rows = simulations.rows_of(network)) {
        add_measurement(measurements.dataset, measurements.extractor, hardware, network, *rows);
      }
      progress.update(++done);
    }
  }
  if (cache) save(*cache);
  if (simulations.num_not_kept > 0) {
    log().info("{} networks were simulated and not kept, the cache is full",
               simulations.num_not_kept);
  }
  if (done < set.size()) {
    log().info("stopped after {} of {} networks{}", done, set.size(),
               cache ? "; the next run goes on from there" : "");
    return;
  }
  if (simulations.num_simulated == 0) {
    log().info("nothing had to be simulated, all came from the cache {}", cache_path);
  }
  if (simulations.num_left_out > 0) {
    log().info("{} of {} networks left out, which {} cannot hold", simulations.num_left_out,
               set.size(), hardware.name);
  }
  log().debug("measured {} layers in {:.1f} s, {} of {} networks from the cache {}",
              measurements.dataset.samples.size(), stopwatch.wall_seconds(),
              simulations.num_from_cache, set.size(), cache_path);
}

}  // namespace tilewake
