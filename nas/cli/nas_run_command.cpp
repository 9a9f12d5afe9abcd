// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "latency_model/calibration.hpp"
#include "latency_model/calibration_set.hpp"
#include "latency_model/model_yaml.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/nas_options.hpp"
#include "nas/cli/progress_line.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/cli/search_report.hpp"
#include "nas/cli/search_run_yaml.hpp"
#include "nas/search/search_run.hpp"
#include "nas/training/threads.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/measurements.hpp"
#include "simulator/cli/simulation.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/stopwatch.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/engine/simulator.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

/// The space that is made for a data set; throws where there is none.
std::string space_for(const ImageData& data) {
  if (data.name == "fashion-mnist") return "fashion";
  if (data.name == "cifar-10") return "cifar";
  if (data.name == "synthetic") return "synthetic";
  throw UsageError(fmt::format("there is no search space made for {}: give --space", data.name));
}

torch::Device device_of(const std::string& name) {
  const bool has_cuda = torch::cuda::is_available();
  if (name == "cuda" && !has_cuda) {
    throw InputError("--device cuda: LibTorch finds no CUDA device");
  }
  const bool is_cuda = name == "cuda" || (name == "auto" && has_cuda);
  return is_cuda ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
}

bool is_mixed(const std::string& precision, torch::Device device) {
  if (precision == "mixed" && !device.is_cuda()) {
    throw InputError("--precision mixed: pays on cuda only, the device is cpu");
  }
  return device.is_cuda() && precision != "float32";
}

/// The latency model that --model names or that the run gone on with has kept, if there is one.
std::optional<LatencyModel> given_model(const NasOptions& options, const Machine& machine) {
  const std::string id = machine_id(machine.config);
  const auto read = [&id](const std::string& path) {
    LatencyModel model = read_latency_model(path);
    if (model.provenance.machine == id) return model;
    throw InputError(
        fmt::format("{}: is of machine {}, but --hw is {}", path, model.provenance.machine, id));
  };
  std::optional<LatencyModel> given;
  if (!options.model.empty()) given = read(options.model);
  // A run that was killed in its first seconds has none yet.
  const std::string kept = options.out + "/model.yaml";
  if (!options.resume || !std::filesystem::exists(kept)) return given;
  LatencyModel model = read(kept);
  if (given && model_yaml(*given) != model_yaml(model)) {
    throw InputError(fmt::format(
        "{}: is another model than the {} that the run was begun with; leave --model out",
        options.model, kept));
  }
  return model;
}

/// One calibrated now; none after an interrupt, which leaves half of the measurements.
std::optional<LatencyModel> calibrated_model(const NasOptions& options, const Machine& machine,
                                             Simulator& simulator) {
  const std::unique_ptr<FeatureExtractor> extractor = make_feature_extractor(machine.config);
  Measurements measurements{machine.config, *extractor, {}};
  const auto seed = static_cast<std::uint64_t>(options.seed);
  const CalibrationSet set(machine.config, seed);
  add_simulations(measurements, simulator, set, /*cache_path=*/"");
  if (InterruptDelay::is_pending()) return {};
  Provenance provenance;
  provenance.set = fmt::format("designed ({} networks)", set.size());
  provenance.seed = seed;
  CalibrationOptions fit;
  fit.seed = seed;
  const Calibration calibration =
      calibrate(machine.config, *extractor, measurements.dataset, provenance, fit);
  log().info("calibrated {}: MAPE {:.2f} % of networks held out", machine.config.name,
             100.0 * calibration.model.holdout.networks.mape);
  return calibration.model;
}

/// The machine's simulator, kept for one network after another.
class WinnerSimulator {
 public:
  WinnerSimulator(const HardwareConfig& hardware, Simulator& simulator)
      : hardware_(hardware), simulator_(simulator) {}

  SimulatedLayers run(const Network& network) {
    program_ = map_network(network, hardware_);
    return simulate_layers(simulator_, hardware_, network, program_);
  }
  double latency_ms(const Network& network) {
    return static_cast<double>(run(network).result.total_cycles) / (hardware_.clock_mhz * 1e3);
  }
  const Program& program() const { return program_; }

