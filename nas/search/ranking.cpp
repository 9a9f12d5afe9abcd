// SPDX-License-Identifier: Apache-2.0
#include "nas/search/ranking.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>

#include "nas/search/int8_model.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/step_record.hpp"
#include "nas/search/step_settings.hpp"
#include "simulator/common/atomic_file.hpp"

namespace tilewake {
namespace {

/// Mean over channels of the deviation of each block's gate over the validation images.
std::vector<double> gate_scores(const RunContext& run, BlockNetwork network) {
  const auto loader = validation_loader(run, static_cast<int>(network->architecture.input.height));
  std::vector<std::vector<torch::Tensor>> gates;  // per block with one, per batch
  for (const NetworkBlock& block : network->blocks) {
    if (block->squeeze_excite) gates.emplace_back();
  }
  if (gates.empty()) return {};
  const torch::NoGradGuard no_grad;
  network->eval();
  loader->start(0);
  Batch batch;
  while (loader->next(batch)) {
    network->forward(to_tensors(batch, run.device).first);
    std::size_t i = 0;
    for (const NetworkBlock& block : network->blocks) {
      if (block->squeeze_excite) gates[i++].push_back(block->squeeze_excite->last_gate.flatten(1));
    }
  }
  std::vector<double> scores;
  scores.reserve(gates.size());
  for (const std::vector<torch::Tensor>& batches : gates) {
    scores.push_back(torch::cat(batches).std(0, /*unbiased=*/true).mean().item<double>());
  }
  return scores;
}

/// One training of a network: its record, with the accuracy and the gate scores.
///   @param number  of the training, from 0: another number has other initial weights
StepRecord train_once(const RunContext& run, const Target& target, const Architecture& architecture,
                      const RankingEffort& effort, int number) {
  const double share = effort.share;
  std::string text = architecture_text(architecture);
  if (effort.in_int8) text += "in int8\n";
  if (share != 1.0) text += fmt::format("share of the epochs={}\n", share);
  if (number > 0) text += fmt::format("training={}\n", number);
  const std::string name = "rank-" + hash_of(text + '\0');  // seeds the training, too
  const std::string checkpoint = step_path(run.directory, name) + ".ckpt";
  const std::string fingerprint = step_settings(run, target, "rank", text);
  StepRecord record = do_once(run.directory, name, fingerprint, [&](StepRecord& ranked) {
    make_directory_of(checkpoint);
    PhaseRecipe recipe = run.recipe.ranking;
    recipe.epochs *= share;
    recipe.schedule.warmup_epochs *= share;
    TrainedNetwork trained = train_network(
        run, architecture, recipe, name, {target.directory, checkpoint, /*best=*/"", fingerprint});
    ranked.architecture = architecture;
    ranked.validation_accuracy = trained.result.validation.value().share();
    ranked.values = gate_scores(run, trained.network);
    if (!effort.in_int8) return;
    const double in_floats = *ranked.validation_accuracy;
    trained.network->to(torch::kCPU);
    ranked.validation_accuracy =
        int8_accuracy(run, to_network(architecture), folded_weights(trained.network)).share();
    ranked.log.push_back(fmt::format("accuracy {} in int8, {} in floats",
                                     as_percent(*ranked.validation_accuracy),
                                     as_percent(in_floats)));
  });
  std::filesystem::remove(checkpoint);  // the record replaces it
  return record;
}

/// Networks with most rounds first and, of these, the most accurate; of equals the first.
bool is_better(const HalvingResult& a, const HalvingResult& b) {
  if (a.num_rounds != b.num_rounds) return a.num_rounds > b.num_rounds;
  return a.ranked.accuracy > b.ranked.accuracy;
}

}  // namespace

Ranked rank_by_training(const RunContext& run, const Target& target,
                        const Architecture& architecture, const RankingEffort& effort) {
  assert(effort.num_trainings >= 1);
  Architecture nameless = architecture;
  nameless.name = "candidate";
  Ranked ranked;
  for (int i = 0; i < effort.num_trainings; ++i) {
    const StepRecord record = train_once(run, target, nameless, effort, i);
    ranked.trainings.push_back(record.validation_accuracy.value());
    if (i == 0) ranked.gate_scores = record.values;
  }
  const auto num_trainings = static_cast<double>(effort.num_trainings);
  ranked.accuracy =
      std::accumulate(ranked.trainings.begin(), ranked.trainings.end(), 0.0) / num_trainings;
  // All trainings are validated on the same images.
  ranked.standard_error = std::sqrt(ranked.accuracy * (1.0 - ranked.accuracy) /
                                    static_cast<double>(run.split.validation.size()));
  return ranked;
}

std::vector<HalvingResult> rank_by_halving(const RunContext& run, const Target& target,
                                           const std::vector<Architecture>& networks) {
  std::vector<HalvingResult> results(networks.size());
  std::vector<std::size_t> kept(networks.size());
  std::iota(kept.begin(), kept.end(), std::size_t{0});
  const int num_rounds = run.recipe.ranking_rounds;
  for (int round = 1; round <= num_rounds && !kept.empty(); ++round) {
    RankingEffort effort;
    effort.share = std::exp2(static_cast<double>(round - num_rounds));
    for (const std::size_t i : kept) {
      results[i] = {round, effort.share * run.recipe.ranking.epochs,
                    rank_by_training(run, target, networks[i], effort)};
    }
    std::stable_sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
      return is_better(results[a], results[b]);
    });
    kept.resize((kept.size() + 1) / 2);
    std::sort(kept.begin(), kept.end());
  }
  return results;
}

std::size_t best_of(const std::vector<HalvingResult>& results) {
  assert(!results.empty());
  std::size_t best = 0;
  for (std::size_t i = 1; i < results.size(); ++i) {
    if (is_better(results[i], results[best])) best = i;
  }
  return best;
}

std::string in_one_line(const HalvingResult& result) {
  return fmt::format("accuracy {} (+-{}) after {:.3g} epochs", as_percent(result.ranked.accuracy),
                     as_percent(result.ranked.standard_error), result.epochs);
}

}  // namespace tilewake
