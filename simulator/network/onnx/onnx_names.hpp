// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Names and versions of the models that Tilewake writes.
inline constexpr const char* kOnnxInput = "image";
inline constexpr const char* kOnnxOutput = "logits";
inline constexpr const char* kOnnxBatch = "N";  // the free dimension
inline constexpr int kOnnxOpset = 13;           // of 2020; the first with HardSwish is 14
inline constexpr int kOnnxIrVersion = 7;        // belongs to opset 12 and 13
inline constexpr int kOnnxNormOpset = 17;       // of 2022; the first with LayerNormalization
inline constexpr int kOnnxNormIrVersion = 8;    // belongs to opset 15 to 18

/// What networks mean by leaky_relu below zero: the default of ONNX and of PyTorch.
inline constexpr float kLeakyReluSlope = 0.01F;

/// A map of one pixel becomes a vector at the end: logits are N x classes.
inline bool ends_flattened(const Network& network) {
  const Layer& last = network.layers.back();
  return last.op != Op::kFullyConnected && last.ofm.height == 1 && last.ofm.width == 1;
}

/// The name of what layer `index`, or kNetworkInput, gives out.
inline std::string onnx_value_name(const Network& network, int index) {
  if (index == kNetworkInput) return kOnnxInput;
  const auto i = static_cast<std::size_t>(index);
  const bool is_output = i + 1 == network.layers.size() && !ends_flattened(network);
  return is_output ? kOnnxOutput : network.layers[i].name;
}

}  // namespace tilewake
