// SPDX-License-Identifier: Apache-2.0
#include "nas/search/supernet_learner.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "nas/training/batch_statistics.hpp"
#include "nas/training/rank_average.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                            double label_smoothing) {
  return torch::nn::functional::cross_entropy(
      logits, labels,
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(label_smoothing));
}

/// "3x3:2 5x5:4 | skip": the outcome of each block.
std::string gates_text(const SupernetImpl& supernet, const std::vector<int>& choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::vector<Outcome>& outcomes = supernet.blocks[i]->outcomes.outcomes;
    text += (i == 0 ? "" : " | ") + to_string(outcomes[static_cast<std::size_t>(choices[i])]);
  }
  return text;
}

StateArchive archive_of(const std::optional<SearchPoint>& point) {
  StateArchive archive;
  archive.write("choices", StateArchive::Tensors{torch::tensor(
                               point ? point->choices : std::vector<int>{}, torch::kInt64)});
  archive.write("latency_ms", point ? point->latency_ms : 0.0);
  archive.write("step", point ? point->step : std::int64_t{0});
  return archive;
}

std::optional<SearchPoint> point_of(const StateArchive& archive, const SupernetImpl& supernet) {
  SearchPoint point;
  point.latency_ms = archive.read_double("latency_ms");
  point.step = archive.read_int("step");
  const StateArchive::Tensors& choices = archive.read_tensors("choices");
  if (choices.size() == 1 && choices[0].numel() == 0) return {};
  const std::vector<SuperBlock>& blocks = supernet.blocks;
  if (choices.size() != 1 || choices[0].scalar_type() != torch::kInt64 ||
      choices[0].numel() != static_cast<std::int64_t>(blocks.size())) {
    throw InputError("'choices' has another number of blocks than the space");
  }
  const auto* values = choices[0].data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto num_outcomes = static_cast<std::int64_t>(blocks[i]->outcomes.outcomes.size());
    if (values[i] < 0 || values[i] >= num_outcomes) {
      throw InputError(fmt::format("'choices' has {} at block {}, which has {} outcomes", values[i],
                                   i, num_outcomes));
    }
    point.choices.push_back(static_cast<int>(values[i]));
  }
  return point;
}

}  // namespace

SupergraphLearner::SupergraphLearner(Supernet supernet, const PhaseRecipe& recipe,
                                     const SearchOptions& options)
    : supernet_(std::move(supernet)), label_smoothing_(recipe.label_smoothing), options_(options) {
  supernet_->dropout = recipe.dropout;
}

std::vector<ParameterGroup> SupergraphLearner::groups() {
  // Thresholds have a separate group; weight decay would pull closed gates open.
  ParameterGroup thresholds{supernet_->thresholds(), false, threshold_rate()};
  std::unordered_set<const void*> ours;
  for (const torch::Tensor& threshold : thresholds.parameters) {
    ours.insert(threshold.unsafeGetTensorImpl());
  }
  std::vector<ParameterGroup> groups;
  for (ParameterGroup& group : parameter_groups(*supernet_)) {
    ParameterGroup rest = group;
    rest.parameters.clear();
    for (const torch::Tensor& parameter : group.parameters) {
      if (ours.count(parameter.unsafeGetTensorImpl()) == 0) rest.parameters.push_back(parameter);
    }
    groups.push_back(std::move(rest));
  }
  groups.push_back(std::move(thresholds));
  return groups;
}

Learner::Result SupergraphLearner::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                           const StepContext& context) {
  const SupernetImpl::Output output = supernet_->forward(images, context.seed);
  return {cross_entropy(output.logits, labels, label_smoothing_), output.logits, {}};
}

GateLearner::GateLearner(Supernet supernet, GateSearch search, const PhaseRecipe& recipe,
                         const SearchOptions& options, bool is_ms)
    : SupergraphLearner(std::move(supernet), recipe, options),
      search_(std::move(search)),
      is_ms_(is_ms) {}

