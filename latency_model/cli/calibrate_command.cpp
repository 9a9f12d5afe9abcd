// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "latency_model/api/calibrate.hpp"
#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "latency_model/cli/calibration_report.hpp"
#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/cli/model_file.hpp"
#include "latency_model/holdout_csv.hpp"
#include "latency_model/model_yaml.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxSeed = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMaxFolds = 100;
constexpr std::int64_t kMaxNetworks = 100'000;
constexpr double kPoorMape = 0.05;  // of networks; a sound model is below 1 %

using Formatter = std::string (*)(const CalibrationReport& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, Formatter>, 2> kFormats = {{
    {"table", calibration_table},
    {"json", calibration_json},
}};

struct CommandOptions {
  std::string hardware;
  std::vector<std::string> traces;
  std::string out = "model.yaml";
  std::string format = "table";
  std::optional<double> max_mape;  // percent
  std::int64_t seed = 1;
  std::int64_t num_folds = 5;
  std::int64_t num_networks = CalibrationSet::kDefaultSize;
  bool designed = false;
  bool holdout = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse(const Arguments& arguments, CommandOptions& values) {
  Options options(
      "calibrate",
      "calibrate --hw FILE [--trace FILE...] [--out FILE] [--max-mape PERCENT]\n"
      "                          [--seed N] [--folds K] [--networks N] [--designed] [--holdout]\n"
      "                          [--force] [--format table|json] [-v | -q]",
      "Fits a latency model to a machine and prints its error on held-out networks.\n"
      "Without --trace it designs networks and simulates them, which takes seconds.");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.list("trace", values.traces, "FILE...",
               "fit to these: layers.csv of a run, or its directory; at least two networks");
  options.optional("out", values.out, "FILE",
                   "file of the model; a model of the same machine is replaced");
  options.number("max-mape", values.max_mape, "PERCENT",
                 "fail (exit 4) if the held-out MAPE exceeds PERCENT");
  options.integer("seed", values.seed, 0, kMaxSeed, "N",
                  "seed of the designed networks and the folds");
  options.integer("folds", values.num_folds, 2, kMaxFolds, "K",
                  "number of folds for the held-out error, at most one per network");
  options.integer("networks", values.num_networks, 1, kMaxNetworks, "N",
                  "number of designed networks");
  options.flag("designed", values.designed, "use designed networks in addition to --trace");
  options.flag("holdout", values.holdout,
               "also write every held-out layer to model.holdout.csv, for 'tilewake report'");
  options.flag("force", values.force, "replace a model of another machine");
  options.optional("format", values.format, "FORMAT", "what is printed: " + format_names(kFormats));
  options.flag("verbose,v", values.verbose, "log what the calibration cost");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  const bool is_designed = values.traces.empty() || values.designed;
  if (!is_designed && options.is_given("networks")) {
    throw UsageError(
        "--networks has no effect with --trace; add --designed to use designed networks too");
  }
  return true;
}

void log_measurements(const CalibrationResult& result) {
  for (const std::string& network : result.left_out) log().debug("left out {}", network);
  if (!result.left_out.empty()) {
    log().info("{} of {} networks left out: too large for {}", result.left_out.size(),
               result.num_networks, result.calibration.model.hardware.name);
  }
  log().debug("measured {} layers in {:.1f} s", result.calibration.model.provenance.num_layers,
              result.measure_seconds);
}

/// The first interrupt ends the process after the current network.
Calibration calibrate(const Machine& machine, const CommandOptions& options) {
  const InterruptDelay delay(InterruptDelay::kOneSecond);
  CalibrateOptions calibrate_options;
  calibrate_options.traces = options.traces;
  calibrate_options.designed = options.designed;
  calibrate_options.num_networks = static_cast<int>(options.num_networks);
  calibrate_options.num_folds = static_cast<int>(options.num_folds);
  calibrate_options.seed = static_cast<std::uint64_t>(options.seed);
  calibrate_options.keep_holdout = options.holdout;
  int num_done = 0;
  std::optional<Progress> progress;
  calibrate_options.keep_going = [&](int done, int total) {
    if (!progress) progress.emplace("simulated", "networks", total);
    progress->update(done);
    num_done = done;
    return !InterruptDelay::is_pending();
  };
  try {
    CalibrationResult result = calibrate(machine, calibrate_options);
    progress.reset();
    log_measurements(result);
    log().debug("fitted and tested in {:.2f} s", result.fit_seconds);
    return std::move(result.calibration);
  } catch (const Interrupted&) {
    progress.reset();
    log().info("stopped after {} of {} networks", num_done, options.num_networks);
    throw;
  }
}

/// Why the model must not be written; empty if it may.
std::string refusal(const Evaluation& holdout, const std::optional<double>& max_mape) {
  const double mape = 100.0 * holdout.layers.mape;
  if (holdout.layers.mape >= holdout.roofline_mape) {
    return fmt::format(
        "the model is less accurate than the roofline baseline: MAPE {} % against {} % on held-out "
        "layers",
        with_decimals(mape), with_decimals(100.0 * holdout.roofline_mape));
  }
  if (max_mape && mape > *max_mape) {
    return fmt::format("MAPE {} % on held-out layers, more than --max-mape {}", with_decimals(mape),
                       *max_mape);
  }
  return "";
}

/// Why the model is unreliable; empty if it is not. Implausible coefficients are in the report.
std::string weakness(const Calibration& calibration) {
  const double mape = calibration.model.holdout.networks.mape;
  if (mape > kPoorMape) {
    return fmt::format("the model is inaccurate: MAPE {} % on held-out networks",
                       with_decimals(100.0 * mape));
  }
  return "";
}

}  // namespace

ExitCode calibrate_command(const Arguments& arguments) {
  CommandOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Formatter format = formatter_of(kFormats, options.format);
  const Machine machine = load_machine(options.hardware);
  const ModelFile file(options.out, machine_id(machine.config), options.force);
  if (options.holdout) {
    check_own_output_file(holdout_path(options.out), kHoldoutFirstLine, "file of held-out layers");
  }

  CalibrationReport report{calibrate(machine, options), options.out, ""};
  report.refusal = refusal(report.calibration.model.holdout, options.max_mape);
  if (report.refusal.empty()) {
    const InterruptDelay delay;
    file.write(model_yaml(report.calibration.model));
    if (options.holdout) {
      const Calibration& calibration = report.calibration;
      write_output_file(holdout_path(options.out),
                        holdout_csv(calibration.model.holdout, calibration.holdout_layers));
    }
  }
  write_result(format(report));
  if (report.refusal.empty()) {
    const std::string warning = weakness(report.calibration);
    if (!warning.empty()) log().warn(warning);
    return ExitCode::kOk;
  }
  print_error(fmt::format("{}; {}", report.refusal, file.unchanged_text()));
  return ExitCode::kToleranceMissed;
}

}  // namespace tilewake
