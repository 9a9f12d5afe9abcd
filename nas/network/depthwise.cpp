// SPDX-License-Identifier: Apache-2.0
#include "nas/network/depthwise.hpp"

namespace tilewake {

torch::Tensor mix_depthwise(const torch::Tensor& input, const std::vector<torch::Tensor>& weights,
                            int stride) {
  std::vector<torch::Tensor> outputs;
  std::int64_t begin = 0;
  for (const torch::Tensor& weight : weights) {
    const torch::Tensor part = input.narrow(1, begin, weight.size(0));
    outputs.push_back(torch::conv2d(part, weight, {}, stride, (weight.size(2) - 1) / 2, 1,
                                    weight.size(0)));
    begin += weight.size(0);
  }
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
}

}  // namespace tilewake
