// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// The names of ops and activations in network files and traces.
inline constexpr std::array<std::pair<std::string_view, Op>, 11> kOpNames = {{
    {"conv2d", Op::kConv2d},
    {"depthwise_conv2d", Op::kDepthwiseConv2d},
    {"fully_connected", Op::kFullyConnected},
    {"max_pool", Op::kMaxPool},
    {"avg_pool", Op::kAvgPool},
    {"global_avg_pool", Op::kGlobalAvgPool},
    {"add", Op::kAdd},
    {"mul", Op::kMul},
    {"concat", Op::kConcat},
    {"channel_split", Op::kChannelSplit},
    {"channel_shuffle", Op::kChannelShuffle},
}};

inline constexpr std::array<std::pair<std::string_view, Activation>, 8> kActivationNames = {{
    {"none", Activation::kNone},
    {"relu", Activation::kRelu},
    {"relu6", Activation::kRelu6},
    {"hswish", Activation::kHswish},
    {"swish", Activation::kSwish},
    {"sigmoid", Activation::kSigmoid},
    {"hsigmoid", Activation::kHsigmoid},
    {"leaky_relu", Activation::kLeakyRelu},
}};

}  // namespace tilewake
