// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/layer.hpp"

#include <algorithm>

#include "simulator/common/math.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

template <typename Names, typename E>
std::string_view name_in(const Names& names, E value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "?";  // not an enumerator, only possible by a cast
}

}  // namespace

std::string_view to_string(Op op) { return name_in(kOpNames, op); }

std::string_view to_string(Activation activation) { return name_in(kActivationNames, activation); }

std::int64_t taps_on_input(std::int64_t num_outputs, std::int64_t input, std::int64_t kernel,
                           std::int64_t stride, std::int64_t dilation, std::int64_t pad) {
  std::int64_t taps = 0;
  for (std::int64_t k = 0; k < kernel; ++k) {
    // Outputs o with 0 <= o * stride + k * dilation - pad < input.
    const std::int64_t offset = k * dilation - pad;
    const std::int64_t first = std::max<std::int64_t>(ceil_div(-offset, stride), 0);
    const std::int64_t end = std::min(ceil_div(input - offset, stride), num_outputs);
    taps += std::max<std::int64_t>(end - first, 0);
  }
  return taps;
}

std::int64_t Layer::weight_bytes() const {
  const std::int64_t window = kernel_height * kernel_width;
  switch (op) {
    case Op::kConv2d:
      return ofm.channels * (ifm.channels / groups) * window;
    case Op::kDepthwiseConv2d:
      return ofm.channels * window;
    case Op::kFullyConnected:
      return ofm.channels * ifm.num_elements();
    case Op::kMaxPool:
    case Op::kAvgPool:
    case Op::kGlobalAvgPool:
    case Op::kAdd:
    case Op::kMul:
    case Op::kConcat:
    case Op::kChannelSplit:
    case Op::kChannelShuffle:
      return 0;
  }
  return 0;
}

std::int64_t Layer::num_macs() const {
  // Every weight is used once per output position (fully_connected has one position).
  return weight_bytes() * ofm.height * ofm.width;
}

std::int64_t Layer::num_effective_macs() const {
  if (op != Op::kConv2d && op != Op::kDepthwiseConv2d) return num_macs();
  const std::int64_t rows =
      taps_on_input(ofm.height, ifm.height, kernel_height, stride, dilation, padding.top);
  const std::int64_t columns =
      taps_on_input(ofm.width, ifm.width, kernel_width, stride, dilation, padding.left);
  return weight_bytes() / (kernel_height * kernel_width) * rows * columns;
}

std::int64_t Layer::num_params() const {
  return weight_bytes() + (has_weights() && bias ? ofm.channels : 0);
}

}  // namespace tilewake
