// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/network/depthwise_simd.hpp"

namespace tilewake::depthwise {

/// mix_depthwise() by the kernels of `set`, on a float CPU tensor of any layout. Outer rings of a
/// kernel that are zero in a whole block of channels are left out of the computation: a 7x7 kernel
/// that is masked to 3x3 costs as much as one of 3x3.
torch::Tensor forward(const KernelSet& set, const torch::Tensor& input, torch::TensorList weights,
                      int stride);

struct Gradients {
  torch::Tensor input;                 // undefined where not asked for
  std::vector<torch::Tensor> weights;  // empty where not asked for
};

/// Gradients of the sum of output x `gradient`. The weights' are summed over images in an order
/// that depends on nothing but the shapes, so they are the same for any number of threads.
Gradients backward(const KernelSet& set, const torch::Tensor& gradient, const torch::Tensor& input,
                   torch::TensorList weights, int stride, bool of_input, bool of_weights);

}  // namespace tilewake::depthwise
