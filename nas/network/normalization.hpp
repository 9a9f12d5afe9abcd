// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Momentum 0.99 in TensorFlow's sense (0.01 in torch's), eps 1e-3.
torch::nn::BatchNorm2d batch_norm(int channels);

/// Leaky ReLU has ONNX's slope, 0.01.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

/// activate(bn(x)), N x C x H x W. On a CPU, in single precision, for no activation, ReLU, ReLU6
/// and h-swish, it is one operation in training, and in evaluation without gradients: it keeps x
/// alone for the gradient, its result is NHWC in memory, does not depend on the number of threads,
/// and is differentiable once. Throws c10::Error where sizes do not fit, or where a channel that is
/// trained has one value.
torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     Activation activation);

/// The same with `weight` and `bias` in place of bn's own.
torch::Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                     const torch::Tensor& weight, const torch::Tensor& bias,
                                     Activation activation);

/// activate(bn(x)) by the library's operations: what the above is elsewhere.
torch::Tensor normalize_by_library(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                                   const torch::Tensor& weight, const torch::Tensor& bias,
                                   Activation activation);

}  // namespace tilewake
