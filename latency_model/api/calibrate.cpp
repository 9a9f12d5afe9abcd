// SPDX-License-Identifier: Apache-2.0
#include "latency_model/api/calibrate.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/dataset.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "simulator/trace/trace_network.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// Rows are lines, after the version of the format and the header.
constexpr std::size_t kFirstRowLine = 3;
constexpr std::size_t kMaxTracesNamed = 8;

/// A few seconds of simulation; a designed network takes thousands of steps on a sensible machine.
constexpr std::int64_t kMaxStepsOfNetwork = 10'000'000;

void check_origin(const TraceFile& trace, const std::string& machine) {
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& row = trace.rows[i];
    if (row.machine != machine) {
      trace.fail(
          i, "machine",
          fmt::format("measured on {}, but the machine is {}", printable(row.machine), machine));
    }
    if (row.version != kVersion) {
      trace.fail(i, "version",
                 fmt::format("measured with version {}, this is {}: simulate again",
                             printable(row.version), kVersion));
    }
  }
}

/// Collects the measured layers of one machine.
class Measurements {
 public:
  Measurements(const HardwareConfig& hardware, const FeatureExtractor& extractor)
      : hardware_(hardware), extractor_(extractor) {}

  /// Adds the rows of a trace file, or of layers.csv in the directory of a run. Returns the place
  /// of its last row, "file:line".
  std::string add_trace(const std::string& path) {
    std::error_code error;
    fs::path file = path;
    if (fs::is_directory(file, error)) file /= "layers.csv";
    const TraceFile trace = read_trace(file.string());
    check_origin(trace, machine_id(hardware_));
    for (const Measurement& measured : measurements_of(trace)) {
      try {
        add(measured.network, {measured.rows.begin(), measured.rows.end()});
      } catch (const InputError& e) {
        trace.fail(measured.first_row, "network", e.what());
      }
    }
    return fmt::format("{}:{}", trace.name, kFirstRowLine + trace.rows.size() - 1);
  }

  void add(const Network& network, const std::vector<TraceRow>& rows,
           const Program* program = nullptr) {
    add_measurement(dataset_, extractor_, hardware_, network, rows, program);
  }

  const Dataset& dataset() const { return dataset_; }

 private:
  const HardwareConfig& hardware_;
  const FeatureExtractor& extractor_;
  Dataset dataset_;
};

void add_designed(Measurements& measurements, const HardwareConfig& hardware,
                  const CalibrateOptions& options, CalibrationResult& result) {
  const CalibrationSet set(hardware, options.seed, options.num_networks);
  result.num_networks = set.size();
  NetworkSimulator simulator(hardware);
  const NetworkMapper mapper(hardware);
  for (int done = 0;; ++done) {
    if (options.keep_going && !options.keep_going(done, set.size()) && done < set.size())
      throw Interrupted();
    if (done == set.size()) return;
    const Network network = set.network(done);
    std::optional<Program> program;
    try {
      program = mapper.map(network, {kMaxStepsOfNetwork, "", nullptr});
    } catch (const InputError& e) {  // the machine cannot hold it, or not simulate it in seconds
      result.left_out.push_back(fmt::format("{}: {}", network.name, e.what()));
      continue;
    }
    measurements.add(network, simulator.run(network, *program).rows, &*program);
  }
}

/// The set in words, for the model: "designed (1500 networks)", "traces a.csv, b.csv".
std::string set_name(const CalibrateOptions& options, bool is_designed) {
  std::string text;
  if (is_designed) text = fmt::format("designed ({} networks)", options.num_networks);
  if (options.traces.empty()) return text;
  const std::size_t num_named = std::min(options.traces.size(), kMaxTracesNamed);
  text +=
      fmt::format("{}traces {}", text.empty() ? "" : " and ",
                  fmt::join(options.traces.begin(),
                            options.traces.begin() + static_cast<std::ptrdiff_t>(num_named), ", "));
  if (num_named < options.traces.size()) {
    text += fmt::format(" and {} more", options.traces.size() - num_named);
  }
  return text;
}

}  // namespace

CalibrationResult calibrate(const Machine& machine, const CalibrateOptions& options) {
  const HardwareConfig& hardware = machine.config;
  const std::unique_ptr<FeatureExtractor> extractor = make_feature_extractor(hardware);
  const bool is_designed = options.traces.empty() || options.designed;
  CalibrationResult result;
  Measurements measurements(hardware, *extractor);
  std::string end_of_traces;
  const Stopwatch measuring;
  for (const std::string& path : options.traces) end_of_traces = measurements.add_trace(path);
  if (is_designed) add_designed(measurements, hardware, options, result);
  result.measure_seconds = measuring.wall_seconds();

  const Stopwatch fitting;
  Provenance provenance;
  provenance.set = set_name(options, is_designed);
  provenance.seed = options.seed;
  CalibrationOptions fit;
  fit.num_folds = options.num_folds;
  fit.seed = options.seed;
  fit.keep_holdout = options.keep_holdout;
  try {
    result.calibration = calibrate(hardware, *extractor, measurements.dataset(), provenance, fit);
  } catch (const InputError& e) {
    if (is_designed) throw;
    // Too few rows, as a rule: the error names the trace that ends too early.
    throw InputError(fmt::format("{}: {}", end_of_traces, e.what()));
  }
  result.fit_seconds = fitting.wall_seconds();
  return result;
}

}  // namespace tilewake
