// SPDX-License-Identifier: Apache-2.0
#include "nas/network/channel_shuffle.hpp"

#include <cstdint>

#include "nas/network/nhwc.hpp"
#include "nas/network/parallel.hpp"

namespace tilewake {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kFloatsPerTask = 32768;

torch::Tensor empty_with_channels(const torch::Tensor& like, std::int64_t channels) {
  return tilewake::empty_nhwc({like.size(0), channels, like.size(2), like.size(3)});
}

/// In memory order N H W C, the result alternates between the floats of both halves.
class Interleave : public torch::autograd::Function<Interleave> {
 public:
  static torch::Tensor forward(AutogradContext* /*context*/, const torch::Tensor& first,
                               const torch::Tensor& second) {
    const torch::Tensor a = dense_nhwc(first);
    const torch::Tensor b = dense_nhwc(second);
    torch::Tensor both = empty_with_channels(a, 2 * a.size(1));
    const float* from_a = a.data_ptr<float>();
    const float* from_b = b.data_ptr<float>();
    float* to = both.data_ptr<float>();
    at::parallel_for(0, a.numel(), kFloatsPerTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        to[2 * i] = from_a[i];
        to[2 * i + 1] = from_b[i];
      }
    });
    return both;
  }

  static variable_list backward(AutogradContext* /*context*/, const variable_list& gradients) {
    const torch::Tensor both = dense_nhwc(gradients[0]);
    torch::Tensor a = empty_with_channels(both, both.size(1) / 2);
    torch::Tensor b = empty_with_channels(both, both.size(1) / 2);
    const float* from = both.data_ptr<float>();
    float* to_a = a.data_ptr<float>();
    float* to_b = b.data_ptr<float>();
    at::parallel_for(0, a.numel(), kFloatsPerTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        to_a[i] = from[2 * i];
        to_b[i] = from[2 * i + 1];
      }
    });
    return {a, b};
  }
};

torch::Tensor by_library(const torch::Tensor& first, const torch::Tensor& second) {
  const torch::Tensor pairs =
      torch::stack({first.permute({0, 2, 3, 1}), second.permute({0, 2, 3, 1})}, -1);
  return pairs.flatten(3).permute({0, 3, 1, 2});
}

}  // namespace

torch::Tensor concat_and_shuffle(const torch::Tensor& first, const torch::Tensor& second) {
  TORCH_CHECK(first.dim() == 4 && first.sizes() == second.sizes(),
              "concat_and_shuffle(): halves must have equal shapes N x C x H x W, not ",
              first.sizes(), " and ", second.sizes());
  if (!is_cpu_float(first) || !is_cpu_float(second)) return by_library(first, second);
  return Interleave::apply(first, second);
}

}  // namespace tilewake
