// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/network/layers.hpp"
#include "nas/space/architecture.hpp"
#include "simulator/network/block_expansion.hpp"

namespace tilewake {

/// Side of the kernel of a block's last convolution.
constexpr int project_kernel_of(BlockOp op) {
  return op == BlockOp::kBasic ? static_cast<int>(kBasicBlockKernel) : 1;
}

/// A trainable block: the layers of simulator/network/block_expansion.hpp, with batch normalisation
/// after every convolution except those of squeeze-and-excitation.
struct NetworkBlockImpl : torch::nn::Module {
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;

  /// Adds weights and biases of the layers of block `name`, batch normalisation folded in.
  virtual void add_folded_weights(const std::string& name, LayerWeights& weights) const = 0;

  int in_channels, out_channels, stride;
  Activation activation;
  double drop_connect = 0.0;  // probability, in training; nothing where no input is added
  SqueezeExcite squeeze_excite{nullptr};  // may be null

 protected:
  NetworkBlockImpl(int in_channels, int out_channels, int stride, Activation activation);
  bool keeps_shape() const { return stride == 1 && in_channels == out_channels; }
  /// y, with drop-connect and x added where the shape is kept.
  torch::Tensor with_residual(torch::Tensor y, const torch::Tensor& x) const;
  void register_squeeze_excite(int channels, double se_ratio);
  torch::Tensor excited(const torch::Tensor& x);
  void add_weights_of_squeeze_excite(const std::string& name, LayerWeights& weights) const;
};
TORCH_MODULE(NetworkBlock);

/// A MixConv block: 1x1 expand, BN, activation; depthwise per branch, BN, activation; optional
/// squeeze-and-excitation; 1x1 project, BN; drop-connect and the residual if stride is 1 and
/// in = out. A single branch of expansion ratio 1 has no expand.
struct MixConvBlockImpl : NetworkBlockImpl {
  MixConvBlockImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                   double se_ratio);
  torch::Tensor forward(const torch::Tensor& x) override;
  void add_folded_weights(const std::string& name, LayerWeights& weights) const override;

  std::vector<MixBranch> branches;
  torch::nn::Conv2d expand{nullptr};  // of all branches, in order; may be null
  torch::nn::BatchNorm2d expand_bn{nullptr};
  std::vector<torch::Tensor> depthwise;  // C_b x 1 x k_b x k_b
  torch::nn::BatchNorm2d depthwise_bn{nullptr};
  torch::nn::Conv2d project{nullptr};
  torch::nn::BatchNorm2d project_bn{nullptr};
};
TORCH_MODULE(MixConvBlock);

/// A fused MBConv block or a basic block: dense convolutions of the branches side by side, BN,
/// activation; optional squeeze-and-excitation; project (1x1, of a basic block 3x3), BN;
/// drop-connect and the residual as a MixConv.
struct FusedBlockImpl : NetworkBlockImpl {
  FusedBlockImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                 double se_ratio);
  torch::Tensor forward(const torch::Tensor& x) override;
  void add_folded_weights(const std::string& name, LayerWeights& weights) const override;

  std::vector<MixBranch> branches;
  std::vector<torch::nn::Conv2d> expand;      // per branch
  torch::nn::BatchNorm2d expand_bn{nullptr};  // of all branches, in order
  torch::nn::Conv2d project{nullptr};
  torch::nn::BatchNorm2d project_bn{nullptr};
};
TORCH_MODULE(FusedBlock);

/// A dense convolution, BN, activation; optional squeeze-and-excitation; drop-connect and the
/// residual as a MixConv.
struct ConvBlockImpl : NetworkBlockImpl {
  ConvBlockImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                double se_ratio);
  torch::Tensor forward(const torch::Tensor& x) override;
  void add_folded_weights(const std::string& name, LayerWeights& weights) const override;

  NormalizedConv conv{nullptr};
};
TORCH_MODULE(ConvBlock);

/// Depthwise, optional squeeze-and-excitation, 1x1; no residual.
struct SeparableBlockImpl : NetworkBlockImpl {
  SeparableBlockImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                     double se_ratio);
  torch::Tensor forward(const torch::Tensor& x) override;
  void add_folded_weights(const std::string& name, LayerWeights& weights) const override;

  NormalizedConv depthwise{nullptr};
  NormalizedConv pointwise{nullptr};
};
TORCH_MODULE(SeparableBlock);

/// ShuffleNetV2's unit, and the Xception-like one, whose branch is deeper.
struct ShuffleUnitImpl : NetworkBlockImpl {
  ShuffleUnitImpl(int in_channels, int out_channels, int stride, const ArchitectureBlock& block,
                  double se_ratio);
  torch::Tensor forward(const torch::Tensor& x) override;
  void add_folded_weights(const std::string& name, LayerWeights& weights) const override;

  using Steps = std::vector<std::pair<std::string, NormalizedConv>>;  // by layer name
  Steps side;  // if the shape changes, otherwise empty
  Steps branch;

 private:
  void append(Steps& steps, const std::string& name, const NormalizedConv& conv);
};
TORCH_MODULE(ShuffleUnit);

/// Creates the block that `block` describes. Throws InputError if it is invalid.
NetworkBlock make_block(int in_channels, int out_channels, int stride,
                        const ArchitectureBlock& block, double se_ratio);

}  // namespace tilewake
