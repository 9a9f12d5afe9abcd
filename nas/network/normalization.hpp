// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Momentum 0.99 as in TensorFlow (0.01 in torch), eps 1e-3.
torch::nn::BatchNorm2d batch_norm(int channels);

/// Leaky ReLU has ONNX's default slope, 0.01.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

/// activate(bn(x)), N x C x H x W. On a CPU, in single precision, for no activation, ReLU, ReLU6
/// and h-swish, it is one operation in training, and in evaluation without gradients. The operation
/// keeps only x for the gradient; its result is NHWC in memory, independent of the number of
/// threads, and differentiable once. Throws c10::Error if sizes do not match, or if a channel has
/// one value in training.
torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     Activation activation);

/// The same with `weight` and `bias` instead of bn's own.
torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     const torch::Tensor& weight, const torch::Tensor& bias,
                                     Activation activation);

/// activate(bn(x)) by the library's operations: the fallback of the above.
torch::Tensor normalize_by_library(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                   const torch::Tensor& weight, const torch::Tensor& bias,
                                   Activation activation);

}  // namespace tilewake
