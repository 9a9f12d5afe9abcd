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

std::string_view to_string(Axis axis) { return name_in(kAxisNames, axis); }

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

std::int64_t Layer::num_weights() const {
  const std::int64_t window = kernel_height * kernel_width;
  switch (op) {
    case Op::kConv2d:
    case Op::kConvTranspose2d:
      return ofm.channels * (ifm.channels / groups) * window;
    case Op::kDepthwiseConv2d:
      return ofm.channels * window;
    case Op::kFullyConnected:
      return ofm.channels * ifm.num_elements();
    default:
      return 0;
  }
}

std::int64_t Layer::num_macs() const {
  if (op == Op::kMatmul) return ofm.num_elements() * depth();
  // Every weight is used once per output position (fully_connected has one position), of
  // conv_transpose2d once per input position.
  const Shape& positions = op == Op::kConvTranspose2d ? ifm : ofm;
  return num_weights() * positions.height * positions.width;
}

std::int64_t Layer::num_effective_macs() const {
  if (op == Op::kConvTranspose2d) {
    // The transpose of a convolution from ofm to ifm.
    const std::int64_t rows = taps_on_input(ifm.height, ofm.height, kernel_height, stride.height,
                                            dilation.height, padding.top);
    const std::int64_t columns = taps_on_input(ifm.width, ofm.width, kernel_width, stride.width,
                                               dilation.width, padding.left);
    return num_weights() / (kernel_height * kernel_width) * rows * columns;
  }
  if (op != Op::kConv2d && op != Op::kDepthwiseConv2d) return num_macs();
  const std::int64_t rows = taps_on_input(ofm.height, ifm.height, kernel_height, stride.height,
                                          dilation.height, padding.top);
  const std::int64_t columns =
      taps_on_input(ofm.width, ifm.width, kernel_width, stride.width, dilation.width, padding.left);
  return num_weights() / (kernel_height * kernel_width) * rows * columns;
}

std::int64_t Layer::num_params() const {
  const std::int64_t slopes = activation == Activation::kPrelu ? ofm.channels : 0;
  if (op == Op::kConstant) return ofm.num_elements();
  if (weights_of >= 0) return slopes + (own_bias && bias ? ofm.channels : 0);
  if (is_norm()) return slopes + (bias ? (shift ? 2 : 1) * ofm.channels : 0);
  if (op == Op::kEmbedding) return extent * ofm.channels;
  if (!has_weights()) return slopes;
  return slopes + num_weights() + (bias ? ofm.channels : 0);
}

}  // namespace tilewake
