// SPDX-License-Identifier: Apache-2.0
#include "nas/search/supernet_learner.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                            double label_smoothing) {
  return torch::nn::functional::cross_entropy(
      logits, labels,
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(label_smoothing));
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

SearchLearner::SearchLearner(Supernet supernet, LatencyLoss latency_loss, const PhaseRecipe& recipe,
                             const SearchOptions& options)
    : SupergraphLearner(std::move(supernet), recipe, options),
      latency_loss_(std::move(latency_loss)) {}

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
  return {loss, output.logits, point.latency_ms};
}

std::string SearchLearner::gates() const {
  std::string text;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const std::vector<Outcome>& outcomes = supernet_->blocks[i]->outcomes.outcomes;
    text += (i == 0 ? "" : " | ") + to_string(outcomes[static_cast<std::size_t>(choices_[i])]);
  }
  return text;
}

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
