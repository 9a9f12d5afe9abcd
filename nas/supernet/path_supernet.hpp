// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/network/block_network.hpp"
#include "nas/space/operator_space.hpp"

namespace tilewake {

/// All networks of an operator space in one: every operator of a position has separate weights and
/// batch statistics. A path (the index of an operator per position) runs like a stand-alone
/// network. Source: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform
/// Sampling", ECCV 2020.
struct PathSupernetImpl : torch::nn::Module {
  explicit PathSupernetImpl(const OperatorSpace& space);

  /// Only the blocks of `path` run: other blocks get no gradients, and keep their statistics in
  /// training.
  ///
  ///   @param images  N x C x H x W, preferably channels_last
  ///   @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images, const OperatorPath& path);

  OperatorSpace space;
  double dropout = 0.0;  // before the classifier
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d stem_bn{nullptr};
  std::vector<std::vector<NetworkBlock>>
      blocks;  // per position: its operators; the identity is null
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(PathSupernet);

/// The network of `path`, in the supernet's mode and on its device, with copies of its weights and
/// statistics: in evaluation mode both have equal logits.
BlockNetwork inherit(PathSupernet& supernet, const OperatorPath& path);

}  // namespace tilewake
