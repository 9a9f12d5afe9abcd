// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

/// A convolution without bias, padded by (k - 1) / 2.
torch::nn::Conv2d conv_without_bias(int in_channels, int out_channels, int kernel, int stride);

/// A fully connected layer with initial weights U(+-1/sqrt(num_classes)) and bias 0.
torch::nn::Linear classifier_layer(int in_channels, int num_classes);

/// Per image 0 with probability `probability`, otherwise x / (1 - probability): the expectation is
/// x.
torch::Tensor drop_connect(const torch::Tensor& x, double probability);

/// Initializes a convolution: N(0, sqrt(2 / (kh kw out))), out = 1 for a depthwise one (which the
/// shape alone does not distinguish from a convolution of one input channel).
void init_conv(torch::Tensor weight, bool is_depthwise = false);

/// Squeeze-and-excitation: global average pool, 1x1 with bias, ReLU, 1x1 with bias, sigmoid, scale.
struct SqueezeExciteImpl : torch::nn::Module {
  SqueezeExciteImpl(int channels, int squeezed_channels);
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor gate(const torch::Tensor& x);  // N x C x 1 x 1

  torch::nn::Conv2d reduce{nullptr};
  torch::nn::Conv2d expand{nullptr};
  torch::Tensor last_gate;  // of the last forward() in evaluation mode; not part of the state
};
TORCH_MODULE(SqueezeExcite);

/// A convolution, dense or depthwise, batch normalisation, activation.
struct NormalizedConvImpl : torch::nn::Module {
  enum class Kind { kDense, kDepthwise };

  /// @param weight  out x in x k x k, or C x 1 x k x k; initialized here
  NormalizedConvImpl(Kind kind, const std::vector<std::int64_t>& weight, int stride,
                     Activation activation);
  torch::Tensor forward(const torch::Tensor& x);

  Kind kind;
  int stride;
  Activation activation;
  torch::Tensor weight;
  torch::nn::BatchNorm2d bn{nullptr};
};
TORCH_MODULE(NormalizedConv);

NormalizedConv dense_conv(int in_channels, int out_channels, int kernel, int stride,
                          Activation activation);
NormalizedConv pointwise_conv(int in_channels, int out_channels, Activation activation);
NormalizedConv depthwise_conv(int channels, int kernel, int stride, Activation activation);

/// Weight and bias of a layer without batch normalisation.
LayerWeight plain_weights(const torch::Tensor& weight, const torch::Tensor& bias);

/// Weight and bias of a convolution to channels [begin, end) of the input of `bn`, with its scale
/// and shift folded in.
LayerWeight folded_weights(const torch::Tensor& weight, const torch::nn::BatchNorm2d& bn,
                           std::int64_t begin, std::int64_t end);
LayerWeight folded_weights(const torch::Tensor& weight, const torch::nn::BatchNorm2d& bn);

}  // namespace tilewake
