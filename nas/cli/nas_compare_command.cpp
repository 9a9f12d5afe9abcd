// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/model_yaml.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/cli/search_session.hpp"
#include "nas/report/comparison.hpp"
#include "nas/report/cost_log.hpp"
#include "nas/report/paired.hpp"
#include "simulator/api/shard.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/run_manifest.hpp"
#include "simulator/cli/shard_directory.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxSeeds = 100;
constexpr const char* kComparisonMark = "# A comparison of tilewake.";

constexpr const char* kUsualMethods =
    "s3nas,random_mixconv,hurricane,spos,random,mobilenet_v2,dense,flops";

struct CompareOptions {
  NasOptions search;  // shared by all runs, except method, space, seed and directory
  std::string methods = "usual";
  std::int64_t num_seeds = 3;
  double shown_points = 0.5;
  std::string mixconv_space;
  std::string operator_space;
  std::string shard;  // empty: all runs
  Shard part;         // of the runs

  /// The directory of model, manifest and table: that of the runs or, of a shard, one in it.
  std::string shared_directory() const {
    if (shard.empty()) return search.out;
    return fmt::format("{}/shards/{}-of-{}", search.out, part.index + 1, part.count);
  }
};

/// One method, with a separate space where one is given.
struct MethodSpec {
  std::string label;  // of tables and directories
  Method method = Method::kS3nas;
  std::string name;   // of the method
  std::string space;  // empty: the one for the data
  bool has_own_space = false;
};

bool parse(const Arguments& arguments, CompareOptions& values) {
  Options options(
      "nas compare",
      "nas compare --hw FILE --target-ms T[,T...] [--target-mj E] [--methods NAME[:SPACE],...]\n"
      "                            [--seeds N] [--out DIR [--resume|--shard I/N]] [--data "
      "NAME|DIR]\n"
      "                            [--recipe FILE] ...",
      "Runs several methods with several seeds, trains the networks found in the same way, and\n"
      "prints mean, standard error and paired differences of the accuracy, and the cost of the\n"
      "search. With --resume, finished runs in DIR are not repeated. With --shard, several\n"
      "processes share the runs; the same command without it then prints the result.");
  NasOptions& search = values.search;
  add_limit_options(options, search, "several are searched one by one");
  options.optional(
      "methods", values.methods, "NAME[:SPACE],...",
      "methods as in nas run --method; SPACE replaces --space and --operators; usual: s3nas, "
      "random_mixconv, hurricane, spos, random, mobilenet_v2, dense, flops");
  options.integer("seeds", values.num_seeds, 1, kMaxSeeds, "N", "seeds 1 to N");
  std::optional<double> points = values.shown_points;
  options.number("difference", points, "POINTS",
                 "difference of accuracies, in points, for which the number of seeds is printed");
  options.optional("space", values.mixconv_space, "FILE",
                   "space of MixConv blocks, also for the scaling of published networks; none: "
                   "the one for the data");
  options.optional("operators", values.operator_space, "FILE",
                   "space of operators; none: the one for the data");
  options.optional("out", search.out, "DIR",
                   "where the runs are kept; none: runs/compare-HW-LIMIT");
  options.optional(
      "shard", values.shard, "I/N|auto",
      "only every Nth run, from the Ith; auto: as the array task of Slurm, or the rank "
      "of srun, mpirun or torchrun, says");
  add_search_options(options, search);
  options.optional("format", search.format, "table|json|csv", "what is printed");
  if (!options.parse(arguments)) return false;
  check_search_options(search);
  check_shard_options(values.shard, search.out, search.resume);
  if (!values.shard.empty()) values.part = parse_shard(values.shard);
  check_word("--format", search.format, {"table", "json", "csv"});
  values.shown_points = points.value_or(values.shown_points);
  if (values.shown_points == 0.0) throw UsageError("option '--difference': must be above 0");
  if (search.out.empty()) {
    search.out =
        fmt::format("runs/compare-{}-{}", std::filesystem::path(search.hardware).stem().string(),
                    limits_name(search));
  }
  return true;
}

/// The twin by MACs is left out where more than latency is limited: check_method_limits().
std::string usual_methods(const NasOptions& search) {
  const std::string usual = kUsualMethods;
  const std::string twin = ",flops";
  const std::size_t at = usual.find(twin);
  if (at == std::string::npos || (search.targets_mj.empty() && search.max_params == 0))
    return usual;
  return usual.substr(0, at) + usual.substr(at + twin.size());
}

