// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "nas/cli/accuracy_report.hpp"
#include "nas/cli/distributed_run.hpp"
#include "nas/cli/given_inputs.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/nas_options.hpp"
#include "nas/cli/progress_line.hpp"
#include "nas/cli/run_setup.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/search/given_network.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/run_manifest.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

struct TrainOptions {
  std::string network;
  std::string init = "file";
  std::string data = "fashion-mnist";
  std::string recipe = "auto";
  std::vector<std::string> overrides;
  std::string hardware;  // empty: not simulated
  std::string out;
  std::string device = "auto";
  std::string precision = "auto";
  std::string deploy_layout = "nhwc";
  std::string distributed = "auto";
  std::string format = "table";
  std::int64_t seed = 1;
  std::int64_t num_threads = 0;
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse_train_options(const Arguments& arguments, TrainOptions& values) {
  Options options(
      "nas train",
      "nas train --net FILE [--init FILE|scratch] [--data NAME|DIR] [--recipe FILE] [--hw FILE]\n"
      "                          [--out DIR [--resume|--force]] ...",
      "Trains a given network by the section `train` of a recipe, tests it, and writes the same\n"
      "files for deployment as a search. Weights in an ONNX model are the start: fine-tuning. A\n"
      "network for another number of classes gets a new classifier. Ctrl-C finishes the current\n"
      "training step and saves; --resume continues, with the same result.");
  options.required("net", values.network, "FILE",
                   "network: a name in networks/, a network file, or an ONNX model");
  options.optional("init", values.init, "FILE|scratch|file",
                   "weights to start from: those of the ONNX model of --net (file), none "
                   "(scratch), or those in a weights.safetensors or an ONNX model");
  options.optional("data", values.data, "NAME|DIR",
                   "fashion-mnist, synthetic, or a directory (images in CLASS/, CIFAR, idx files)");
  options.optional("recipe", values.recipe, "FILE",
                   "recipe, of which `train` is read: a name in nas/recipes/, or a path; auto: "
                   "standard, or small for fewer than 5,000 training images");
  options.list("set", values.overrides, "KEY=VALUE...",
               "override values of the recipe, as in train.epochs=40");
  options.optional("hw", values.hardware, "FILE",
                   "machine on which the network is simulated: a name in hw_configs/, or a path");
  options.optional("out", values.out, "DIR", "directory of the run; none: runs/train-NETWORK");
  options.integer("seed", values.seed, 0, std::numeric_limits<std::int64_t>::max(), "N",
                  "seed of all random numbers");
  options.optional("device", values.device, "auto|cpu|cuda", "device for training");
  options.optional("precision", values.precision, "auto|float32|mixed",
                   "precision of training; auto: mixed on cuda, float32 on cpu");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.optional("deploy-layout", values.deploy_layout, "nhwc|nchw",
                   "order of the images that the networks in DIR/deploy take");
  options.optional("distributed", values.distributed, "auto|off", kDistributedText);
  options.flag("resume", values.resume, "continue the run that is in DIR");
  options.flag("force", values.force, "replace the run that is in DIR");
  options.optional("format", values.format, "table|json", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  check_word("--device", values.device, {"auto", "cpu", "cuda"});
  check_word("--precision", values.precision, {"auto", "float32", "mixed"});
  check_word("--deploy-layout", values.deploy_layout, {"nhwc", "nchw"});
  check_word("--format", values.format, {"table", "json"});
  check_word("--distributed", values.distributed, {"auto", "off"});
  if (values.resume && values.force) throw UsageError("--resume and --force exclude each other");
  if (values.out.empty())
    values.out = "runs/train-" + std::filesystem::path(values.network).stem().string();
  return true;
}

Json result_json(const RunContext& run, const GivenNetwork& given, const StepRecord& record) {
  Json json;
  json["network"] = given.network.name;
  json["data"] = run.data.name;
  json["params"] = given.network.num_params();
  json["macs"] = given.network.num_macs();
  add_accuracies(json, record);
  if (record.simulated_ms) {
    json["machine"] = run.machine;
    json["simulated_ms"] = *record.simulated_ms;
  }
  return json;
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

std::string result_table(const RunContext& run, const GivenNetwork& given,
                         const StepRecord& record) {
  std::string text =
      fmt::format("{}: test accuracy {}, {} parameters, {:.4g} M MACs\n", given.network.name,
                  accuracies_text(record), with_separators(given.network.num_params()),
                  static_cast<double>(given.network.num_macs()) / 1e6);
  text += int8_text(record);
  if (record.simulated_ms)
    text += fmt::format("simulated {} on {}\n", as_ms(*record.simulated_ms), run.machine);
  return text;
}

std::string train_run_yaml(const RunContext& run, const TrainOptions& options,
                           const Arguments& arguments, const Stopwatch& stopwatch,
                           bool is_complete) {
  std::vector<std::string> words = {"tilewake", "nas", "train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::string& word : words) word = json_string(word);
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  std::string recipe;
  for (const auto& [key, value] : recipe_values(run.recipe))
    if (key.compare(0, 6, "train.") == 0) recipe += fmt::format("  {}: {}\n", key, value);
  return fmt::format(
      "{}\nversion: {}\ncommand: [{}]\nwritten: {:%Y-%m-%dT%H:%M:%SZ}\ncomplete: {}\n"
      "wall_seconds: {:.1f}\nseed: {}\ndevice: {}\nmixed_precision: {}\n"
      "data:\n  name: {}\n  train_images: {}\n  test_images: {}\n"
      "recipe_file: {}\nrecipe:\n{}",
      kTrainingMark, kVersion, fmt::join(words, ", "),
      fmt::gmtime(std::chrono::system_clock::to_time_t(now)), is_complete, stopwatch.wall_seconds(),
      run.seed, run.device.str(), run.mixed_precision, json_string(run.data.name),
      run.data.train->size(), run.data.test->size(),
      json_string(recipe_name(options.recipe, run.data)), recipe);
}

RunContext run_of(const TrainOptions& options) {
  RunContext run;
  run.data = open_image_data(options.data);
  run.recipe = recipe_of(recipe_name(options.recipe, run.data), options.overrides);
  run.seed = static_cast<std::uint64_t>(options.seed);
  run.deploy_layout = options.deploy_layout == "nchw" ? ImageLayout::kNchw : ImageLayout::kNhwc;
  run.device = device_of(options.device);
  run.mixed_precision = is_mixed(options.precision, run.device);
  run.directory = options.out;
  run.split = split_train(*run.data.train, run.recipe.validation_share, run.seed);
  const PhaseRecipe& train = run.recipe.train;
  const auto num_images = static_cast<std::int64_t>(run.split.train.size());
  if (train.batch_size > num_images)
    throw InputError(fmt::format(
        "recipe {}: train.batch_size {} is more than the {} images of {} that are trained on",
        run.recipe.name, train.batch_size, num_images, run.data.name));
  if (train.drop_connect > 0.0)
    throw InputError(fmt::format(
        "recipe {}: train.drop_connect: must be 0: a given network has no blocks to leave out; "
        "add --set train.drop_connect=0",
        run.recipe.name));
  if (run.recipe.train_distillation.teacher == kSupernetTeacher)
    throw InputError(fmt::format(
        "recipe {}: train.distillation.teacher: supernet: a given network has no supernet; give an "
        "ONNX model with weights instead",
        run.recipe.name));
  run.teacher = read_teacher(run.recipe, run.data, run.device);
  return run;
}

}  // namespace

ExitCode nas_train_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  TrainOptions options;
  if (!parse_train_options(arguments, options)) return ExitCode::kOk;
  DistributedRun distributed(options.distributed, arguments);
  const bool is_first = distributed.is_first();
  set_log_level(options.verbose && is_first, options.quiet || !is_first);
  options.out = distributed.directory(options.out);
  options.force = options.force && is_first;  // the directory of another rank is new
  const int num_loader_threads = start_threads(options.num_threads, distributed.local_size());
  RunContext run = run_of(options);
  run.device = distributed.device(run.device);
  run.ranks = distributed.ranks();
  run.num_loader_threads = num_loader_threads;
  if (options.force)
    check_not_replaced(options.out,
                       {options.network, options.init, run.recipe.train_distillation.teacher});
  const GivenNetwork given = read_given_network(options.network, options.init, run.data, run.seed);
  std::optional<Machine> machine;
  std::optional<NetworkSimulator> simulator;
  if (!options.hardware.empty()) {
    machine = read_machine(options.hardware);
    simulator.emplace(machine->config);
    run.machine = machine_id(machine->config);
    run.arithmetic = machine->config.arithmetic();
    run.simulate = [&](const Network& network) {
      NetworkCosts costs;
      costs.ms = machine->config.cycles_to_ms(simulator->run(network).total_cycles);
      return costs;
    };
    run.simulate(given.network);  // refuses a network before it is trained
  }
  check_same_inputs(run);
  if (options.resume && !is_first) distributed.share_files(options.out);
  check_search_directory(options.out, options.resume, options.force, kTrainingMark);
  const InterruptDelay delay;
  RunManifest manifest = claim_search_directory(options.out, options.force);
  if (options.resume && is_first) distributed.share_files(options.out);
  const OutputLedger ledger([&manifest](const std::string& path) { manifest.add(path); });
  ProgressLine line;
  run.on_progress = [&](const PhaseProgress& progress) { line.update(progress); };
  run.is_interrupted = [] { return InterruptDelay::is_pending(); };
  run.log = [](const std::string& text) { log().info(text); };
  for (const std::string& note : run.data.notes) log().info(note);
  for (const std::string& warning : run.data.warnings) log().warn(warning);
  for (const std::string& note : given.notes) log().info(note);
  log().info("{}: {} parameters, {}; data {}: {} + {} images of {} classes; recipe {}",
             given.network.name, given.network.num_params(),
             given.weights.empty() ? "trained from scratch" : "given weights", run.data.name,
             run.data.train->size(), run.data.test->size(), run.data.num_classes(),
             run.recipe.name);
  const auto write_run_yaml = [&](bool is_complete) {
    make_directory_of(options.out + "/run.yaml");
    write_file_atomically(options.out + "/run.yaml",
                          train_run_yaml(run, options, arguments, stopwatch, is_complete));
  };
  try {
    if (!options.resume) write_run_yaml(false);
    const StepRecord trained = train_given(run, given);
    line.end();
    log().info(trained.log.back());
    const StepRecord tested = evaluate_given(run, given, trained);
    write_file_atomically(options.out + "/summary.json", text_of(result_json(run, given, tested)));
    write_run_yaml(true);
    manifest.tidy();
    distributed.finish();
    if (!is_first) return ExitCode::kOk;
    write_result(options.format == "json" ? text_of(result_json(run, given, tested))
                                          : result_table(run, given, tested));
    log().info("train finished after {:.0f} s; the run is in {}", stopwatch.wall_seconds(),
               options.out);
    return ExitCode::kOk;
  } catch (const Interrupted&) {
    line.end();
    distributed.remove_private_files();
    log().info("interrupted; all results are kept, --resume continues from here");
    return ExitCode::kInterrupted;
  } catch (...) {
    line.end();
    throw;
  }
}

}  // namespace tilewake
