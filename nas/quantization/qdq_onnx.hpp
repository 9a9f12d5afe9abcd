// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/quantization/quantized_network.hpp"

namespace tilewake {

/// The bytes of an ONNX model (opset 13) of the network in QDQ form, from "image" to "logits" as
/// onnx_model(): QuantizeLinear and DequantizeLinear (uint8, a scale and zero point a map) after
/// the input, each layer and each linear result that goes through a table; weights in int8 with a
/// scale for each output channel and biases in int32, each before a DequantizeLinear. Programs
/// that compute in integers merge these into integer operators.
///
/// Throws InputError where onnx_model() does, or where libonnx rejects the result.
std::string qdq_model(const QuantizedNetwork& quantized);

/// Reads the integers in such a model, or in one for deployment made of it, of `network`. The bytes
/// are untrusted: throws InputError naming `path` and the tensor or layer where they do not fit.
QuantizedNetwork read_qdq_model(const std::string& bytes, const std::string& path,
                                const Network& network);

}  // namespace tilewake
