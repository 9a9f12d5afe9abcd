// SPDX-License-Identifier: Apache-2.0
#include "nas/network/blocks.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

#include "nas/network/channel_shuffle.hpp"
#include "nas/network/depthwise.hpp"
#include "nas/network/normalization.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::indexing::Slice;

int channels_of(const std::vector<MixBranch>& branches, int unit_channels) {
  int sum = 0;
  for (const MixBranch& branch : branches) sum += branch.expansion_ratio;
  return sum * unit_channels;
}

// Separable convolutions in the branch of an Xception-like unit.
constexpr int kNumSeparable = 3;

int kernel_of(const ArchitectureBlock& block) {
  if (block.branches.size() != 1 || block.branches[0].expansion_ratio != 1) {
    throw InputError("a block of this operator takes one kernel and no expansion ratio");
  }
  return block.branches[0].kernel;
}

LayerWeight folded_weights_of(const NormalizedConv& conv) {
  return folded_weights(conv->weight, conv->bn);
}

}  // namespace

NetworkBlockImpl::NetworkBlockImpl(int num_in, int num_out, int stride_of_block,
                                   Activation activation_of_block)
    : in_channels(num_in),
      out_channels(num_out),
      stride(stride_of_block),
      activation(activation_of_block) {}

void NetworkBlockImpl::register_squeeze_excite(int channels, double se_ratio) {
  squeeze_excite = register_module(
      "squeeze_excite", SqueezeExcite(channels, squeeze_channels(se_ratio, in_channels)));
}

torch::Tensor NetworkBlockImpl::excited(const torch::Tensor& x) {
  return squeeze_excite.is_empty() ? x : squeeze_excite(x);
}

torch::Tensor NetworkBlockImpl::with_residual(torch::Tensor y, const torch::Tensor& x) const {
  if (!keeps_shape()) return y;
  if (is_training()) y = tilewake::drop_connect(y, drop_connect);
  return y + x;
}

void NetworkBlockImpl::add_weights_of_squeeze_excite(const std::string& name,
                                                     LayerWeights& weights) const {
  if (squeeze_excite.is_empty()) return;
  const SqueezeExciteImpl& se = *squeeze_excite;
  weights[name + ".se_reduce"] = plain_weights(se.reduce->weight, se.reduce->bias);
  weights[name + ".se_expand"] = plain_weights(se.expand->weight, se.expand->bias);
}

MixConvBlockImpl::MixConvBlockImpl(int num_in, int num_out, int stride_of_depthwise,
                                   const ArchitectureBlock& block, double se_ratio)
    : NetworkBlockImpl(num_in, num_out, stride_of_depthwise, block.activation),
      branches(block.branches) {
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
  if (block.squeeze_excite) register_squeeze_excite(channels, se_ratio);
  project = register_module("project", conv_without_bias(channels, out_channels, 1, 1));
  project_bn = register_module("project_bn", batch_norm(out_channels));
}

torch::Tensor MixConvBlockImpl::forward(const torch::Tensor& x) {
  torch::Tensor y = x;
  if (!expand.is_empty()) y = normalize_and_activate(expand_bn, expand(y), activation);
  y = mix_depthwise(y, depthwise, stride);
  y = normalize_and_activate(depthwise_bn, y, activation);
  y = normalize_and_activate(project_bn, project(excited(y)), Activation::kNone);
  return with_residual(y, x);
}

void MixConvBlockImpl::add_folded_weights(const std::string& name, LayerWeights& weights) const {
  std::int64_t begin = 0;
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const std::int64_t end = begin + depthwise[b].size(0);
    const std::string index = std::to_string(b);
    if (!expand.is_empty())
      weights[name + ".expand" + index] =
          folded_weights(expand->weight.index({Slice(begin, end)}), expand_bn, begin, end);
    weights[name + ".depthwise" + index] = folded_weights(depthwise[b], depthwise_bn, begin, end);
    begin = end;
  }
  add_weights_of_squeeze_excite(name, weights);
  weights[name + ".project"] = folded_weights(project->weight, project_bn);
}