std::vector<MethodSpec> method_specs_of(const CompareOptions& options) {
  std::vector<MethodSpec> methods;
  for (const std::string& word :
       words_of("--methods",
                options.methods == "usual" ? usual_methods(options.search) : options.methods)) {
    MethodSpec method_spec;
    const std::size_t colon = word.find(':');
    method_spec.name = word.substr(0, colon);
    method_spec.method = parse_method("--methods", method_spec.name);
    method_spec.label = method_spec.name;
    if (colon != std::string::npos) {
      method_spec.space = word.substr(colon + 1);
      method_spec.has_own_space = true;
      if (method_spec.space.empty())
        throw UsageError(fmt::format("option '--methods': no space after '{}'", printable(word)));
      method_spec.label += "@" + std::filesystem::path(method_spec.space).stem().string();
    } else {
      method_spec.space =
          uses_operators(method_spec.method) ? options.operator_space : options.mixconv_space;
    }
    for (const MethodSpec& other : methods) {
      if (other.label == method_spec.label)
        throw UsageError(fmt::format("option '--methods' names {} twice", method_spec.label));
    }
    methods.push_back(std::move(method_spec));
  }
  return methods;
}

/// One method per kind of space: the others would train the same networks.
bool trains_random_networks(const MethodSpec& method_spec) {
  return method_spec.method == Method::kS3nas || method_spec.method == Method::kRandom;
}

bool can_correlate(const MethodSpec& method_spec) { return method_spec.method == Method::kSpos; }

bool takes_operators(const MethodSpec& method_spec) { return uses_operators(method_spec.method); }
bool takes_mixconv(const MethodSpec& method_spec) { return !uses_operators(method_spec.method); }

/// Throws UsageError for an option that none of the methods takes.
void check_takers(const CompareOptions& options, const std::vector<MethodSpec>& methods) {
  const auto is_unused = [&](const std::string& space, bool (*takes)(const MethodSpec&)) {
    return !space.empty() && std::none_of(methods.begin(), methods.end(), [&](const MethodSpec& c) {
      return takes(c) && !c.has_own_space;
    });
  };
  if (is_unused(options.mixconv_space, takes_mixconv))
    throw UsageError(
        "--space: no method takes it; hurricane, spos, random and guided take --operators");
  if (is_unused(options.operator_space, takes_operators)) {
    throw UsageError(
        "--operators: needs hurricane, spos, random or guided among --methods, without :SPACE");
  }
  if (options.search.num_random > 0 &&
      std::none_of(methods.begin(), methods.end(), trains_random_networks))
    throw UsageError("--random: needs s3nas or random among --methods");
  if (options.search.num_correlated > 0 &&
      std::none_of(methods.begin(), methods.end(), can_correlate))
    throw UsageError("--correlate: needs spos among --methods, whose supernet holds all networks");
}

/// The command line of one run.
NasOptions options_of(const CompareOptions& options, const MethodSpec& method_spec,
                      std::size_t limit, std::int64_t seed, const std::string& model) {
  NasOptions run = options.search;
  run.method = method_spec.method;
  run.method_name = method_spec.name;
  run.space = method_spec.space;
  run.seed = seed;
  run.model = model;
  for (std::vector<double>* limits : {&run.targets_ms, &run.targets_mj}) {
    if (limits->size() > 1) *limits = {(*limits)[limit]};
  }
  run.out =
      fmt::format("{}/{}-{}-seed{}", options.search.out, method_spec.label, limits_name(run), seed);
  run.resume = std::filesystem::exists(run.out + "/run.yaml");
  if (!can_correlate(method_spec)) run.num_correlated = 0;
  if (!trains_random_networks(method_spec)) run.num_random = 0;
  return run;
}

/// Adds the cost of finding the network: all steps except the training of the winner and of
/// networks for comparison. (SPOS ranks networks for the correlation only.)
void add_costs(ComparedRun& compared, Method method, const std::string& directory) {
  const auto begins_with = [](const std::string& text, const std::string& begin) {
    return text.compare(0, begin.size(), begin) == 0;
  };
  for (const Cost& cost : CostLog(directory).totals()) {
    if (begins_with(cost.step, "train") || begins_with(cost.step, "random-")) continue;
    if (method == Method::kSpos && begins_with(cost.step, "rank-")) continue;
    compared.trained_images += cost.trained_images;
    compared.evaluated_images += cost.evaluated_images;
    compared.search_seconds += cost.seconds;
  }
}

