// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/layer.hpp"

#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

template <typename Names, typename E>
std::string_view name_in(const Names& names, E value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "?";  // not an enumerator: only a cast can make one
}

}  // namespace

std::string_view to_string(Op op) { return name_in(kOpNames, op); }

std::string_view to_string(Activation activation) { return name_in(kActivationNames, activation); }

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
      return 0;
  }
  return 0;
}

std::int64_t Layer::num_macs() const {
  // Every weight meets every output position once (there is one such position in fully_connected).
  return weight_bytes() * ofm.height * ofm.width;
}

std::int64_t Layer::num_params() const {
  return weight_bytes() + (has_weights() && bias ? ofm.channels : 0);
}

}  // namespace tilewake
