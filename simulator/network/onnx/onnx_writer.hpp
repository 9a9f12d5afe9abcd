// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Values of a layer's tensors.
struct OnnxWeights {
  /// out x in/groups x kh x kw; conv_transpose2d: in x out/groups x kh x kw; fully connected: out x
  /// in
  std::span<const float> weight;
  std::span<const float> bias;  // out, where the layer has one
};

/// Asked for every layer that has weights.
using OnnxWeightSource = std::function<OnnxWeights(const Layer& layer)>;

/// The bytes of an ONNX model (opset 13, IR version 7; with layer_norm 17 and 8) of `network`, with
/// a float input "image" (N x C x H x W; N is free, or a batch of several images) and others with
/// the names of their layers; the last layer's output is "logits", and others that no layer reads
/// have their layer's name. read_onnx returns an equal network.
///
/// Without a source the model has no weights but their shapes: zeros, by ConstantOfShape, so that
/// it is small whatever the network's size and still a model that runs.
///
/// Constants, norms, slopes and tables are zeros or ones with a source, too.
///
/// Throws InputError naming the layer: a host layer, a reduction that reduces nothing, weights of
/// another size or not finite, two values of one name, more than 2 GiB.
std::string write_onnx(const Network& network, const OnnxWeightSource& source = nullptr);

}  // namespace tilewake
