// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

// Layout of our loops: N x C x H x W tensors on the CPU in single precision, dense NHWC in memory.

namespace tilewake {

inline bool is_cpu_float(const torch::Tensor& t) {
  return t.defined() && t.device().is_cpu() && t.scalar_type() == torch::kFloat &&
         t.layout() == torch::kStrided;
}

/// Memory order is N, H, W, C independent of the strides: strides are ambiguous for C = 1 or H = W
/// = 1.
inline torch::Tensor dense_nhwc(const torch::Tensor& t) {
  return t.contiguous(torch::MemoryFormat::ChannelsLast);
}

inline torch::Tensor empty_nhwc(torch::IntArrayRef sizes) {
  return torch::empty(sizes,
                      torch::TensorOptions().memory_format(torch::MemoryFormat::ChannelsLast));
}

}  // namespace tilewake
