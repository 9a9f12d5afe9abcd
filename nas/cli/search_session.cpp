// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_session.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "latency_model/api/calibrate.hpp"
#include "latency_model/model_yaml.hpp"
#include "nas/cli/given_inputs.hpp"
#include "nas/cli/progress_line.hpp"
#include "nas/cli/run_setup.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/cli/search_report.hpp"
#include "nas/space/auto_space.hpp"
#include "nas/training/threads.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/energy/energy_table.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {

LatencyModel read_model_of(const Machine& machine, const std::string& path) {
  LatencyModel model = read_latency_model(path);
  const std::string id = machine_id(machine.config);
  if (model.provenance.machine == id) return model;
  throw InputError(
      fmt::format("{}: is of machine {}, but --hw is {}", path, model.provenance.machine, id));
}

namespace {

constexpr std::int64_t kBytesPerKb = 1024;

/// The space made for a data set; for images in folders and other data the one that follows them.
std::string space_for(const ImageData& data, Method method) {
  const std::string prefix = uses_operators(method) ? "operators_" : "";
  if (!data.fingerprint.empty()) return prefix + "auto";
  if (data.name == "fashion-mnist") return prefix + "fashion";
  if (data.name == "cifar-10") return prefix + "cifar";
  if (data.name == "synthetic") return prefix + "synthetic";
  return prefix + "auto";
}

/// The latency model of --model, or that of the resumed run, if there is one.
std::optional<LatencyModel> given_model(const NasOptions& options, const Machine& machine) {
  std::optional<LatencyModel> given;
  if (!options.model.empty()) given = read_model_of(machine, options.model);
  // A run that was killed early has none yet.
  const std::string kept = options.out + "/model.yaml";
  if (!options.resume || !std::filesystem::exists(kept)) return given;
  LatencyModel model = read_model_of(machine, kept);
  if (given && model_yaml(*given) != model_yaml(model)) {
    throw InputError(fmt::format(
        "{}: differs from {}, with which the run was started; omit --model", options.model, kept));
  }
  return model;
}

/// layers.csv, summary.json and steps.csv of a target.
void write_target(const TargetResult& target, const Machine& machine, NetworkSimulator& simulator) {
  write_file_atomically(target.directory + "/steps.csv", steps_csv(target));
  if (!target.steps.back().test_accuracy) return;
  const Network network = to_network(*target.steps.back().architecture);
  const SimulatedNetwork simulated = simulator.run(network);
  Workload workload;
  workload.name = network.name;
  workload.networks = {network};
  workload.file.text = architecture_text(*target.steps.back().architecture);
  RunInfo info = run_info(machine, workload);
  info.schedule = simulated.schedule;
  info.warnings = simulated.warnings;
  info.num_params = network.num_params();
  info.peak_chip_bytes = simulated.memory.peak_chip_bytes;
  info.dram_footprint_bytes = simulated.memory.dram_footprint_bytes;
  write_file_atomically(target.directory + "/layers.csv", trace_csv(simulated.rows));
  write_file_atomically(target.directory + "/summary.json",
                        search_summary_json(summarize(info, simulated.rows), target));
}

/// The files that a resumed run rewrites before it has compared all settings.
std::vector<std::string> texts_of(const RunContext& run) {
  std::vector<std::string> paths;
  for (const char* name :
       {"/run.yaml", "/space.yaml", "/operators.csv", "/decisions.log", "/decisions.csv"}) {
    paths.push_back(run.directory + name);
  }
  for (const Target& target : targets_of(run)) {
    paths.push_back(target.directory + "/decisions.log");
    paths.push_back(target.directory + "/decisions.csv");
  }
  return paths;
}

/// Reads the space of the method, of operators or of MixConv blocks, for the data and the lowest
/// limit. From a space of operators, run.space gets input, classes and limits.
void read_space(const InputFile& file, RunContext& run, const LatencyEstimate& estimate) {
  const DataShape data = {run.data.channels, run.data.side, run.data.num_classes()};
  const double limit = run.limits().front();
  if (!uses_operators(run.method)) {
    run.space = search_space_within(data, file.text, file.path, limit, estimate);
    return;
  }
  run.operators = operator_space_within(data, file.text, file.path, limit, estimate);
  run.space.frame() = run.operators.frame();
  run.space.width_divisor = run.operators.width_divisor;
  run.space.max_params = run.operators.max_params;
}

}  // namespace

