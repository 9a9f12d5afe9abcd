// SPDX-License-Identifier: Apache-2.0
#include "nas/search/step_settings.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "nas/search/teacher.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// A name, or a section of the recipe: "train" is "train.epochs", "train.batch_size", ... A
/// name with '!' before it is excluded from the others.
using Names = std::vector<std::string_view>;

struct StepReads {
  std::string_view step;
  Names names;
};

/// Settings that each step reads, besides those of the steps before.
const std::vector<StepReads>& step_reads() {
  static const std::vector<StepReads> kStepReads = {
      {"supergraph",
       {"--hw", "--space", "--data", "--seed", "validation_share", "supergraph",
        "search.options.norm", "search.options.temperature",
        "search.options.supergraph_threshold_rate", "search.options.gate_scaling",
        "search.options.mask_after_activation"}},
      {"sized-supergraph",
       {"--hw", "--space", "--data", "--seed", "--target-ms", "validation_share", "supergraph",
        "search.options.target_share", "search.options.supernet_ratio", "search.options.norm",
        "search.options.temperature", "search.options.supergraph_threshold_rate",
        "search.options.gate_scaling", "search.options.mask_after_activation"}},
      {"search", {"--method", "--target-ms", "search"}},
      {"hurricane",
       {"--hw", "--space", "--data", "--seed", "validation_share", "--method", "--target-ms",
        "supernet", "evolution", "two_stage", "ranking", "!ranking.max_ranked"}},
      {"spos",
       {"--hw", "--space", "--data", "--seed", "validation_share", "--method", "--target-ms",
        "supernet", "evolution", "ranking", "!ranking.max_ranked"}},
      {"random",
       {"--hw", "--space", "--data", "--seed", "validation_share", "--method", "--target-ms",
        "supernet", "evolution", "ranking", "!ranking.max_ranked", "!ranking.rounds",
        "random_search"}},
      {"guided",
       {"--hw", "--space", "--data", "--seed", "validation_share", "--method", "--target-ms",
        "supernet", "evolution", "ranking", "!ranking.max_ranked", "!ranking.rounds", "guided"}},
      {"random_mixconv",
       {"--hw", "--space", "--data", "--seed", "validation_share", "--method", "--target-ms",
        "supergraph", "search", "ranking", "random_search"}},
      {"published", {"--hw", "--space", "--data", "--seed", "--method", "--target-ms"}},
      {"scale", {"ranking", "validation_share"}},
      {"fill", {}},
      {"postprocess", {"postprocess"}},
      {"teacher",
       {"--data", "--seed", "validation_share", "train", "!train.trainings", "!train.qat",
        "!train.distillation"}},
      {"train", {"train", "!train.qat"}},
      {"evaluate", {"--deploy-layout", "train.qat"}},
      // A given network, without a search.
      {"train-given",
       {"--data", "--seed", "validation_share", "train", "!train.trainings", "!train.qat"}},
      {"correlation", {"--correlate", "ranking", "!ranking.max_ranked", "!ranking.rounds"}},
      // Of one network each, independent of the step that trains it.
      {"rank",
       {"--data", "--seed", "validation_share", "ranking", "!ranking.max_ranked",
        "!ranking.rounds"}},
      {"random-network",
       {"--hw", "--data", "--seed", "validation_share", "train", "!train.trainings", "!train.qat"}},
  };
  return kStepReads;
}

/// All settings of a run by name.
std::map<std::string, std::string> settings_of(const RunContext& run, const Target& target) {
  std::map<std::string, std::string> settings = recipe_values(run.recipe);
  const bool of_operators = uses_operators(run.method);
  settings["--hw"] = run.machine;
  settings["--method"] = to_string(run.method);
  settings["--space"] = fmt::format("{} {}", run.space.name,
                                    hash_of(of_operators ? operator_space_yaml(run.operators)
                                            : run.given_space.empty() ? search_space_yaml(run.space)
                                                                      : run.given_space));
  settings["--data"] = fmt::format("{}, {} + {} images", run.data.name, run.data.train->size(),
                                   run.data.test->size());
  if (!run.data.fingerprint.empty()) settings["--data"] += " " + run.data.fingerprint;
  settings["--seed"] = fmt::format("{}", run.seed);
  const auto limit_ms = latency_limit(run, target);
  settings["--target-ms"] = limit_ms ? fmt::format("{}", *limit_ms) : "none";
  if (const auto mj = energy_limit(run, target)) settings["--target-mj"] = fmt::format("{}", *mj);
  if (run.max_params > 0) settings["--max-params"] = fmt::format("{}", run.max_params);
  if (run.max_chip_bytes > 0)
    settings["--max-memory-kb"] = fmt::format("{} bytes", run.max_chip_bytes);
  if (run.max_dram_bytes > 0)
    settings["--max-dram-kb"] = fmt::format("{} bytes", run.max_dram_bytes);
  settings["--deploy-layout"] = run.deploy_layout == ImageLayout::kNhwc ? "nhwc" : "nchw";
  if (run.teacher) settings["train.distillation.weights"] = run.teacher->identity;
  settings["--correlate"] = fmt::format("{}", run.num_correlated);
  return settings;
}

/// Whether `name` is `pattern` or in the section of that name.
bool is_within(std::string_view name, std::string_view pattern) {
  return name.substr(0, pattern.size()) == pattern &&
         (name.size() == pattern.size() || name[pattern.size()] == '.');
}

/// A step that reads one of the limits reads all of them.
bool is_other_limit(std::string_view name) {
  return name == "--target-mj" || name == "--max-params" || name == "--max-memory-kb" ||
         name == "--max-dram-kb";
}

bool reads(const StepReads& step, std::string_view name) {
  if (is_other_limit(name)) name = "--target-ms";
  const auto names = [&](bool excluded) {
    return std::any_of(step.names.begin(), step.names.end(), [&](std::string_view pattern) {
      if ((pattern.front() == '!') != excluded) return false;
      return is_within(name, excluded ? pattern.substr(1) : pattern);
    });
  };
  return names(false) && !names(true);
}

}  // namespace

std::string hash_of(const std::string& text) { return fmt::format("{:016x}", fnv1a64(text)); }

std::string step_settings(const RunContext& run, const Target& target, std::string_view step,
                          const std::string& before) {
  const auto found = std::find_if(step_reads().begin(), step_reads().end(),
                                  [&](const StepReads& reads) { return reads.step == step; });
  if (found == step_reads().end()) throw std::logic_error("no such step");
  const std::map<std::string, std::string> settings = settings_of(run, target);
  for (const std::string_view pattern : found->names) {
    if (std::none_of(settings.begin(), settings.end(), [&](const auto& setting) {
          return is_within(setting.first, pattern.substr(pattern.front() == '!' ? 1 : 0));
        }))
      throw std::logic_error(
          fmt::format("step {} reads {}, which is not a setting", step, pattern));
  }
  std::string text;
  for (const auto& [name, value] : settings) {
    if (reads(*found, name)) text += fmt::format("{}={}\n", name, value);
  }
  if (!before.empty()) text += fmt::format("starts from={}\n", hash_of(before));
  return text;
}

}  // namespace tilewake
