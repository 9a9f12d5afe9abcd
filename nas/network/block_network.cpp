// SPDX-License-Identifier: Apache-2.0
#include "nas/network/block_network.hpp"

#include <cassert>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "nas/network/depthwise.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::indexing::Slice;

// Source: the released training code of S3NAS; torch's momentum is 1 - TensorFlow's.
constexpr double kBatchNormMomentum = 1.0 - 0.99;
constexpr double kBatchNormEpsilon = 1e-3;

torch::nn::Conv2d conv_with_bias(int in_channels, int out_channels) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, 1));
  init_conv(conv->weight);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

int channels_of(const std::vector<MixBranch>& branches, int in_channels) {
  int sum = 0;
  for (const MixBranch& branch : branches) sum += branch.expansion_ratio;
  return sum * in_channels;
}

std::vector<float> to_vector(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kCPU, torch::kFloat).contiguous();
  const float* begin = flat.data_ptr<float>();
  return std::vector<float>(begin, begin + flat.numel());
}

/// A convolution of channels [begin, end) of what `bn` normalises, with scale and shift folded in.
LayerWeight fold(const torch::Tensor& weight, const torch::nn::BatchNorm2d& bn, std::int64_t begin,
                 std::int64_t end) {
  const auto part = [&](const torch::Tensor& values) {
    return values.detach().to(torch::kDouble).slice(0, begin, end);
  };
  const torch::Tensor scale = part(bn->weight) / (part(bn->running_var) + bn->options.eps()).sqrt();
  const torch::Tensor shift = part(bn->bias) - part(bn->running_mean) * scale;
  const torch::Tensor folded = weight.detach().to(torch::kDouble) * scale.reshape({-1, 1, 1, 1});
  return {to_vector(folded), to_vector(shift)};
}

LayerWeight fold(const torch::nn::Conv2d& conv, const torch::nn::BatchNorm2d& bn) {
  return fold(conv->weight, bn, 0, conv->weight.size(0));
}

void add_block(LayerWeights& weights, const std::string& name, const MixConvBlockImpl& block) {
  std::int64_t begin = 0;
  for (std::size_t b = 0; b < block.branches.size(); ++b) {
    const std::int64_t end = begin + block.depthwise[b].size(0);
    const std::string index = std::to_string(b);
    if (!block.expand.is_empty())
      weights[name + ".expand" + index] =
          fold(block.expand->weight.index({Slice(begin, end)}), block.expand_bn, begin, end);
    weights[name + ".depthwise" + index] = fold(block.depthwise[b], block.depthwise_bn, begin, end);
    begin = end;
  }
  if (!block.squeeze_excite.is_empty()) {
    const SqueezeExciteImpl& se = *block.squeeze_excite;
    weights[name + ".se_reduce"] = {to_vector(se.reduce->weight), to_vector(se.reduce->bias)};
    weights[name + ".se_expand"] = {to_vector(se.expand->weight), to_vector(se.expand->bias)};
  }
  weights[name + ".project"] = fold(block.project, block.project_bn);
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

MixConvBlockImpl::MixConvBlockImpl(int num_in, int num_out, int stride_of_depthwise,
                                   const ArchitectureBlock& block, double se_ratio)
    : in_channels(num_in),
      out_channels(num_out),
      stride(stride_of_depthwise),
      branches(block.branches),
      activation(block.activation) {
  if (branches.empty()) throw InputError("a block needs at least one branch");
  const int channels = channels_of(branches, in_channels);
  if (branches.size() > 1 || branches[0].expansion_ratio != 1) {
    expand = register_module("expand", conv_without_bias(in_channels, channels, 1, 1));
    expand_bn = register_module("expand_bn", batch_norm(channels));
  }
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const int kernel = branches[b].kernel;
    depthwise.push_back(register_parameter(
        "depthwise" + std::to_string(b),
        torch::empty({branches[b].expansion_ratio * in_channels, 1, kernel, kernel})));
    init_conv(depthwise.back(), /*is_depthwise=*/true);
  }
  depthwise_bn = register_module("depthwise_bn", batch_norm(channels));
  if (block.squeeze_excite)
    squeeze_excite = register_module(
        "squeeze_excite", SqueezeExcite(channels, squeeze_channels(se_ratio, in_channels)));
  project = register_module("project", conv_without_bias(channels, out_channels, 1, 1));
  project_bn = register_module("project_bn", batch_norm(out_channels));
}

torch::Tensor MixConvBlockImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = x;
  if (!expand.is_empty()) y = normalize_and_activate(expand_bn, expand(y), activation);
  y = mix_depthwise(y, depthwise, stride);
  y = normalize_and_activate(depthwise_bn, y, activation);
  if (!squeeze_excite.is_empty()) y = squeeze_excite(y);
  y = project_bn(project(y));
  if (stride != 1 || in_channels != out_channels) return y;
  if (is_training()) y = tilewake::drop_connect(y, drop_connect);
  return y + x;
}

BlockNetworkImpl::BlockNetworkImpl(const Architecture& a) : architecture(a) {
  stem = register_module("stem", conv_without_bias(static_cast<int>(a.input.channels), a.stem_width,
                                                   a.stem_kernel, a.stem_stride));
  stem_bn = register_module("stem_bn", batch_norm(a.stem_width));
  int channels = a.stem_width;
  for (const ArchitectureStage& stage : a.stages) {
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      const int stride = i == 0 ? stage.stride : 1;
      const MixConvBlock block(channels, stage.width, stride, stage.blocks[i], a.se_ratio);
      blocks.push_back(register_module("block" + std::to_string(blocks.size()), block));
      channels = stage.width;
    }
  }
  head = register_module("head", conv_without_bias(channels, a.head_width, 1, 1));
  head_bn = register_module("head_bn", batch_norm(a.head_width));
  classifier = register_module("classifier", classifier_layer(a.head_width, a.num_classes));
}

torch::Tensor BlockNetworkImpl::forward(const torch::Tensor& images) {
  // Images of one channel have both layouts, and convolutions then choose the slower one.
  torch::Tensor x = stem(images).contiguous(torch::MemoryFormat::ChannelsLast);
  x = normalize_and_activate(stem_bn, x, architecture.activation);
  for (MixConvBlock& block : blocks) x = block(x);
  x = normalize_and_activate(head_bn, head(x), architecture.activation).mean({2, 3});
  if (is_training() && dropout > 0.0) x = torch::dropout(x, dropout, /*train=*/true);
  return classifier(x);
}

void BlockNetworkImpl::set_regularization(double dropout_probability, double last_drop_connect) {
  dropout = dropout_probability;
  const std::size_t last = blocks.empty() ? 0 : blocks.size() - 1;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const double share = last == 0 ? 1.0 : static_cast<double>(i) / static_cast<double>(last);
    blocks[i]->drop_connect = last_drop_connect * share;
  }
}

LayerWeights folded_weights(BlockNetwork& network) {
  const torch::NoGradGuard no_grad;
  LayerWeights weights;
  weights["stem"] = fold(network->stem, network->stem_bn);
  std::size_t index = 0;
  const std::vector<ArchitectureStage>& stages = network->architecture.stages;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (std::size_t b = 0; b < stages[s].blocks.size(); ++b) {
      const std::string name = "stage" + std::to_string(s + 1) + "." + std::to_string(b);
      add_block(weights, name, *network->blocks[index++]);
    }
  }
  weights["head"] = fold(network->head, network->head_bn);
  weights["classifier"] = {to_vector(network->classifier->weight),
                           to_vector(network->classifier->bias)};
  return weights;
}

}  // namespace tilewake
