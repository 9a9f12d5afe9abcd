// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/nas_options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/cli/options.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxRandom = 100;
constexpr std::int64_t kMaxCorrelated = 1000;
constexpr std::size_t kMaxTargets = 32;
constexpr std::int64_t kMaxHardwareRounds = 20;

std::vector<double> parse_targets(const std::string& option, const std::string& text) {
  if (text.empty()) return {};
  std::vector<double> targets = numbers_of(option, text);
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  if (targets.size() > kMaxTargets) {
    throw UsageError(fmt::format("option '{}': at most {} targets", option, kMaxTargets));
  }
  return targets;
}

void add_joint_options(Options& options, NasOptions& values) {
  options.optional("hw-space", values.hw_space, "FILE",
                   "joint search: values of keys of the machine, in a YAML file (vary, "
                   "max_area_mm2, evaluations); alternates with the exploration of machines of at "
                   "most the area of --hw");
  options.integer("hw-rounds", values.num_hw_rounds, 1, kMaxHardwareRounds, "N",
                  "with --hw-space: machines, besides that of --hw, for which a network is "
                  "searched, at most");
}

void check_joint_options(const NasOptions& values, bool has_rounds) {
  if (values.hw_space.empty()) {
    if (has_rounds) throw UsageError("--hw-rounds needs --hw-space FILE");
    return;
  }
  if (std::max(values.targets_ms.size(), values.targets_mj.size()) > 1)
    throw UsageError("--hw-space: takes one limit; run several one by one");
  if (values.force)
    throw UsageError("--hw-space: no --force: it would remove several runs; use another --out");
}

}  // namespace

std::vector<std::string> words_of(const std::string& option, const std::string& text) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    if (words.back().empty()) {
      throw UsageError(
          fmt::format("option '{}' must be one or more words separated by commas, not '{}'", option,
                      printable(text)));
    }
    begin = end + 1;
  }
  return words;
}

std::vector<double> numbers_of(const std::string& option, const std::string& text) {
  std::vector<double> numbers;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    double value = 0.0;
    const auto [last, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || last != word.data() + word.size() || !std::isfinite(value) ||
        value <= 0.0) {
      throw UsageError(fmt::format(
          "option '{}' must be one or more positive numbers separated by commas, not '{}'", option,
          printable(text)));
    }
    numbers.push_back(value);
    begin = end + 1;
  }
  return numbers;
}