FusedBlockImpl::FusedBlockImpl(int num_in, int num_out, int stride_of_block,
                               const ArchitectureBlock& block, double se_ratio)
    : NetworkBlockImpl(num_in, num_out, stride_of_block, block.activation),
      branches(block.branches) {
  if (branches.empty()) throw InputError("a block needs at least one branch");
  const int unit = expands_output(block.op) ? out_channels : in_channels;
  for (const MixBranch& branch : branches) {
    expand.push_back(register_module(
        "expand" + std::to_string(expand.size()),
        conv_without_bias(in_channels, branch.expansion_ratio * unit, branch.kernel, stride)));
  }
  const int channels = channels_of(branches, unit);
  expand_bn = register_module("expand_bn", batch_norm(channels));
  if (block.squeeze_excite) register_squeeze_excite(channels, se_ratio);
  project = register_module(
      "project", conv_without_bias(channels, out_channels, project_kernel_of(block.op), 1));
  project_bn = register_module("project_bn", batch_norm(out_channels));
}

torch::Tensor FusedBlockImpl::forward(const torch::Tensor& x) {
  std::vector<torch::Tensor> expanded;
  for (torch::nn::Conv2d& conv : expand) expanded.push_back(conv(x));
  torch::Tensor y = expanded.size() == 1 ? expanded[0] : torch::cat(expanded, 1);
  y = normalize_and_activate(expand_bn, y, activation);
  y = normalize_and_activate(project_bn, project(excited(y)), Activation::kNone);
  return with_residual(y, x);
}

void FusedBlockImpl::add_folded_weights(const std::string& name, LayerWeights& weights) const {
  std::int64_t begin = 0;
  for (std::size_t b = 0; b < branches.size(); ++b) {
    const std::int64_t end = begin + expand[b]->weight.size(0);
    const std::string index = branches.size() == 1 ? "" : std::to_string(b);
    weights[name + ".expand" + index] = folded_weights(expand[b]->weight, expand_bn, begin, end);
    begin = end;
  }
  add_weights_of_squeeze_excite(name, weights);
  weights[name + ".project"] = folded_weights(project->weight, project_bn);
}

ConvBlockImpl::ConvBlockImpl(int num_in, int num_out, int stride_of_block,
                             const ArchitectureBlock& block, double se_ratio)
    : NetworkBlockImpl(num_in, num_out, stride_of_block, block.activation) {
  conv = register_module(
      "conv", dense_conv(in_channels, out_channels, kernel_of(block), stride, activation));
  if (block.squeeze_excite) register_squeeze_excite(out_channels, se_ratio);
}

torch::Tensor ConvBlockImpl::forward(const torch::Tensor& x) {
  return with_residual(excited(conv(x)), x);
}

void ConvBlockImpl::add_folded_weights(const std::string& name, LayerWeights& weights) const {
  weights[name + ".conv"] = folded_weights_of(conv);
  add_weights_of_squeeze_excite(name, weights);
}

SeparableBlockImpl::SeparableBlockImpl(int num_in, int num_out, int stride_of_depthwise,
                                       const ArchitectureBlock& block, double se_ratio)
    : NetworkBlockImpl(num_in, num_out, stride_of_depthwise, block.activation) {
  depthwise = register_module("depthwise",
                              depthwise_conv(in_channels, kernel_of(block), stride, activation));
  if (block.squeeze_excite) register_squeeze_excite(in_channels, se_ratio);
  pointwise = register_module("pointwise", pointwise_conv(in_channels, out_channels, activation));
}

torch::Tensor SeparableBlockImpl::forward(const torch::Tensor& x) {
  return pointwise(excited(depthwise(x)));
}

void SeparableBlockImpl::add_folded_weights(const std::string& name, LayerWeights& weights) const {
  weights[name + ".depthwise"] = folded_weights_of(depthwise);
  add_weights_of_squeeze_excite(name, weights);
  weights[name + ".pointwise"] = folded_weights_of(pointwise);
}