 private:
  const HardwareConfig& hardware_;
  Simulator& simulator_;
  Program program_;
};

/// layers.csv, summary.json and steps.csv of a target.
void write_target(const TargetResult& target, const Machine& machine, WinnerSimulator& simulator) {
  write_file_atomically(target.directory + "/steps.csv", steps_csv(target));
  if (!target.steps.back().test_accuracy) return;
  const Network network = to_network(*target.steps.back().architecture);
  const SimulatedLayers layers = simulator.run(network);
  RunInfo info;
  info.network = network.name;
  info.hardware = machine.config.name;
  info.machine = machine_id(machine.config);
  info.schedule = simulator.program().schedule;
  info.warnings = simulator.program().warnings;
  info.network_hash = fnv1a64(architecture_text(*target.steps.back().architecture));
  info.hardware_hash = fnv1a64(machine.file.text);
  info.num_params = network.num_params();
  info.clock_mhz = machine.config.clock_mhz;
  info.peak_macs_per_cycle = machine.config.peak_macs_per_cycle();
  write_file_atomically(target.directory + "/layers.csv", trace_csv(layers.rows));
  write_file_atomically(target.directory + "/summary.json",
                        search_summary_json(summarize(info, layers.rows), target));
}

ExitCode report_miss(const TargetMissed& missed, const std::string& directory) {
  std::string text = missed.reason;
  if (!missed.fastest.stages.empty()) {
    const std::string path = directory + "/fastest.yaml";
    write_file_atomically(
        path, network_yaml(missed.fastest,
                           fmt::format("The fastest network found; estimated {:.4f} ms, the limit "
                                       "was {:.4f} ms.",
                                       missed.fastest_ms, missed.target_ms)));
    text += fmt::format("; the fastest network found takes {:.4f} ms: {}", missed.fastest_ms, path);
  }
  write_complaint(text);
  return ExitCode::kToleranceMissed;
}

/// What a resumed run writes anew before it can tell whether it is the one that was begun.
std::vector<std::string> texts_of(const RunConfig& config) {
  std::vector<std::string> paths;
  for (const char* name : {"/run.yaml", "/space.yaml", "/decisions.log"}) {
    paths.push_back(config.directory + name);
  }
  for (const double target_ms : config.targets_ms) {
    paths.push_back(target_directory(config, target_ms) + "/decisions.log");
  }
  return paths;
}

RunConfig run_config(const NasOptions& options, const Machine& machine, std::string& space_file) {
  RunConfig config;
  config.machine = machine_id(machine.config);
  const InputFile recipe = read_recipe_file(options.recipe);
  config.recipe = read_recipe_text(recipe.text, recipe.path, options.overrides);
  config.data = open_image_data(options.data);
  const InputFile space =
      read_space_file(options.space.empty() ? space_for(config.data) : options.space);
  space_file = space.path;
  config.space = read_search_space_text(space.text, space.path);
  config.targets_ms = options.targets_ms;
  config.seed = static_cast<std::uint64_t>(options.seed);
  config.num_random = static_cast<int>(options.num_random);
  config.device = device_of(options.device);
  config.mixed_precision = is_mixed(options.precision, config.device);
  config.directory = options.out;
  check_data_fits(config);
  return config;
}