void check_word(const std::string& option, const std::string& value,
                std::initializer_list<const char*> words) {
  std::string known;
  for (const char* word : words) {
    if (value == word) return;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  throw UsageError(fmt::format("option '{}' must be one of {}, not '{}'{}", option, known,
                               printable(value), suggestion(value, words)));
}

Method parse_method(const std::string& option, const std::string& name) {
  std::vector<std::string_view> known;
  for (const auto& [word, method] : kMethodNames) {
    if (word == name) return method;
    known.push_back(word);
  }
  throw UsageError(fmt::format("option '{}' must be one of {}, not '{}'{}", option,
                               fmt::join(known, ", "), printable(name), suggestion(name, known)));
}

void add_search_options(Options& options, NasOptions& values) {
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.optional("data", values.data, "NAME|DIR",
                   "fashion-mnist, synthetic, or a directory (images in CLASS/, CIFAR, idx files)");
  options.optional(
      "recipe", values.recipe, "FILE",
      "recipe of search and training: a name in nas/recipes/, or a path; auto: standard, "
      "or small for fewer than 5,000 training images");
  options.list("set", values.overrides, "KEY=VALUE...",
               "override values of the recipe, as in train.epochs=40");
  options.optional("model", values.model, "FILE",
                   "latency model of the machine, from 'tilewake calibrate'; none: calibrate now");
  options.integer(
      "random", values.num_random, 0, kMaxRandom, "N",
      "also train N random networks of the winner's latency (of operators: filled to the "
      "limit) for comparison");
  options.integer("correlate", values.num_correlated, 0, kMaxCorrelated, "N",
                  "spos: also train N random networks briefly; rank correlation with the "
                  "supernet's accuracies");
  options.optional("device", values.device, "auto|cpu|cuda", "device for training");
  options.optional("precision", values.precision, "auto|float32|mixed",
                   "precision of training; auto: mixed on cuda, float32 on cpu");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.flag("resume", values.resume, "continue the run that is in DIR");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
}

void add_limit_options(Options& options, NasOptions& values, const char* several) {
  constexpr std::int64_t kMaxLimit = std::int64_t{1} << 40;
  options.optional("target-ms", values.targets, "T[,T...]",
                   fmt::format("latency limit in ms; {}", several));
  options.optional("target-mj", values.energy_targets, "E[,E...]",
                   "energy limit in mJ an inference, with DRAM, instead of a latency limit, or one "
                   "beside it: both then hold");
  options.integer("max-params", values.max_params, 0, kMaxLimit, "N",
                  "limit of trained parameters; 0: what the space allows");
  options.integer("max-memory-kb", values.max_memory_kb, 0, kMaxLimit >> 10, "N",
                  "limit of the peak memory on chip (buffers, feature maps and weights there), in "
                  "KB of 1024 bytes; 0: none");
  options.integer("max-dram-kb", values.max_dram_kb, 0, kMaxLimit >> 10, "N",
                  "limit of what the network needs in DRAM (weights and feature maps), in KB; 0: "
                  "none");
}

std::string limits_name(const NasOptions& values) {
  std::string name;
  if (!values.targets_ms.empty()) name = fmt::format("{}ms", fmt::join(values.targets_ms, "-"));
  if (!values.targets_mj.empty()) {
    name += fmt::format("{}{}mJ", name.empty() ? "" : "-", fmt::join(values.targets_mj, "-"));
  }
  if (values.max_params > 0) name += fmt::format("-{}params", values.max_params);
  if (values.max_memory_kb > 0) name += fmt::format("-{}kb", values.max_memory_kb);
  if (values.max_dram_kb > 0) name += fmt::format("-{}kb-dram", values.max_dram_kb);
  return name;
}

void check_method_limits(const NasOptions& values, Method method, const std::string& name) {
  if (method != Method::kFlops) return;
  if (values.targets_mj.empty() && values.max_params == 0) return;
  throw UsageError(
      fmt::format("method {} puts MACs in the place of latencies and takes no {}; s3nas does", name,
                  values.targets_mj.empty() ? "--max-params" : "--target-mj"));
}

void check_search_options(NasOptions& values) {
  values.targets_ms = parse_targets("--target-ms", values.targets);
  values.targets_mj = parse_targets("--target-mj", values.energy_targets);
  if (values.targets_ms.empty() && values.targets_mj.empty())
    throw UsageError("a limit is missing: give --target-ms T or --target-mj E, or both");
  const bool has_others =
      (!values.targets_ms.empty() && !values.targets_mj.empty()) || values.max_params > 0;
  if (has_others && values.targets_ms.size() + values.targets_mj.size() >
                        (values.targets_ms.empty() || values.targets_mj.empty() ? 1 : 2)) {
    throw UsageError(
        "several limits of one kind exclude limits of another kind (--target-ms, --target-mj, "
        "--max-params): run them one by one");
  }
  check_word("--device", values.device, {"auto", "cpu", "cuda"});
  check_word("--precision", values.precision, {"auto", "float32", "mixed"});
}

bool parse_nas_options(const std::string& command, const std::string& description,
                       const Arguments& arguments, NasOptions& values) {
  Options options(
      "nas " + command,
      fmt::format("nas {} --hw FILE --target-ms T[,T...] [--target-mj E] [--method NAME]\n"
                  "                        [--out DIR]"
                  " [--data NAME|DIR] [--space FILE] [--recipe FILE] "
                  "[--set KEY=VALUE...] ...",
                  command),
      description);
  add_limit_options(options, values, "several in one run: not with methods of operators");
  options.optional(
      "method", values.method_name, "NAME",
      "search method: s3nas, flops (s3nas with MACs in place of latencies), random_mixconv "
      "(random networks of the same space, ranked at the same cost), hurricane, "
      "spos, random, guided (of operators), mobilenet_v2, mobilenet_v3, efficientnet_lite, dense "
      "(scaled)");
  options.optional(
      "out", values.out, "DIR",
      "directory of the run; none: runs/nas-HW-LIMIT, as in runs/nas-midap-0.15ms, with "
      "-METHOD appended unless that is s3nas, and -joint with --hw-space");
  options.optional(
      "space", values.space, "FILE",
      "search space: a name in nas/spaces/, or a path; none: the one for the data, or auto");
  options.integer("seed", values.seed, 0, std::numeric_limits<std::int64_t>::max(), "N",
                  "seed of all random numbers");
  add_search_options(options, values);
  if (command == "run") add_joint_options(options, values);
  options.optional("deploy-layout", values.deploy_layout, "nhwc|nchw",
                   "order of the images that the networks in DIR/deploy take");
  options.optional("distributed", values.distributed, "auto|off", kDistributedText);
  options.flag("force", values.force, "replace the run that is in DIR");
  options.optional("format", values.format, "table|json", "what is printed");
  if (!options.parse(arguments)) return false;
  check_search_options(values);
  values.method = parse_method("--method", values.method_name);
  if (values.out.empty()) {
    values.out =
        fmt::format("runs/nas-{}-{}", std::filesystem::path(values.hardware).stem().string(),
                    limits_name(values));
    if (values.method != Method::kS3nas) values.out += "-" + values.method_name;
    if (!values.hw_space.empty()) values.out += "-joint";
  }
  check_method_limits(values, values.method, values.method_name);
  if (std::max(values.targets_ms.size(), values.targets_mj.size()) > 1 &&
      uses_operators(values.method)) {
    throw UsageError(
        fmt::format("option '{}': method {} takes one limit; s3nas, flops, "
                    "random_mixconv and published networks take several",
                    values.targets_mj.empty() ? "--target-ms" : "--target-mj", values.method_name));
  }
  if (values.num_correlated > 0 && values.method != Method::kSpos) {
    throw UsageError("--correlate is for --method spos, whose supernet holds all networks");
  }
  if (values.num_correlated == 1) throw UsageError("--correlate: needs at least 2 networks");
  if (values.num_random > 0 && is_published(values.method)) {
    throw UsageError(fmt::format("--random: method {} has no search space", values.method_name));
  }
  check_word("--format", values.format, {"table", "json"});
  check_word("--deploy-layout", values.deploy_layout, {"nhwc", "nchw"});
  check_word("--distributed", values.distributed, {"auto", "off"});
  if (values.resume && values.force) throw UsageError("--resume and --force exclude each other");
  check_joint_options(values, command == "run" && options.is_given("hw-rounds"));
  return true;
}

}  // namespace tilewake
