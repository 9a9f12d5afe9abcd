// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "simulator/network/tflite/tflite_graph.hpp"

namespace tilewake {

/// Writes one operator as ONNX nodes. Throws InputError that says what of it is not understood.
using TfliteOperatorReader = void (*)(TfliteGraph& graph, const TfliteOperator& op);

/// Null where the operator is not understood at all.
TfliteOperatorReader find_tflite_layer_operator(tfl::BuiltinOperator code);  // makes layers
TfliteOperatorReader find_tflite_shape_operator(
    tfl::BuiltinOperator code);  // moves or computes shapes
TfliteOperatorReader find_tflite_map_operator(const TfliteOperator& op);  // of today's models

/// What to do about an operator that is not understood.
std::string_view tflite_advice(const TfliteOperator& op);

}  // namespace tilewake
