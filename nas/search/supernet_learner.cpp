// SPDX-License-Identifier: Apache-2.0
#include "nas/search/supernet_learner.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_set>
#include <utility>

namespace tilewake {
namespace {

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                            double label_smoothing) {
  return torch::nn::functional::cross_entropy(
      logits, labels,
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(label_smoothing));
}

void write(torch::serialize::OutputArchive& archive, const std::string& key,
           const std::optional<SearchPoint>& point) {
  std::vector<double> values;
  if (point) {
    values = {static_cast<double>(point->step), point->latency_ms};
    values.insert(values.end(), point->choices.begin(), point->choices.end());
  }
  archive.write(key, torch::tensor(values, torch::kFloat64), /*is_buffer=*/true);
}

std::optional<SearchPoint> read(torch::serialize::InputArchive& archive, const std::string& key) {
  torch::Tensor values;
  archive.read(key, values, /*is_buffer=*/true);
  if (values.numel() == 0) return {};
  SearchPoint point;
  const auto* data = values.data_ptr<double>();
  point.step = static_cast<std::int64_t>(data[0]);
  point.latency_ms = data[1];
  for (std::int64_t i = 2; i < values.numel(); ++i) {
    point.choices.push_back(static_cast<int>(data[i]));
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
  // Thresholds have a group of their own; weight decay would pull closed gates open.
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

void SearchLearner::save(torch::serialize::OutputArchive& archive) const {
  write(archive, "last_within", last_within_);
  write(archive, "fastest", fastest_);
  archive.write("num_excess_steps", torch::tensor(num_excess_steps_, torch::kInt64),
                /*is_buffer=*/true);
}

void SearchLearner::load(torch::serialize::InputArchive& archive) {
  last_within_ = read(archive, "last_within");
  fastest_ = read(archive, "fastest");
  torch::Tensor num_excess_steps;
  archive.read("num_excess_steps", num_excess_steps, /*is_buffer=*/true);
  num_excess_steps_ = num_excess_steps.item<std::int64_t>();
}

}  // namespace tilewake
