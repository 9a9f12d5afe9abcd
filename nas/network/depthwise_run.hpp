// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/network/depthwise_simd.hpp"

namespace tilewake::depthwise {

/// mix_depthwise() with the kernels of `set`, on a float CPU tensor of any layout. Outer rings of a
/// kernel that are zero in a whole block of channels are skipped: a 7x7 kernel masked to 3x3 costs
/// as much as a 3x3 kernel.
torch::Tensor forward(const KernelSet& set, const torch::Tensor& input, torch::TensorList weights,
                      int stride);

struct Gradients {
  torch::Tensor input;                 // undefined if not requested
  std::vector<torch::Tensor> weights;  // empty if not requested
};

/// Gradients of the sum of output x `gradient`. The summation order of the weights' gradients
/// depends on the shapes only, so they are equal for any number of threads.
Gradients backward(const KernelSet& set, const torch::Tensor& gradient, const torch::Tensor& input,
                   torch::TensorList weights, int stride, bool of_input, bool of_weights);

}  // namespace tilewake::depthwise
