// SPDX-License-Identifier: Apache-2.0
#include "nas/network/layers.hpp"

#include <cassert>
#include <cmath>
#include <utility>

#include "nas/network/depthwise.hpp"

namespace tilewake {
namespace {

// Source: the released training code of S3NAS; torch's momentum is 1 - TensorFlow's.
constexpr double kBatchNormMomentum = 1.0 - 0.99;
constexpr double kBatchNormEpsilon = 1e-3;

torch::nn::Conv2d conv_with_bias(int in_channels, int out_channels) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, 1));
  init_conv(conv->weight);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

std::vector<float> to_vector(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kCPU, torch::kFloat).contiguous();
  const float* begin = flat.data_ptr<float>();
  return std::vector<float>(begin, begin + flat.numel());
}

}  // namespace

torch::Tensor activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kRelu6:
      return torch::relu6(x);
    case Activation::kHswish:
      return torch::hardswish(x);
    case Activation::kSwish:
      return torch::silu(x);
    case Activation::kSigmoid:
      return torch::sigmoid(x);
    case Activation::kHsigmoid:
      return torch::hardsigmoid(x);
    case Activation::kLeakyRelu:
      return torch::leaky_relu(x);
  }
  assert(false && "unknown activation");
  return x;
}

torch::nn::Conv2d conv_without_bias(int in_channels, int out_channels, int kernel, int stride) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, kernel)
                             .stride(stride)
                             .padding((kernel - 1) / 2)
                             .bias(false));
  init_conv(conv->weight);
  return conv;
}

torch::nn::BatchNorm2d batch_norm(int channels) {
  return torch::nn::BatchNorm2d(
      torch::nn::BatchNorm2dOptions(channels).momentum(kBatchNormMomentum).eps(kBatchNormEpsilon));
}

torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     Activation activation) {
  torch::Tensor y = bn(x);
  // The gradient of batch normalisation needs its input, not its output; ReLU's needs its output.
  if (activation == Activation::kRelu) return y.relu_();
  return activate(y, activation);
}

torch::nn::Linear classifier_layer(int in_channels, int num_classes) {
  torch::nn::Linear linear(in_channels, num_classes);
  const double bound = 1.0 / std::sqrt(static_cast<double>(num_classes));
  torch::nn::init::uniform_(linear->weight, -bound, bound);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

torch::Tensor drop_connect(const torch::Tensor& x, double probability) {
  if (probability <= 0.0) return x;
  const double keep = 1.0 - probability;
  const torch::Tensor kept = torch::rand({x.size(0), 1, 1, 1}, x.options()) < keep;
  return x * (kept.to(x.scalar_type()) / keep);
}

void init_conv(torch::Tensor weight, bool is_depthwise) {
  const std::int64_t out = is_depthwise ? 1 : weight.size(0);
  const double fan = static_cast<double>(out * weight.size(2) * weight.size(3));
  torch::nn::init::normal_(std::move(weight), 0.0, std::sqrt(2.0 / fan));
}

SqueezeExciteImpl::SqueezeExciteImpl(int channels, int squeezed_channels) {
  reduce = register_module("reduce", conv_with_bias(channels, squeezed_channels));
  expand = register_module("expand", conv_with_bias(squeezed_channels, channels));
}

torch::Tensor SqueezeExciteImpl::gate(const torch::Tensor& x) {
  const torch::Tensor pooled = x.mean({2, 3}, /*keepdim=*/true);
  return torch::sigmoid(expand(torch::relu(reduce(pooled))));
}

torch::Tensor SqueezeExciteImpl::forward(const torch::Tensor& x) {
  const torch::Tensor scale = gate(x);
  if (!is_training()) last_gate = scale.detach();
  return x * scale;
}

NormalizedConvImpl::NormalizedConvImpl(Kind kind_of_conv, const std::vector<std::int64_t>& shape,
                                       int stride_of_conv, Activation activation_behind)
    : kind(kind_of_conv), stride(stride_of_conv), activation(activation_behind) {
  weight = register_parameter("weight", torch::empty(shape));
  init_conv(weight, kind == Kind::kDepthwise);
  bn = register_module("bn", batch_norm(static_cast<int>(shape[0])));
}

torch::Tensor NormalizedConvImpl::forward(const torch::Tensor& x) {
  const torch::Tensor y = kind == Kind::kDepthwise ? mix_depthwise(x, {weight}, stride)
                                                   : torch::conv2d(x, weight, {}, stride);
  return normalize_and_activate(bn, y, activation);
}

NormalizedConv pointwise_conv(int in_channels, int out_channels, Activation activation) {
  return NormalizedConv(NormalizedConvImpl::Kind::kPointwise,
                        std::vector<std::int64_t>{out_channels, in_channels, 1, 1}, 1, activation);
}

NormalizedConv depthwise_conv(int channels, int kernel, int stride, Activation activation) {
  return NormalizedConv(NormalizedConvImpl::Kind::kDepthwise,
                        std::vector<std::int64_t>{channels, 1, kernel, kernel}, stride, activation);
}

LayerWeight plain_weights(const torch::Tensor& weight, const torch::Tensor& bias) {
  return {to_vector(weight.detach()), to_vector(bias.detach())};
}

LayerWeight folded_weights(const torch::Tensor& weight, const torch::nn::BatchNorm2d& bn,
                           std::int64_t begin, std::int64_t end) {
  const auto part = [&](const torch::Tensor& values) {
    return values.detach().to(torch::kDouble).slice(0, begin, end);
  };
  const torch::Tensor scale = part(bn->weight) / (part(bn->running_var) + bn->options.eps()).sqrt();
  const torch::Tensor shift = part(bn->bias) - part(bn->running_mean) * scale;
  const torch::Tensor folded = weight.detach().to(torch::kDouble) * scale.reshape({-1, 1, 1, 1});
  return {to_vector(folded), to_vector(shift)};
}

LayerWeight folded_weights(const torch::Tensor& weight, const torch::nn::BatchNorm2d& bn) {
  return folded_weights(weight, bn, 0, weight.size(0));
}

}  // namespace tilewake
