// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "latency_model/cli/calibration_report.hpp"
#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/cli/measurements.hpp"
#include "latency_model/cli/model_file.hpp"
#include "latency_model/model_yaml.hpp"
#include "latency_model/trace_cache.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/stopwatch.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxSeed = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxFolds = 100;
constexpr std::int64_t kMaxNetworks = 100'000;
constexpr std::size_t kMaxTracesNamed = 8;
constexpr double kPoorMape = 0.05;  // of networks; a sound model is below 1 %

using Formatter = std::string (*)(const CalibrationReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, Formatter>, 2> kFormats = {{
    {"table", calibration_table},
    {"json", calibration_json},
}};

struct CalibrateOptions {
  std::string hardware;
  std::vector<std::string> traces;
  std::string out = "model.yaml";
  std::string format = "table";
  std::optional<double> max_mape;  // percent
  std::int64_t seed = 1;
  std::int64_t num_folds = 5;
  std::int64_t num_networks = CalibrationSet::kDefaultSize;
  bool designed = false;
  bool no_cache = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, CalibrateOptions& values) {
  Options options(
      "calibrate",
      "calibrate --hw FILE [--trace FILE...] [--out FILE] [--max-mape PERCENT]\n"
      "                          [--seed N] [--folds K] [--networks N] [--designed] [--no-cache]\n"
      "                          [--force] [--format table|json] [-v | -q]",
      "Fits a latency model to a machine and says how wrong it is on networks that it has not\n"
      "seen. Without --trace it designs networks and simulates them; what was simulated is kept\n"
      "below $TILEWAKE_CACHE (else $XDG_CACHE_HOME/tilewake, else ~/.cache/tilewake), and Ctrl-C\n"
      "loses none of it.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.list("trace", values.traces, "FILE...",
               "layers.csv of a run, or its directory: fit to these, of two networks at least");
  options.optional("out", values.out, "FILE", "the model; one of the same machine is replaced");
  options.number("max-mape", values.max_mape, "PERCENT",
                 "write no model (and exit with 4) if layers held out miss this");
  options.integer("seed", values.seed, 0, kMaxSeed, "N", "of the designed networks and the folds");
  options.integer("folds", values.num_folds, 2, kMaxFolds, "K",
                  "networks are held out in as many parts, if there are as many");
  options.integer("networks", values.num_networks, 1, kMaxNetworks, "N",
                  "how many networks to design");
  options.flag("designed", values.designed, "use designed networks besides --trace");
  options.flag("no-cache", values.no_cache, "neither use nor keep what was simulated");
  options.flag("force", values.force, "replace a model of another machine");
  options.optional("format", values.format, "FORMAT", "what is printed: " + format_names(kFormats));
  options.flag("verbose,v", values.verbose, "tell what the calibration cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  const bool is_designed = values.traces.empty() || values.designed;
  for (const std::string name : {"networks", "no-cache"}) {
    if (!is_designed && options.is_given(name)) {
      throw UsageError(fmt::format(
          "--{} is about designed networks, which --trace replaces; --designed uses both", name));
    }
  }
  return true;
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

Calibration calibrate(const HardwareConfig& hardware, const CalibrateOptions& options) {
  const std::unique_ptr<FeatureExtractor> extractor = make_feature_extractor(hardware);
  Measurements measurements{hardware, *extractor, {}};
  std::string end_of_traces;
  for (const std::string& path : options.traces) end_of_traces = add_trace(measurements, path);
  const bool is_designed = options.traces.empty() || options.designed;
  const auto seed = static_cast<std::uint64_t>(options.seed);
  if (is_designed) {
    const CalibrationSet set(hardware, seed, static_cast<int>(options.num_networks));
    Simulator simulator(hardware);
    add_simulations(measurements, simulator, set,
                    options.no_cache ? "" : trace_cache_path(machine_id(hardware)));
  }
  const Stopwatch stopwatch;
  Provenance provenance;
  provenance.set = set_name(options, is_designed);
  provenance.seed = seed;
  CalibrationOptions fit;
  fit.num_folds = static_cast<int>(options.num_folds);
  fit.seed = seed;
  try {
    Calibration calibration =
        calibrate(hardware, *extractor, measurements.dataset, provenance, fit);
    log().debug("fitted and tested in {:.2f} s", stopwatch.wall_seconds());
    return calibration;
  } catch (const InputError& e) {
    // Too few rows, as a rule: whoever gave a file wants to know which one ends too early.
    if (is_designed) throw;
    throw InputError(fmt::format("{}: {}", end_of_traces, e.what()));
  }
}

/// Why the model must not be written; empty if it may.
std::string refusal(const Evaluation& holdout, const std::optional<double>& max_mape) {
  const double mape = 100.0 * holdout.layers.mape;
  if (holdout.layers.mape >= holdout.roofline_mape) {
    return fmt::format(
        "the model lost to the plain roofline: MAPE {} % against {} % on layers held out",
        with_decimals(mape), with_decimals(100.0 * holdout.roofline_mape));
  }
  if (max_mape && mape > *max_mape) {
    return fmt::format("MAPE {} % on layers held out, more than --max-mape {}", with_decimals(mape),
                       *max_mape);
  }
  return "";
}

/// Why the model should not be relied on; empty if nothing speaks against it. Implausible
/// coefficients stand in the report.
std::string weakness(const Calibration& calibration) {
  const double mape = calibration.model.holdout.networks.mape;
  if (mape > kPoorMape) {
    return fmt::format("the model is poor: MAPE {} % of networks held out",
                       with_decimals(100.0 * mape));
  }
  return "";
}

}  // namespace

ExitCode calibrate_command(const Arguments& arguments) {
  CalibrateOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Formatter format = formatter_of(kFormats, options.format);
  const Machine machine = read_machine(options.hardware);
  const ModelFile file(options.out, machine_id(machine.config), options.force);

  CalibrationReport report{calibrate(machine.config, options), options.out, ""};
  report.refusal = refusal(report.calibration.model.holdout, options.max_mape);
  if (report.refusal.empty()) {
    const InterruptDelay delay;
    file.write(model_yaml(report.calibration.model));
  }
  write_result(format(report));
  if (report.refusal.empty()) {
    const std::string poor = weakness(report.calibration);
    if (!poor.empty()) log().warn(poor);
    return ExitCode::kOk;
  }
  print_error(fmt::format("{}; {}", report.refusal, file.left_as_it_was()));
  return ExitCode::kToleranceMissed;
}

}  // namespace tilewake
