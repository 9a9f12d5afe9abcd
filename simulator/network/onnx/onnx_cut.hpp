// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/network/model_options.hpp"
#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// Makes the outputs and inputs of the graph those that `until` and `from` of `options` name: by
/// the name of a node, else by that of a value that a node gives. Nodes that nothing needs any more
/// stay in the model. Linear time. Throws InputError for a name that is unknown or ambiguous.
void cut_onnx(OnnxModel& model, const ModelOptions& options);

}  // namespace tilewake
