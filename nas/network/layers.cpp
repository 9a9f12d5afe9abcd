// SPDX-License-Identifier: Apache-2.0
#include "nas/network/layers.hpp"

#include <cmath>
#include <utility>

#include "nas/network/depthwise.hpp"
#include "nas/network/normalization.hpp"

namespace tilewake {
namespace {

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

torch::nn::Conv2d conv_without_bias(int in_channels, int out_channels, int kernel, int stride) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, kernel)
                             .stride(stride)
                             .padding((kernel - 1) / 2)
                             .bias(false));
  init_conv(conv->weight);
  return conv;
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
  const torch::Tensor y =
      kind == Kind::kDepthwise
          ? mix_depthwise(x, {weight}, stride)
          : torch::conv2d(x, weight, {}, stride, /*padding=*/(weight.size(2) - 1) / 2);
  return normalize_and_activate(bn, y, activation);
}

NormalizedConv dense_conv(int in_channels, int out_channels, int kernel, int stride,
                          Activation activation) {
  return NormalizedConv(NormalizedConvImpl::Kind::kDense,
                        std::vector<std::int64_t>{out_channels, in_channels, kernel, kernel},
                        stride, activation);
}

NormalizedConv pointwise_conv(int in_channels, int out_channels, Activation activation) {
  return dense_conv(in_channels, out_channels, 1, 1, activation);
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