ComparedRun compared(const MethodSpec& method_spec, const NasOptions& options,
                     const SearchResult& result) {
  const TargetResult& target = result.targets.front();
  const StepRecord& last = target.steps.back();
  ComparedRun run;
  run.method = method_spec.label;
  run.target_ms = target.target_ms.value_or(0.0);
  run.target_mj = target.target_mj.value_or(0.0);
  run.max_params = options.max_params;
  run.seed = static_cast<std::uint64_t>(options.seed);
  run.simulated_ms = last.simulated_ms.value();
  run.simulated_mj = last.simulated_mj;
  run.validation_accuracy = last.validation_accuracy.value();
  run.test_accuracy = last.test_accuracy.value();
  if (last.int8) {
    run.int8_validation_accuracy = last.int8->validation;
    run.int8_test_accuracy = last.int8->test;
  }
  if (const std::optional<TrainingSpread> spread = training_spread(target)) {
    // The kept one was chosen for its validation accuracy.
    run.validation_accuracy = sample_statistics(spread->validation_accuracies).mean;
    run.test_accuracy = sample_statistics(spread->test_accuracies).mean;
  }
  run.params = num_trained_params(last.architecture.value());
  run.macs = to_network(*last.architecture).num_macs();
  for (const StepRecord& random : target.random) {
    if (random.validation_accuracy) run.random_accuracies.push_back(*random.validation_accuracy);
  }
  if (target.correlation && !target.correlation->values.empty()) {
    run.kendall_tau = target.correlation->values.front();
    run.num_correlated = static_cast<int>(target.correlation->values.size() / 2);
  }
  return run;
}

/// Excludes the files of the runs, each of which has its own manifest.
bool is_comparison_file(std::string_view name) {
  return name == "run.yaml" || name == "model.yaml" || name == "compare.csv" ||
         name == "compare.json";
}

/// Results under other limits are another comparison: compare.csv would lose those that it has.
void check_same_limits(const std::string& directory, const NasOptions& search) {
  const std::string path = directory + "/run.yaml";
  if (!std::filesystem::exists(path)) return;
  constexpr std::string_view kKey = "\nlimits: ";
  const std::string text = read_text_file(path);
  const std::size_t key = text.find(kKey);
  if (key == std::string::npos) return;
  const std::size_t begin = key + kKey.size();
  const std::string before = text.substr(begin, text.find('\n', begin) - begin);
  if (before == limits_name(search)) return;
  throw InputError(
      fmt::format("{}: is a comparison under the limits {}, not {}; give these limits, or use "
                  "another --out",
                  path, printable(before), limits_name(search)));
}