Learner::Result GateLearner::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                     const StepContext& context) {
  const std::vector<std::vector<BranchChoice>>& choices = search_.choices();
  std::vector<torch::Tensor> inputs;  // of each block
  torch::Tensor x = supernet_->features(images);
  for (std::size_t b = 0; b < choices.size(); ++b) {
    inputs.push_back(x.detach());
    x = supernet_->blocks[b]->forward(x, choices[b]);
  }
  const torch::Tensor logits = supernet_->logits(x);
  const torch::Tensor loss = cross_entropy(logits, labels, label_smoothing_);
  probe(inputs, labels, loss.item<double>(), context);
  return {loss, logits, is_ms_ ? std::optional(search_.latency_ms()) : std::nullopt};
}

void GateLearner::probe(const std::vector<torch::Tensor>& inputs, const torch::Tensor& labels,
                        double loss, const StepContext& context) {
  const torch::NoGradGuard no_grad;
  const FrozenBatchStatistics frozen(*supernet_);
  const std::vector<std::vector<BranchChoice>>& choices = search_.choices();
  const std::vector<std::size_t> probed =
      search_.moves_to_probe(static_cast<std::size_t>(options_.probes));
  std::vector<double> changes;
  for (const std::size_t index : probed) {
    const GateMove& move = search_.moves()[index];
    torch::Tensor x = supernet_->blocks[move.block]->forward(inputs[move.block], move.choices);
    for (std::size_t b = move.block + 1; b < choices.size(); ++b)
      x = supernet_->blocks[b]->forward(x, choices[b]);
    const torch::Tensor changed = cross_entropy(supernet_->logits(x), labels, label_smoothing_);
    changes.push_back(changed.item<double>() - loss);
  }
  average_over(context.ranks, context.share, changes);  // so that all ranks decide the same
  for (std::size_t i = 0; i < probed.size(); ++i) search_.observe(probed[i], changes[i]);
}

void GateLearner::after_step(const StepContext& context) {
  search_.advance(static_cast<double>(context.step + 1) / static_cast<double>(context.num_steps),
                  context.step);
}

std::string GateLearner::gates() const { return gates_text(*supernet_, search_.outcomes()); }

void GateLearner::save(StateArchive& archive) const {
  const GateSearch::State state = search_.state();
  std::vector<std::int64_t> choices;
  for (const std::vector<BranchChoice>& block : state.choices) {
    for (const BranchChoice& choice : block) {
      choices.push_back(choice.kernel);
      choices.push_back(choice.expansion_ratio);
    }
  }
  std::vector<std::int64_t> changes;
  std::vector<double> figures;
  for (const GateSearch::Change& change : state.changes) {
    changes.insert(changes.end(),
                   {change.step, static_cast<std::int64_t>(change.block), change.from, change.to});
    figures.insert(figures.end(), {change.loss, change.ms});
  }
  archive.write("choices", StateArchive::Tensors{torch::tensor(choices, torch::kInt64)});
  archive.write("means", StateArchive::Tensors{torch::tensor(state.means, torch::kDouble)});
  archive.write("counts", StateArchive::Tensors{torch::tensor(state.counts, torch::kInt64)});
  archive.write("changes", StateArchive::Tensors{torch::tensor(changes, torch::kInt64)});
  archive.write("figures", StateArchive::Tensors{torch::tensor(figures, torch::kDouble)});
}