ShuffleUnitImpl::ShuffleUnitImpl(int num_in, int num_out, int stride_of_unit,
                                 const ArchitectureBlock& block, double se_ratio)
    : NetworkBlockImpl(num_in, num_out, stride_of_unit, block.activation) {
  const int kernel = kernel_of(block);
  const auto linear = Activation::kNone;
  if (out_channels % 2 != 0)
    throw InputError("a unit of two halves needs an even number of channels");
  const int half = out_channels / 2;
  int worked = half;  // input channels of the branch
  if (!keeps_shape()) {
    append(side, "side_depthwise", depthwise_conv(in_channels, kernel, stride, linear));
    append(side, "side_project", pointwise_conv(in_channels, half, activation));
    worked = in_channels;
  }
  if (block.op == BlockOp::kXceptionUnit) {
    for (int i = 0; i < kNumSeparable; ++i) {
      const int channels = i == 0 ? worked : half;
      const std::string index = std::to_string(i);
      append(branch, "depthwise" + index,
             depthwise_conv(channels, kernel, i == 0 ? stride : 1, linear));
      append(branch, "pointwise" + index, pointwise_conv(channels, half, activation));
    }
  } else {
    append(branch, "reduce", pointwise_conv(worked, half, activation));
    append(branch, "depthwise", depthwise_conv(half, kernel, stride, linear));
    append(branch, "expand", pointwise_conv(half, half, activation));
  }
  if (block.squeeze_excite) register_squeeze_excite(half, se_ratio);
}

void ShuffleUnitImpl::append(Steps& steps, const std::string& name, const NormalizedConv& conv) {
  steps.emplace_back(name, register_module(name, conv));
}

torch::Tensor ShuffleUnitImpl::forward(const torch::Tensor& x) {
  torch::Tensor kept = x;
  torch::Tensor worked = x;
  if (keeps_shape()) {
    // The gradient of chunk() is one concatenation; those of two narrow()s are padded and added.
    const std::vector<torch::Tensor> halves = x.chunk(2, 1);
    kept = halves[0];
    worked = halves[1].contiguous(torch::MemoryFormat::ChannelsLast);
  }
  for (auto& [name, conv] : side) kept = conv(kept);
  for (auto& [name, conv] : branch) worked = conv(worked);
  return concat_and_shuffle(kept, excited(worked));
}

void ShuffleUnitImpl::add_folded_weights(const std::string& name, LayerWeights& weights) const {
  for (const auto& [part, conv] : side) weights[name + "." + part] = folded_weights_of(conv);
  for (const auto& [part, conv] : branch) weights[name + "." + part] = folded_weights_of(conv);
  add_weights_of_squeeze_excite(name, weights);
}

NetworkBlock make_block(int in_channels, int out_channels, int stride,
                        const ArchitectureBlock& block, double se_ratio) {
  std::shared_ptr<NetworkBlockImpl> made;
  switch (block.op) {
    case BlockOp::kMixConv:
      made = std::make_shared<MixConvBlockImpl>(in_channels, out_channels, stride, block, se_ratio);
      break;
    case BlockOp::kFused:
    case BlockOp::kBasic:
      made = std::make_shared<FusedBlockImpl>(in_channels, out_channels, stride, block, se_ratio);
      break;
    case BlockOp::kConv:
      made = std::make_shared<ConvBlockImpl>(in_channels, out_channels, stride, block, se_ratio);
      break;
    case BlockOp::kSeparable:
      made =
          std::make_shared<SeparableBlockImpl>(in_channels, out_channels, stride, block, se_ratio);
      break;
    case BlockOp::kShuffleUnit:
    case BlockOp::kXceptionUnit:
      made = std::make_shared<ShuffleUnitImpl>(in_channels, out_channels, stride, block, se_ratio);
      break;
  }
  if (made == nullptr) throw InputError("unknown operator of a block");
  return NetworkBlock(made);
}

}  // namespace tilewake
