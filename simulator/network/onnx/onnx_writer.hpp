// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Values of a layer's tensors.
struct OnnxWeights {
  std::span<const float> weight;  // out x in/groups x kh x kw; fully connected: out x in
  std::span<const float> bias;    // out, where the layer has one
};

/// Asked for every layer that has weights.
using OnnxWeightSource = std::function<OnnxWeights(const Layer& layer)>;

/// The bytes of an ONNX model (opset 13, IR version 7) of `network`, with one float input "image"
/// (N x C x H x W; N is free, or a batch of several images); the last layer's output is "logits",
/// and others that nobody reads bear their layer's name. read_onnx gives an equal network.
///
/// Without a source the model has no weights but their shapes: zeros, by ConstantOfShape, so that
/// it is small whatever the network's size and still a model that runs.
///
/// Throws InputError naming the layer: weights of another size or not finite, two values of one
/// name, more than 2 GiB.
std::string write_onnx(const Network& network, const OnnxWeightSource& source = nullptr);

}  // namespace tilewake
