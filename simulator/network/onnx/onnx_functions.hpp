// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace onnx {
class ModelProto;
}

namespace tilewake {

/// Replaces each node that calls a function of the model by the nodes of the function, as far as
/// functions call one another. Inner nodes and values are named CALLER/NAME. Throws InputError for
/// recursion, and where the nodes exceed the bounds on a file.
void inline_onnx_functions(onnx::ModelProto& model);

}  // namespace tilewake
