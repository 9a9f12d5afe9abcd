// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// The names of ops and activations in network files and traces.
inline constexpr std::array<std::pair<std::string_view, Op>, 31> kOpNames = {{
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
    {"conv_transpose2d", Op::kConvTranspose2d},
    {"matmul", Op::kMatmul},
    {"sub", Op::kSub},
    {"div", Op::kDiv},
    {"maximum", Op::kMaximum},
    {"resize", Op::kResize},
    {"reduce", Op::kReduce},
    {"softmax", Op::kSoftmax},
    {"layer_norm", Op::kLayerNorm},
    {"group_norm", Op::kGroupNorm},
    {"lrn", Op::kLrn},
    {"slice", Op::kSlice},
    {"pad", Op::kPad},
    {"transpose", Op::kTranspose},
    {"depth_to_space", Op::kDepthToSpace},
    {"space_to_depth", Op::kSpaceToDepth},
    {"input", Op::kInput},
    {"constant", Op::kConstant},
    {"embedding", Op::kEmbedding},
    {"host", Op::kHost},
}};

inline constexpr std::array<std::pair<std::string_view, Activation>, 18> kActivationNames = {{
    {"none", Activation::kNone},
    {"relu", Activation::kRelu},
    {"relu6", Activation::kRelu6},
    {"hswish", Activation::kHswish},
    {"swish", Activation::kSwish},
    {"sigmoid", Activation::kSigmoid},
    {"hsigmoid", Activation::kHsigmoid},
    {"leaky_relu", Activation::kLeakyRelu},
    {"prelu", Activation::kPrelu},
    {"clip", Activation::kClip},
    {"tanh", Activation::kTanh},
    {"elu", Activation::kElu},
    {"gelu", Activation::kGelu},
    {"mish", Activation::kMish},
    {"softplus", Activation::kSoftplus},
    {"exp", Activation::kExp},
    {"sqrt", Activation::kSqrt},
    {"erf", Activation::kErf},
}};

inline constexpr std::array<std::pair<std::string_view, Axis>, 3> kAxisNames = {{
    {"channels", Axis::kChannels},
    {"rows", Axis::kRows},
    {"columns", Axis::kColumns},
}};

}  // namespace tilewake
