// SPDX-License-Identifier: Apache-2.0
#include "nas/search/guided_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/guided/guided_search.hpp"
#include "nas/search/measured.hpp"
#include "nas/search/one_shot.hpp"
#include "nas/search/ranking.hpp"
#include "nas/space/operator_features.hpp"

namespace tilewake {
namespace {

/// The networks that a guided search trains, as candidates of its record.
class GuidedTrainer {
 public:
  GuidedTrainer(const RunContext& run, const Target& target, StepRecord& record)
      : run_(run), target_(target), record_(record) {}

  std::optional<double> train(const Path& path, std::optional<double> predicted) {
    const Architecture architecture = architecture_of(run_.operators, path);
    const SimulatedCost simulated = simulate_within(run_, target_, to_network(architecture));
    if (!simulated.missed.empty()) {
      add(architecture, simulated.missed, Verdict::kRejected,
          simulated.cost > 0.0 ? std::optional(simulated.costs.ms) : std::nullopt, {});
      return std::nullopt;
    }
    const Ranked ranked = rank_by_training(run_, target_, architecture);
    trained_.push_back(record_.candidates.size());
    add(architecture,
        fmt::format("{}accuracy {} (+-{})",
                    predicted ? fmt::format("predicted {}, ", as_percent(*predicted)) : "",
                    as_percent(ranked.accuracy), as_percent(ranked.standard_error)),
        Verdict::kTrained, simulated.costs.ms, ranked.accuracy);
    return ranked.accuracy;
  }

  /// The candidate of training `index`, in order, is the result.
  void choose(std::size_t index) { record_.candidates[trained_[index]].verdict = Verdict::kChosen; }

 private:
  void add(const Architecture& architecture, const std::string& what, Verdict verdict,
           const std::optional<double>& ms, const std::optional<double>& accuracy) {
    record_.add_candidate(
        fmt::format("#{}: {}: {}", record_.candidates.size() + 1, in_one_line(architecture), what),
        verdict, ms, accuracy);
  }

  const RunContext& run_;
  const Target& target_;
  StepRecord& record_;
  std::vector<std::size_t> trained_;  // candidates of the record
};

}  // namespace

void search_guided(const RunContext& run, const Target& target, int num_networks,
                   StepRecord& record) {
  constexpr std::uint64_t kGuidedDraws = 0x7267;
  constexpr int kMinInitial = 2;  // that a fit needs
  const GuidedRecipe& recipe = run.recipe.guided;
  GuidedOptions options;
  options.trainings = num_networks;
  options.initial =
      std::max(kMinInitial, static_cast<int>(std::lround(recipe.initial_share * num_networks)));
  options.batch = recipe.batch;
  GuidedTrainer trainer(run, target, record);
  GuidedProblem problem;
  problem.space = path_space(run, target);
  problem.features = [&run](const Path& path) { return operator_features(run.operators, path); };
  problem.train = [&trainer](const Path& path, std::optional<double> predicted) {
    return trainer.train(path, predicted);
  };
  const GuidedResult result = guided_search(problem, options, random_bits(run.seed, kGuidedDraws));
  if (result.trained.empty()) {
    throw target_missed(run, target,
                        fmt::format("no network of the space {} that was tried keeps to {}",
                                    run.operators.name, as_limit(run, target)),
                        0.0, {});
  }
  trainer.choose(result.best);
  const TrainedPath& best = result.trained[result.best];
  record.architecture = architecture_of(run.operators, best.path);
  record.architecture->name = "searched";
  measure(run, record);
  record.validation_accuracy = best.accuracy;
  record.log.insert(record.log.end(), result.log.begin(), result.log.end());
  record.log.push_back(fmt::format("best of {} trained networks: {}", result.trained.size(),
                                   in_one_line(*record.architecture)));
  record.log.push_back(fmt::format("{}, accuracy {} after the short training",
                                   measured_text(run, record), as_percent(best.accuracy)));
}

}  // namespace tilewake
