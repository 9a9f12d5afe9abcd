// SPDX-License-Identifier: Apache-2.0
#include "nas/network/depthwise.hpp"

#include <cstdint>

#include "nas/network/depthwise_run.hpp"
#include "nas/network/nhwc.hpp"

namespace tilewake {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Inputs: input, weights; then the arguments that are not tensors.
class MixDepthwise : public torch::autograd::Function<MixDepthwise> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input,
                               const torch::TensorList& weights, std::int64_t stride,
                               depthwise::SimdLevel level) {
    variable_list saved = {input};
    saved.insert(saved.end(), weights.begin(), weights.end());
    context->save_for_backward(saved);
    context->saved_data["stride"] = stride;
    context->saved_data["level"] = static_cast<std::int64_t>(level);
    return depthwise::forward(*kernel_set(level), input, weights, static_cast<int>(stride));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(),
                "mix_depthwise() is differentiable once: backward() with create_graph is not "
                "supported");
    const variable_list saved = context->get_saved_variables();
    const torch::TensorList weights = torch::TensorList(saved).slice(1);
    const auto level = static_cast<depthwise::SimdLevel>(context->saved_data["level"].toInt());
    const auto stride = static_cast<int>(context->saved_data["stride"].toInt());
    bool of_weights = false;
    for (std::size_t i = 1; i < saved.size(); ++i) {
      of_weights = of_weights || context->needs_input_grad(i);
    }
    depthwise::Gradients result =
        depthwise::backward(*kernel_set(level), gradients[0], saved[0], weights, stride,
                            context->needs_input_grad(0), of_weights);
    variable_list all = {result.input};
    result.weights.resize(weights.size());
    all.insert(all.end(), result.weights.begin(), result.weights.end());
    all.resize(all.size() + 2);  // no gradients of stride and level
    return all;
  }
};

void check_arguments(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                     int stride) {
  TORCH_CHECK(input.dim() == 4, "mix_depthwise(): input must be N x C x H x W, not ",
              input.sizes());
  TORCH_CHECK(stride >= 1, "mix_depthwise(): stride must be 1 or more, not ", stride);
  std::int64_t channels = 0;
  for (const torch::Tensor& weight : weights) {
    TORCH_CHECK(weight.dim() == 4 && weight.size(1) == 1 && weight.size(2) == weight.size(3) &&
                    weight.size(2) % 2 == 1,
                "mix_depthwise(): a weight must be C x 1 x k x k, k odd, not ", weight.sizes());
    channels += weight.size(0);
  }
  TORCH_CHECK(channels == input.size(1), "mix_depthwise(): the weights have ", channels,
              " channels, the input has ", input.size(1));
}

bool has_own_kernels(const torch::Tensor& input, const std::vector<torch::Tensor>& weights) {
  bool all = is_cpu_float(input);
  for (const torch::Tensor& weight : weights) all = all && is_cpu_float(weight);
  return all;
}

torch::Tensor by_library(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                         int stride) {
  std::vector<torch::Tensor> outputs;
  std::int64_t begin = 0;
  for (const torch::Tensor& weight : weights) {
    const std::int64_t channels = weight.size(0);
    const torch::Tensor part = input.narrow(1, begin, channels);
    outputs.push_back(
        torch::conv2d(part, weight, {}, stride, (weight.size(2) - 1) / 2, 1, channels));
    begin += channels;
  }
  const torch::Tensor output = outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
  return dense_nhwc(output);
}

}  // namespace

torch::Tensor mix_depthwise(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                            int stride) {
  static const depthwise::SimdLevel best = depthwise::best_simd_level();
  return depthwise::mix_depthwise(input, weights, stride, best);
}

torch::Tensor depthwise::mix_depthwise(const torch::Tensor& input,
                                       const std::vector<torch::Tensor>& weights, int stride,
                                       SimdLevel level) {
  check_arguments(input, weights, stride);
  if (kernel_set(level) == nullptr || !has_own_kernels(input, weights)) {
    return by_library(input, weights, stride);
  }
  return MixDepthwise::apply(input, torch::TensorList(weights), std::int64_t{stride}, level);
}

}  // namespace tilewake