SearchSession::SearchSession(const NasOptions& options, const DistributedRun* distributed)
    : distributed_(distributed),
      machine_(read_machine(options.hardware)),
      simulator_(machine_.config) {
  num_loader_threads_ =
      start_threads(options.num_threads, distributed == nullptr ? 1 : distributed->local_size());
}

SearchRequest SearchSession::request(const NasOptions& options, const std::string& command,
                                     const Arguments& arguments) {
  SearchRequest request{options, command, arguments, {}, {}};
  RunContext& run = request.run;
  run.machine = machine_id(machine_.config);
  run.arithmetic = machine_.config.arithmetic();
  run.measured_device = machine_.config.device;
  run.data = open_image_data(options.data);
  request.options.recipe = recipe_name(options.recipe, run.data);
  run.recipe = recipe_of(request.options.recipe, options.overrides);
  run.method = options.method;
  check_teacher(run);
  const InputFile space =
      read_space_file(options.space.empty() ? space_for(run.data, run.method) : options.space);
  request.space_file = space.path;
  run.targets_ms = options.targets_ms;
  run.targets_mj = options.targets_mj;
  if (!run.targets_mj.empty() && !energy_table(machine_.config).has_energies())
    throw InputError(fmt::format("--target-mj: all energies of machine {} (section 'energy') are 0",
                                 machine_.config.name));
  run.max_params = options.max_params;
  run.max_chip_bytes = kBytesPerKb * options.max_memory_kb;
  run.max_dram_bytes = kBytesPerKb * options.max_dram_kb;
  read_space(space, run, [this, &run](const Network& network) {
    return run.cost_of(simulated(network), num_trained_params(network));
  });
  if (run.max_params > 0) {
    std::int64_t& most = run.space.max_params;
    most = most == 0 ? run.max_params : std::min(most, run.max_params);
    run.operators.max_params = most;
  }
  run.seed = static_cast<std::uint64_t>(options.seed);
  run.num_random = static_cast<int>(options.num_random);
  run.num_correlated = static_cast<int>(options.num_correlated);
  run.deploy_layout = options.deploy_layout == "nchw" ? ImageLayout::kNchw : ImageLayout::kNhwc;
  run.device = device_of(options.device);
  if (distributed_ != nullptr) run.device = distributed_->device(run.device);
  run.ranks = ranks();
  run.mixed_precision = is_mixed(options.precision, run.device);
  run.num_loader_threads = num_loader_threads_;
  run.teacher = read_teacher(run.recipe, run.data, run.device);
  if (options.force) check_not_replaced(options.out, {run.recipe.train_distillation.teacher});
  run.directory = options.out;
  check_data_fits(run);
  return request;
}

std::optional<LatencyModel> SearchSession::calibrate(std::uint64_t seed, int num_networks) {
  CalibrateOptions options;
  options.seed = seed;
  options.num_networks = num_networks;
  std::optional<Progress> progress;
  options.keep_going = [&progress](int done, int total) {
    if (!progress) progress.emplace("simulated", "networks", total);
    progress->update(done);
    return !InterruptDelay::is_pending();
  };
  try {
    const CalibrationResult result = tilewake::calibrate(machine_, options);
    progress.reset();
    if (InterruptDelay::is_pending()) return {};
    const LatencyModel& model = result.calibration.model;
    if (!result.left_out.empty()) {
      log().info("{} of {} networks left out: too large for {}", result.left_out.size(),
                 result.num_networks, machine_.config.name);
    }
    log().info("calibrated {}: MAPE {:.2f} % on held-out networks", machine_.config.name,
               100.0 * model.holdout.networks.mape);
    return model;
  } catch (const Interrupted&) {
    return {};
  }
}

std::optional<LatencyModel> SearchSession::model_of(const NasOptions& options,
                                                    std::optional<LatencyModel> given) {
  const std::string path = options.out + "/model.yaml";
  const bool is_first = ranks() == nullptr || ranks()->is_first();
  std::optional<LatencyModel> model = std::move(given);
  if (is_first && !model) model = calibrate(static_cast<std::uint64_t>(options.seed));
  std::string text = model ? model_yaml(*model) : "";
  if (ranks() != nullptr) ranks()->broadcast(text);
  if (text.empty()) return {};
  write_file_atomically(path, text);
  return is_first ? std::move(model) : read_model_of(machine_, path);
}