ExitCode run_to(Step last, const std::string& command, const std::string& description,
                const Arguments& arguments) {
  const Stopwatch stopwatch;
  NasOptions options;
  if (!parse_nas_options(command, description, arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Machine machine = read_machine(options.hardware);
  std::string space_file;
  RunConfig config = run_config(options, machine, space_file);
  const auto num_cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int num_threads =
      options.num_threads == 0 ? num_cores : static_cast<int>(options.num_threads);
  set_num_threads(num_threads);
  configure_allocator();
  config.num_loader_threads = std::max(1, num_threads / 2);

  check_search_directory(options.out, options.resume, options.force);
  std::optional<LatencyModel> given = given_model(options, machine);
  const InterruptDelay delay;  // its end is that of the process, if there was an interrupt
  const KeptFiles kept(options.resume ? texts_of(config) : std::vector<std::string>());
  claim_search_directory(options.out, options.force);
  const auto write_run_yaml = [&](bool is_complete) {
    write_file_atomically(options.out + "/run.yaml",
                          search_run_yaml(config, options, command, arguments, space_file, machine,
                                          stopwatch, is_complete));
  };
  write_run_yaml(false);
  Simulator machine_simulator(machine.config);
  const std::optional<LatencyModel> model =
      given ? std::move(given) : calibrated_model(options, machine, machine_simulator);
  if (model) write_file_atomically(options.out + "/model.yaml", model_yaml(*model));
  if (!model || InterruptDelay::is_pending()) return ExitCode::kInterrupted;
  const Predictor predictor(*model);
  WinnerSimulator simulator(machine.config, machine_simulator);
  ProgressLine line;
  bool has_trained = false;
  Host host{predictor,
            machine.config.clock_mhz,
            [&](const Network& network) { return simulator.latency_ms(network); },
            [&](const PhaseProgress& progress) {
              has_trained = true;
              line.update(progress);
            },
            [&](const std::string& text) {
              line.end();
              log().info(text);
            },
            [] { return InterruptDelay::is_pending(); }};
  try {
    const SearchResult result = run_search(config, host, last);
    line.end();
    // Of a limit that this run missed before.
    if (options.resume) std::filesystem::remove(options.out + "/fastest.yaml");
    for (const TargetResult& target : result.targets) write_target(target, machine, simulator);
    if (result.targets.size() > 1) {
      write_file_atomically(options.out + "/front.csv", front_csv(result));
    }
    write_run_yaml(true);
    write_result(options.format == "json" ? search_json(result) : search_table(result));
    log().info("{} after {:.0f} s; the run is in {}", command, stopwatch.wall_seconds(),
               options.out);
    return ExitCode::kOk;
  } catch (const TargetMissed& missed) {
    line.end();
    return report_miss(missed, options.out);
  } catch (const InputError&) {
    line.end();
    if (!has_trained) kept.put_back();  // settings that are not the run's are no part of it
    throw;
  } catch (const Interrupted&) {
    line.end();
    log().info("interrupted; everything is kept, --resume goes on from here");
    return ExitCode::kInterrupted;
  }
}

constexpr char kWhat[] =
    "Searches, for a machine, a network within a latency limit: designs the supernet, calibrates\n"
    "a latency model, trains the supergraph, searches in it, scales what it finds to the limit,\n"
    "post-processes, trains and tests the winner, and simulates it again. Ctrl-C finishes the\n"
    "step at hand and saves; --resume goes on, with the same result.";

}  // namespace

ExitCode nas_run_command(const Arguments& arguments) {
  return run_to(Step::kEvaluate, "run", kWhat, arguments);
}

ExitCode nas_search_command(const Arguments& arguments) {
  return run_to(Step::kSearch, "search", std::string(kWhat) + "\nThis ends after the search.",
                arguments);
}

ExitCode nas_scale_command(const Arguments& arguments) {
  return run_to(Step::kScale, "scale", std::string(kWhat) + "\nThis ends after scaling.",
                arguments);
}

ExitCode nas_postprocess_command(const Arguments& arguments) {
  return run_to(Step::kPostprocess, "postprocess",
                std::string(kWhat) + "\nThis ends after post-processing.", arguments);
}

ExitCode nas_train_command(const Arguments& arguments) {
  return run_to(Step::kTrain, "train", std::string(kWhat) + "\nThis ends after training.",
                arguments);
}

ExitCode nas_evaluate_command(const Arguments& arguments) {
  return run_to(Step::kEvaluate, "evaluate", kWhat, arguments);
}

}  // namespace tilewake
