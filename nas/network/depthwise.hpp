// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/network/depthwise_simd.hpp"

namespace tilewake {

/// Depthwise convolutions of several kernel sizes on consecutive channels, padded by (k - 1) / 2:
/// the middle of a MixConv block without splitting and concatenating.
///
///   @param input    N x C x H x W, float, preferably channels_last
///   @param weights  C_b x 1 x k_b x k_b each, k_b odd; C_0 + C_1 + .. = C
///   @param stride   1 or more
///   @return         N x C x ceil(H / stride) x ceil(W / stride), channels_last
///
/// Differentiable (once) in input and weights. On a CPU with AVX2 or AVX-512, our kernels run,
/// selected at run time; otherwise, and for other devices or types, the library's convolutions.
torch::Tensor mix_depthwise(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                            int stride);

namespace depthwise {

/// The same with the kernels of `level`, which the CPU must support; kNone: the library's.
torch::Tensor mix_depthwise(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                            int stride, SimdLevel level);

}  // namespace depthwise
}  // namespace tilewake
