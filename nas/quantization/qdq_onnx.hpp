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

}  // namespace tilewake
