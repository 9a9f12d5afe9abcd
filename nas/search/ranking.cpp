// SPDX-License-Identifier: Apache-2.0
#include "nas/search/ranking.hpp"

#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "simulator/common/atomic_file.hpp"

namespace tilewake {
namespace {

/// Only what decides a ranking: the phase, the data, the seed.
std::string ranking_fingerprint(const TargetContext& context, const std::string& architecture) {
  Recipe recipe;
  recipe.validation_share = context.config().recipe.validation_share;
  recipe.ranking = context.config().recipe.ranking;
  return fingerprint_of(
      {architecture, recipe_yaml(recipe), context.config().data.name,
       fmt::format("{} {}", context.config().data.train->size(), context.config().seed)});
}

std::vector<double> gate_scores(const TrainingContext& context, BlockNetwork network) {
  const auto loader =
      validation_loader(context, static_cast<int>(network->architecture.input.height));
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
    network->forward(to_tensors(batch, context.config.device).first);
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

}  // namespace

Ranked rank_by_training(const TargetContext& context, const Architecture& architecture) {
  Architecture nameless = architecture;
  nameless.name = "candidate";
  const std::string text = architecture_text(nameless);
  const std::string fingerprint = ranking_fingerprint(context, text);
  const std::string name = "rank-" + fingerprint_of({text});
  const double num_images = static_cast<double>(context.training.split.validation.size());
  std::optional<StepRecord> record = context.rankings.find(name, fingerprint);
  if (!record) {
    const std::string checkpoint = context.rankings.path_of(name) + ".ckpt";
    make_directory_of(checkpoint);  // with several targets no step has made it
    TrainedNetwork trained =
        train_network(context.training, nameless, context.config().recipe.ranking, name, checkpoint,
                      "", fingerprint);
    record = StepRecord();
    record->step = name;
    record->fingerprint = fingerprint;
    record->architecture = nameless;
    record->validation_accuracy = trained.result.validation.value().share();
    record->values = gate_scores(context.training, trained.network);
    context.rankings.save(name, *record);
    std::filesystem::remove(checkpoint);  // the record holds all that is needed of it
  }
  Ranked ranked;
  ranked.accuracy = record->validation_accuracy.value();
  ranked.standard_error = std::sqrt(ranked.accuracy * (1.0 - ranked.accuracy) / num_images);
  ranked.gate_scores = record->values;
  return ranked;
}

}  // namespace tilewake
