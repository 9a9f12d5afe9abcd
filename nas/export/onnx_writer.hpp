// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// The bytes of an ONNX model (opset 13, IR version 7) of `network` with one float input "image" (N
/// x C x H x W, N free) and one output "logits". Throws InputError if a layer has no weights or
/// weights of another size, or is not expressible in ONNX.
std::string onnx_model(const Network& network, const LayerWeights& weights);

/// Reads the bytes with libonnx: checks the model, infers all shapes and compares them with
/// `network`. Throws InputError naming the differing node.
void check_onnx_model(const std::string& bytes, const Network& network);

}  // namespace tilewake
