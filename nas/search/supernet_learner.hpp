// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/search/gate_search.hpp"
#include "nas/supernet/supernet.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

/// The supergraph phase: all networks of the space are trained at once, equal-selection dropout
/// draws one a step. If supergraph_threshold_rate is above 0, thresholds learn too, from the cross
/// entropy alone.
class SupergraphLearner : public Learner {
 public:
  SupergraphLearner(Supernet supernet, const PhaseRecipe& recipe, const SearchOptions& options);

  torch::nn::Module& module() override { return *supernet_; }
  std::vector<ParameterGroup> groups() override;
  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override;

 protected:
  /// Learning rate of thresholds, relative to that of weights.
  virtual double threshold_rate() const { return options_.supergraph_threshold_rate; }

  Supernet supernet_;
  double label_smoothing_;
  SearchOptions options_;
};

/// The network that a search selects at a step, by its choice at each block.
struct SearchPoint {
  std::vector<int> choices;  // indices into the blocks' OutcomeTable
  double latency_ms = 0.0;   // or another cost
  std::int64_t step = 0;
};

/// The search phase by differences: the weights learn with the gates that are open now, and every
/// step probes some gates on its batch: by how much the loss changes if this one closes or opens.
/// GateSearch decides by that.
///
/// Probes use the statistics of the batch, like the training, and change no statistics. A pass
/// starts at the block of the gate, because the blocks before it are as in the training.
class GateLearner final : public SupergraphLearner {
 public:
  /// @param is_ms  the costs are milliseconds, which the log of training has
  GateLearner(Supernet supernet, GateSearch search, const PhaseRecipe& recipe,
              const SearchOptions& options, bool is_ms = true);

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override;
  void after_step(const StepContext& context) override;
  std::string gates() const override;
  void save(StateArchive& archive) const override;
  void load(const StateArchive& archive) override;

  const GateSearch& search() const { return search_; }

 private:
  double threshold_rate() const override { return 0.0; }
  void probe(const std::vector<torch::Tensor>& inputs, const torch::Tensor& labels, double loss,
             const StepContext& context);

  GateSearch search_;
  bool is_ms_;
};

/// The search phase by thresholds: no dropout of gates, and the latency loss pulls the selected
/// network below the target. Its weight grows with every step above the target and falls with every
/// step within. The gates that matter least to accuracy thus close first, whatever the scale of the
/// two losses.
class SearchLearner final : public SupergraphLearner {
 public:
  /// @param is_ms  the costs are milliseconds, which the log of training has
  SearchLearner(Supernet supernet, LatencyLoss latency_loss, const PhaseRecipe& recipe,
                const SearchOptions& options, bool is_ms = true);

  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override;
  /// "3x3:2 5x5:4 | skip": the outcome of each block.
  std::string gates() const override;
  void save(StateArchive& archive) const override;
  void load(const StateArchive& archive) override;

  /// The last network met that kept to the target, and the fastest one met.
  const std::optional<SearchPoint>& last_within() const { return last_within_; }
  const std::optional<SearchPoint>& fastest() const { return fastest_; }

 private:
  double threshold_rate() const override { return options_.threshold_rate; }

  LatencyLoss latency_loss_;
  bool is_ms_;
  std::vector<int> choices_;           // of the last step
  std::int64_t num_excess_steps_ = 0;  // steps above the target less steps within, not below 0
  std::optional<SearchPoint> last_within_;
  std::optional<SearchPoint> fastest_;
};

}  // namespace tilewake
