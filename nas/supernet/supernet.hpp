// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/torch.h>

#include "latency_model/latency_table.hpp"
#include "nas/network/mixconv_network.hpp"
#include "nas/space/outcome.hpp"
#include "nas/supernet/superkernel.hpp"

namespace tilewake {

/// A searchable block: a MixConvBlock whose branches are superkernels. Where all branches vanish
/// its input passes unchanged.
struct SuperBlockImpl : torch::nn::Module {
  SuperBlockImpl(const BlockSpace& space, Activation activation, const GateOptions& options);

  /// @param gates  one a branch
  torch::Tensor forward(const torch::Tensor& x, const std::vector<BranchGates>& gates);

  /// Probability of every outcome of `outcomes`, differentiable, sum 1.
  torch::Tensor outcome_probabilities(const std::vector<BranchGates>& gates);

  /// The outcome that norms and thresholds choose now.
  Outcome outcome();

  BlockSpace space;
  Activation activation;
  OutcomeTable outcomes;
  torch::Tensor outcome_of_combination;  // combinations x outcomes, 0/1
  torch::nn::Conv2d expand{nullptr};
  torch::nn::BatchNorm2d expand_bn{nullptr};
  std::vector<SuperKernel> branches;
  torch::nn::BatchNorm2d depthwise_bn{nullptr};
  torch::nn::Conv2d project{nullptr};
  torch::nn::BatchNorm2d project_bn{nullptr};
};
TORCH_MODULE(SuperBlock);

/// All networks of a space in one.
struct SupernetImpl : torch::nn::Module {
  SupernetImpl(const SearchSpace& space, const GateOptions& options);

  struct Output {
    torch::Tensor logits;                      // N x num_classes
    std::vector<torch::Tensor> probabilities;  // per block, of its outcomes
  };

  /// @param drop_seed  where given, equal-selection dropout draws by it (supergraph phase)
  Output forward(const torch::Tensor& images, std::optional<std::uint64_t> drop_seed = {});

  /// What the thresholds choose now, per block.
  std::vector<Outcome> outcomes();
  Architecture architecture();

  std::vector<torch::Tensor> thresholds();  // parameters

  SearchSpace space;
  double dropout = 0.0;
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d stem_bn{nullptr};
  std::vector<SuperBlock> blocks;
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(Supernet);

/// The network that `supernet` chooses now, with its weights and statistics: with
/// mask_after_activation both give the same logits in evaluation mode.
MixConvNetwork discrete_network(Supernet& supernet);

/// Same for given outcomes (of the space), whatever the thresholds say; weights inherited.
MixConvNetwork discrete_network(Supernet& supernet, const std::vector<Outcome>& outcomes);

/// A LatencyTable as tensors.
class LatencyLoss {
 public:
  /// @param cycles_to_ms  1 / (clock_mhz x 1000)
  LatencyLoss(const LatencyTable& table, double cycles_to_ms, double target_ms, double weight,
              double slope);

  /// Expected latency in ms: fixed layers, and per block the latency of each outcome given the
  /// outcome of the block before, weighted by both probabilities. A scalar.
  torch::Tensor expected_ms(const std::vector<torch::Tensor>& probabilities) const;

  /// weight x ln(1 + slope x relu(L / T - 1)). A scalar.
  torch::Tensor loss(const torch::Tensor& expected_ms) const;

  double target_ms() const { return target_ms_; }
  void to(torch::Device device);

 private:
  double fixed_ms_ = 0.0;
  std::vector<torch::Tensor> given_ms_;  // [outcome of the block before][outcome]
  double target_ms_;
  double weight_;
  double slope_;
};

}  // namespace tilewake
