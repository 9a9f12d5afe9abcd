// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

// What own loops work on: N x C x H x W on the CPU in single precision, in memory dense NHWC.

namespace tilewake {

inline bool is_cpu_float(const torch::Tensor& t) {
  return t.defined() && t.device().is_cpu() && t.scalar_type() == torch::kFloat &&
         t.layout() == torch::kStrided;
}

/// The memory order is N, H, W, C whatever strides say: those of a tensor with C = 1 or H = W = 1
/// are ambiguous, its memory is not.
inline torch::Tensor dense_nhwc(const torch::Tensor& t) {
  return t.contiguous(torch::MemoryFormat::ChannelsLast);
}

inline torch::Tensor empty_nhwc(torch::IntArrayRef sizes) {
  return torch::empty(sizes,
                      torch::TensorOptions().memory_format(torch::MemoryFormat::ChannelsLast));
}

}  // namespace tilewake