NetworkCosts SearchSession::simulated(const Network& network) {
  constexpr double kMjPerUj = 1e-3;
  const SimulatedNetwork result = simulator_.run(network);
  NetworkCosts costs;
  costs.ms = machine_.config.cycles_to_ms(result.total_cycles);
  for (const TraceRow& row : result.rows) costs.mj += kMjPerUj * row.energy_uj;
  costs.peak_chip_bytes = result.memory.peak_chip_bytes;
  costs.dram_footprint_bytes = result.memory.dram_footprint_bytes;
  return costs;
}

SearchResult SearchSession::run(const SearchRequest& request, Step last) {
  const Stopwatch stopwatch;
  const NasOptions& options = request.options;
  const ImageData& data = request.run.data;
  for (const std::string& note : data.notes) log().info(note);
  for (const std::string& warning : data.warnings) log().warn(warning);
  log().info("data {}: {} + {} images of {} classes; recipe {}; input {} x {} x {}", data.name,
             data.train->size(), data.test->size(), data.num_classes(), request.run.recipe.name,
             request.run.space.input.channels, request.run.space.input.height,
             request.run.space.input.width);
  check_same_inputs(request.run);
  const bool is_shared = ranks() != nullptr && options.resume;
  if (is_shared && !distributed_->is_first()) distributed_->share_files(options.out);
  check_search_directory(options.out, options.resume, options.force);
  std::optional<LatencyModel> given = given_model(options, machine_);
  const FileBackup kept(options.resume ? texts_of(request.run) : std::vector<std::string>());
  RunManifest manifest = claim_search_directory(options.out, options.force);
  if (is_shared && distributed_->is_first()) distributed_->share_files(options.out);
  const OutputLedger ledger([&manifest](const std::string& path) { manifest.add(path); });
  const auto write_run_yaml = [&](bool is_complete) {
    write_file_atomically(options.out + "/run.yaml",
                          search_run_yaml(request, machine_, stopwatch, is_complete));
  };
  write_run_yaml(false);
  const std::optional<LatencyModel> model = model_of(options, std::move(given));
  const bool is_pending = InterruptDelay::is_pending();
  if (ranks() == nullptr ? !model || is_pending : ranks()->any(!model || is_pending))
    throw Interrupted();
  const Predictor predictor(*model);
  ProgressLine line;
  bool has_trained = false;
  RunContext run = request.run;
  run.predict = [&](const Network& network) { return predictor.predict(network); };
  run.clock_mhz = machine_.config.clock_mhz;
  if (model->energy) {
    run.predict_energy = [&](const Network& network) {
      return predict_energy(*model->energy, predictor, network);
    };
  } else if (!run.targets_mj.empty()) {
    throw InputError(
        fmt::format("--target-mj: the latency model of {} has no energies{}", machine_.config.name,
                    options.model.empty() ? ": all energies of the machine (section 'energy') are 0"
                                          : "; calibrate it again, or omit --model"));
  }
  run.simulate = [&](const Network& network) { return simulated(network); };
  run.on_progress = [&](const PhaseProgress& progress) {
    has_trained = true;
    line.update(progress);
  };
  run.log = [&](const std::string& text) {
    line.end();
    log().info(text);
  };
  run.is_interrupted = [] { return InterruptDelay::is_pending(); };
  try {
    SearchResult result = run_search(run, last);
    line.end();
    // It belongs to a limit that the run missed before.
    if (options.resume) manifest.remove("fastest.yaml");
    for (const TargetResult& target : result.targets) write_target(target, machine_, simulator_);
    if (result.targets.size() > 1) {
      write_file_atomically(options.out + "/front.csv", front_csv(result));
    }
    write_run_yaml(true);
    manifest.tidy();
    return result;
  } catch (const InputError&) {
    line.end();
    if (!has_trained) kept.restore();  // the run keeps its previous settings
    throw;
  } catch (...) {
    line.end();
    throw;
  }
}

ExitCode report_miss(const TargetMissed& missed, const std::string& directory) {
  std::string text = missed.what();
  if (!missed.fastest.stages.empty()) {
    const std::string path = directory + "/fastest.yaml";
    search_manifest(directory).add(path);
    write_file_atomically(
        path, network_yaml(missed.fastest,
                           fmt::format("The cheapest network found: {}; the limit was {}.",
                                       missed.least_in_words, missed.limit_in_words)));
    text += fmt::format("; the cheapest network found takes {}: {}", missed.least_in_words, path);
  }
  print_error(text);
  return ExitCode::kToleranceMissed;
}

}  // namespace tilewake
