// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/space/architecture.hpp"

namespace tilewake {

/// Leaky ReLU has ONNX's slope, 0.01.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

/// What convolutions of this family are made of: no bias, zeros (k - 1) / 2 wide around.
torch::nn::Conv2d conv_without_bias(int in_channels, int out_channels, int kernel, int stride);

/// Momentum 0.99 in TensorFlow's sense (0.01 in torch's), eps 1e-3.
torch::nn::BatchNorm2d batch_norm(int channels);

/// activate(bn(x)), in place where that saves a pass over memory.
torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     Activation activation);

/// A fully connected layer with initial weights U(+-1/sqrt(num_classes)) and bias 0.
torch::nn::Linear classifier_layer(int in_channels, int num_classes);

/// Per image 0 with probability `probability`, else x / (1 - probability): its expectation is x.
torch::Tensor drop_connect(const torch::Tensor& x, double probability);

/// Squeeze-and-excitation: global average pool, 1x1 with bias, ReLU, 1x1 with bias, sigmoid, scale.
struct SqueezeExciteImpl : torch::nn::Module {
  SqueezeExciteImpl(int channels, int squeezed_channels);
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor gate(const torch::Tensor& x);  // N x C x 1 x 1

  torch::nn::Conv2d reduce{nullptr}, expand{nullptr};
  torch::Tensor last_gate;  // of the last forward() in evaluation mode; no part of the state
};
TORCH_MODULE(SqueezeExcite);

/// A MixConv block: 1x1 expand, BN, activation; depthwise per branch, BN, activation; optional
/// squeeze-and-excitation; 1x1 project, BN; drop-connect and the input added where stride is 1 and
/// in = out. A single branch of expansion ratio 1 has no expand.
struct MixConvBlockImpl : torch::nn::Module {
  MixConvBlockImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                   double se_ratio);
  torch::Tensor forward(const torch::Tensor& x);

  int in_channels, out_channels, stride;
  std::vector<MixBranch> branches;
  Activation activation;
  double drop_connect = 0.0;  // probability, in training

  torch::nn::Conv2d expand{nullptr};  // all branches at once, in order; may be null
  torch::nn::BatchNorm2d expand_bn{nullptr};
  std::vector<torch::Tensor> depthwise;  // C_b x 1 x k_b x k_b
  torch::nn::BatchNorm2d depthwise_bn{nullptr};
  SqueezeExcite squeeze_excite{nullptr};
  torch::nn::Conv2d project{nullptr};
  torch::nn::BatchNorm2d project_bn{nullptr};
};
TORCH_MODULE(MixConvBlock);

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
  std::vector<MixConvBlock> blocks;  // of all stages, in order
  torch::nn::Conv2d head{nullptr};
  torch::nn::BatchNorm2d head_bn{nullptr};
  torch::nn::Linear classifier{nullptr};
};
TORCH_MODULE(BlockNetwork);

/// Weights and biases of every layer of to_network(architecture), batch normalisation folded in:
/// what ONNX files and accelerators take.
LayerWeights folded_weights(BlockNetwork& network);

/// Draws the initial values of a convolution: N(0, sqrt(2 / (kh kw out))), out = 1 for a depthwise
/// one (whose shape alone is that of a convolution of one input channel).
void init_conv(torch::Tensor weight, bool is_depthwise = false);

}  // namespace tilewake