void GateLearner::load(const StateArchive& archive) {
  const auto values = [&](const std::string& key, auto type) {
    using T = decltype(type);
    const StateArchive::Tensors& tensors = archive.read_tensors(key);
    if (tensors.size() != 1 || tensors[0].scalar_type() != torch::CppTypeToScalarType<T>() ||
        !tensors[0].is_contiguous())
      throw InputError(fmt::format("'{}' has another type", key));
    const T* const begin = tensors[0].data_ptr<T>();
    return std::vector<T>(begin, begin + tensors[0].numel());
  };
  const auto check = [](bool ok) {
    if (!ok) throw InputError("the gates are those of another space");
  };
  constexpr std::int64_t kMaxIndex = 1'000'000;
  const auto index_of = [&](std::int64_t value) {
    check(value >= 0 && value <= kMaxIndex);
    return static_cast<int>(value);
  };
  GateSearch::State state;
  const std::vector<std::int64_t> choices = values("choices", std::int64_t{});
  std::size_t at = 0;
  for (const SuperBlock& block : supernet_->blocks) {
    check(choices.size() - at >= 2 * block->branches.size());
    std::vector<BranchChoice>& of_block = state.choices.emplace_back();
    for (std::size_t i = 0; i < block->branches.size(); ++i, at += 2)
      of_block.push_back({index_of(choices[at]), index_of(choices[at + 1])});
  }
  check(at == choices.size());
  state.means = values("means", double{});
  state.counts = values("counts", std::int64_t{});
  const std::vector<std::int64_t> changes = values("changes", std::int64_t{});
  const std::vector<double> figures = values("figures", double{});
  check(changes.size() % 4 == 0 && figures.size() * 2 == changes.size());
  for (std::size_t i = 0; i < changes.size() / 4; ++i) {
    const std::int64_t* const change = changes.data() + 4 * i;
    state.changes.push_back({change[0], static_cast<std::size_t>(index_of(change[1])),
                             index_of(change[2]), index_of(change[3]), figures[2 * i],
                             figures[2 * i + 1]});
  }
  search_.set_state(state);
}

SearchLearner::SearchLearner(Supernet supernet, LatencyLoss latency_loss, const PhaseRecipe& recipe,
                             const SearchOptions& options, bool is_ms)
    : SupergraphLearner(std::move(supernet), recipe, options),
      latency_loss_(std::move(latency_loss)),
      is_ms_(is_ms) {}

Learner::Result SearchLearner::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                       const StepContext& context) {
  const SupernetImpl::Output output = supernet_->forward(images);
  const torch::Tensor expected_ms = latency_loss_.expected_ms(output.probabilities);
  SearchPoint point;
  point.latency_ms = expected_ms.item<double>();
  point.step = context.step;
  for (const torch::Tensor& probabilities : output.probabilities) {
    point.choices.push_back(static_cast<int>(probabilities.detach().argmax().item<std::int64_t>()));
  }
  choices_ = point.choices;
  if (!fastest_ || point.latency_ms < fastest_->latency_ms) fastest_ = point;
  const bool is_within = point.latency_ms <= latency_loss_.target_ms();
  if (is_within) last_within_ = point;
  const double pressure =
      std::pow(options_.latency_growth,
               static_cast<double>(num_excess_steps_) / static_cast<double>(context.num_steps));
  num_excess_steps_ =
      is_within ? std::max<std::int64_t>(num_excess_steps_ - 1, 0) : num_excess_steps_ + 1;
  const torch::Tensor loss = cross_entropy(output.logits, labels, label_smoothing_) +
                             latency_loss_.loss(expected_ms, pressure);
  return {loss, output.logits, is_ms_ ? std::optional(point.latency_ms) : std::nullopt};
}

std::string SearchLearner::gates() const { return gates_text(*supernet_, choices_); }

void SearchLearner::save(StateArchive& archive) const {
  archive.write("last_within", archive_of(last_within_));
  archive.write("fastest", archive_of(fastest_));
  archive.write("num_excess_steps", num_excess_steps_);
}

void SearchLearner::load(const StateArchive& archive) {
  last_within_ = point_of(archive.read_archive("last_within"), *supernet_);
  fastest_ = point_of(archive.read_archive("fastest"), *supernet_);
  num_excess_steps_ = archive.read_int("num_excess_steps");
}

}  // namespace tilewake
