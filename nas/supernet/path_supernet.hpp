// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/network/block_network.hpp"
#include "nas/space/architecture.hpp"

namespace tilewake {

/// A block to be searched: what it can be.
struct PathPosition {
  int in_channels = 0;
  int out_channels = 0;
  int stride = 1;
  std::vector<ArchitectureBlock> candidates;  // at least one
};

/// What all networks of a one-shot search have in common, and their blocks in order. Fields are
/// those of an Architecture.
struct PathSpace {
  Shape input;
  int num_classes = 0;
  int stem_kernel = 3;
  int stem_stride = 1;
  int stem_width = 0;
  int head_width = 0;
  Activation activation = Activation::kRelu;  // of stem and head
  double se_ratio = 0.25;
  std::vector<PathPosition> positions;
};

/// All networks of a PathSpace in one: every candidate has weights and batch statistics of its own,
/// and a path, the index of a candidate per position, runs as if it were alone. Source: Guo et al.,
/// "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020.
struct PathSupernetImpl : torch::nn::Module {
  /// Throws InputError where positions do not fit together or a candidate is no block.
  explicit PathSupernetImpl(const PathSpace& space);

  /// Only the blocks of `path` run: parameters of others get no gradient, and in training their
  /// statistics stay.
  ///
  ///   @param images  N x C x H x W, best channels_last
  ///   @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images, const std::vector<int>& path);

  PathSpace space;
  double dropout = 0.0;  // before the classifier
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d stem_bn{nullptr};
  std::vector<std::vector<NetworkBlock>> blocks;  // per position its candidates
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(PathSupernet);

/// The network of `path`, in the supernet's mode and on its device, with copies of its weights and
/// statistics: in evaluation mode both give the same logits. `architecture` is that of the path;
/// stages, which a PathSpace does not know, and the name are its own. Throws InputError where it
/// is another one.
BlockNetwork inherit(PathSupernet& supernet, const Architecture& architecture,
                     const std::vector<int>& path);

/// Copies stem, head, classifier and all candidates that both have at the same position, with their
/// statistics. Both are of as many positions and one frame.
void inherit_common(const PathSupernet& from, PathSupernet& to);

}  // namespace tilewake
