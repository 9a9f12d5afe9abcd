// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/space/architecture.hpp"

namespace tilewake {

torch::Tensor activate(const torch::Tensor& x, Activation activation);

/// Squeeze-and-excitation: global average pool, 1x1 with bias, ReLU, 1x1 with bias, sigmoid, scale.
struct SqueezeExciteImpl : torch::nn::Module {
  SqueezeExciteImpl(int channels, int squeezed_channels);
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor gate(const torch::Tensor& x);  // N x C x 1 x 1

  torch::nn::Conv2d reduce{nullptr}, expand{nullptr};
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
struct MixConvNetworkImpl : torch::nn::Module {
  explicit MixConvNetworkImpl(const Architecture& architecture);

  /// @param images  N x C x H x W, best channels_last
  /// @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images);

  /// Dropout before the classifier, and drop-connect of the last block (others linear in index).
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
TORCH_MODULE(MixConvNetwork);

/// Weights and biases of every layer of to_network(architecture), batch normalisation folded in:
/// what ONNX files and accelerators take.
LayerWeights folded_weights(MixConvNetwork& network);

/// Draws the initial values of a convolution: N(0, sqrt(2 / (kh kw out))).
void init_conv(torch::Tensor weight);

}  // namespace tilewake
