// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/network/blocks.hpp"
#include "nas/space/architecture.hpp"

namespace tilewake {

/// A trainable Architecture. Batch normalisation: momentum 0.99 (as in TensorFlow), eps 1e-3.
/// Initial values: convolutions N(0, sqrt(2 / (kh kw out))), out = 1 for depthwise; the dense layer
/// U(+-1/sqrt(num_classes)), its bias 0 (source: the method, section 1).
struct BlockNetworkImpl : torch::nn::Module {
  explicit BlockNetworkImpl(const Architecture& architecture);

  /// @param images  N x C x H x W, preferably channels_last
  /// @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images);

  /// Sets dropout before the classifier, and drop-connect: block i (from 0) of n gets drop_connect
  /// x i / (n - 1).
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

/// Weights and biases of every layer of to_network(architecture) with batch normalisation folded
/// in, as used by ONNX files and accelerators.
LayerWeights folded_weights(BlockNetwork& network);

}  // namespace tilewake