void write_run_yaml(const std::string& directory, const NasOptions& search,
                    const Arguments& arguments, const Stopwatch& stopwatch, bool is_complete) {
  std::vector<std::string> words = {"tilewake", "nas", "compare"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  for (std::string& word : words) word = json_string(word);
  make_directory_of(directory + "/run.yaml");
  write_file_atomically(
      directory + "/run.yaml",
      fmt::format(
          "{}\nversion: {}\ncommand: [{}]\nlimits: {}\ncomplete: {}\nwall_seconds: {:.1f}\n",
          kComparisonMark, kVersion, fmt::join(words, ", "), limits_name(search), is_complete,
          stopwatch.wall_seconds()));
}

/// The model that all runs use; calibrated if none is given or in the directory.
std::string shared_model(const CompareOptions& options, SearchSession& session) {
  const std::string path = options.shared_directory() + "/model.yaml";
  if (std::filesystem::exists(path)) {
    if (!options.search.model.empty() && model_yaml(read_latency_model(options.search.model)) !=
                                             model_yaml(read_latency_model(path))) {
      throw InputError(
          fmt::format("{}: differs from {}, with which the comparison was started; omit --model",
                      options.search.model, path));
    }
    return path;
  }
  if (!options.search.model.empty()) {
    write_file_atomically(path, model_yaml(read_latency_model(options.search.model)));
    return path;
  }
  const std::optional<LatencyModel> model = session.calibrate(/*seed=*/1);
  if (!model) throw Interrupted();
  write_file_atomically(path, model_yaml(*model));
  return path;
}

std::vector<ComparedRun> run_all(const CompareOptions& options,
                                 const std::vector<MethodSpec>& methods, SearchSession& session,
                                 const Arguments& arguments) {
  const std::string model = shared_model(options, session);
  std::vector<ComparedRun> runs;
  std::int64_t number = 0;
  // Seed by seed, so that partial results cover all methods.
  for (std::int64_t seed = 1; seed <= options.num_seeds; ++seed) {
    const std::size_t num_limits =
        std::max(options.search.targets_ms.size(), options.search.targets_mj.size());
    for (std::size_t limit = 0; limit < num_limits; ++limit) {
      for (const MethodSpec& method_spec : methods) {
        if (!options.part.has(number++)) continue;
        const NasOptions run = options_of(options, method_spec, limit, seed, model);
        log().info("{}, limit {}, seed {}: {}", method_spec.label, limits_name(run), seed, run.out);
        const SearchRequest request = session.request(run, "compare", arguments);
        ComparedRun none;
        none.method = method_spec.label;
        none.target_ms = run.targets_ms.empty() ? 0.0 : run.targets_ms.front();
        none.target_mj = run.targets_mj.empty() ? 0.0 : run.targets_mj.front();
        none.max_params = run.max_params;
        none.seed = static_cast<std::uint64_t>(seed);
        try {
          runs.push_back(compared(method_spec, run, session.run(request, Step::kEvaluate)));
        } catch (const TargetMissed& missed) {
          none.missed = missed.what();
          runs.push_back(none);
        } catch (const InputError& error) {  // the other runs continue
          log().error("{}: {}", run.out, error.what());
          none.missed = error.what();
          none.is_refused = true;
          runs.push_back(none);
        }
        if (!runs.back().is_refused) add_costs(runs.back(), method_spec.method, run.out);
        write_file_atomically(options.shared_directory() + "/compare.csv", comparison_csv(runs));
      }
    }
  }
  return runs;
}

std::string report(const CompareOptions& options, const std::vector<ComparedRun>& runs) {
  if (options.search.format == "json") return comparison_json(runs, options.shown_points);
  if (options.search.format == "csv") return comparison_csv(runs);
  return comparison_table(runs, options.shown_points, output_columns());
}

}  // namespace

ExitCode nas_compare_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  CompareOptions options;
  if (!parse(arguments, options)) return ExitCode::kOk;
  set_log_level(options.search.verbose, options.search.quiet);
  const std::vector<MethodSpec> methods = method_specs_of(options);
  check_takers(options, methods);
  for (const MethodSpec& method_spec : methods)
    check_method_limits(options.search, method_spec.method, method_spec.name);
  SearchSession session(options.search);
  for (const MethodSpec& method_spec : methods)  // check all inputs before the first run
    session.request(options_of(options, method_spec, 0, 1, ""), "compare", arguments);
  const std::string directory = options.shared_directory();
  if (!options.shard.empty()) {  // the same command continues a shard
    make_directory_of(directory + "/run.yaml");
    options.search.resume = std::filesystem::exists(directory + "/run.yaml");
  }
  RunManifest manifest = claim_runs_directory(directory, options.search.resume, kComparisonMark,
                                              "comparison", is_comparison_file);
  check_same_limits(directory, options.search);
  const InterruptDelay delay;
  const OutputLedger ledger([&manifest](const std::string& path) { manifest.add(path); });
  write_run_yaml(directory, options.search, arguments, stopwatch, false);
  try {
    const std::vector<ComparedRun> runs = run_all(options, methods, session, arguments);
    write_file_atomically(directory + "/compare.json", comparison_json(runs));
    const bool is_any_refused = std::any_of(runs.begin(), runs.end(),
                                            [](const ComparedRun& run) { return run.is_refused; });
    write_run_yaml(directory, options.search, arguments, stopwatch, !is_any_refused);
    if (options.shard.empty()) {
      write_result(report(options, runs));
    } else {
      log().info(
          "shard {}/{}: {} runs are done; when all shards are, the same command without "
          "--shard prints the comparison",
          options.part.index + 1, options.part.count, runs.size());
    }
    log().info("compare finished after {:.0f} s; the runs are in {}", stopwatch.wall_seconds(),
               options.search.out);
    return is_any_refused ? ExitCode::kBadInput : ExitCode::kOk;
  } catch (const Interrupted&) {
    log().info("interrupted; all results are kept, --resume continues from here");
    return ExitCode::kInterrupted;
  }
}

}  // namespace tilewake
