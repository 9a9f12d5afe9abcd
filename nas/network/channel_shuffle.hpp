// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace tilewake {

/// Concatenates both halves of a feature map and shuffles them in two groups: channel 2 j + i is
/// channel j of half i. Differentiable (once).
///
///   @param first, second  N x C x H x W, equal shapes, preferably channels_last
///   @return               N x 2 C x H x W, channels_last
torch::Tensor concat_and_shuffle(const torch::Tensor& first, const torch::Tensor& second);

}  // namespace tilewake
