// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/network/blocks.hpp"
#include "nas/space/architecture.hpp"

namespace tilewake {

/// An Architecture that can be trained. Batch normalisation: momentum 0.99 (TensorFlow's sense),
/// eps 1e-3. Initial values: convolutions N(0, sqrt(2 / (kh kw out))), out = 1 for depthwise; the
/// dense layer U(+-1/sqrt(num_classes)), its bias 0 (source: the method, section 1).
struct BlockNetworkImpl : torch::nn::Module {
  explicit BlockNetworkImpl(const Architecture& architecture);

  /// @param images  N x C x H x W, best channels_last
  /// @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images);

  /// Dropout before the classifier, and drop-connect of the last block; block i (from 0) of n has
  /// i / (n - 1) of it.
  void set_regularization(double dropout, double drop_connect);

  Architecture architecture;
  double dropout = 0.0;
  torch::nn::Conv2d stem{nullptr};
  torch::nn::BatchNorm2d stem_bn{nullptr};
  std::vector<NetworkBlock> blocks;  // of all stages, in order
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(BlockNetwork);

/// Weights and biases of every layer of to_network(architecture), batch normalisation folded in:
/// what ONNX files and accelerators take.
LayerWeights folded_weights(BlockNetwork& network);

}  // namespace tilewake
