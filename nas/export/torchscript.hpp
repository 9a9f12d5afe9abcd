// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "nas/export/preprocessing.hpp"
#include "nas/export/safetensors.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A network with its preprocessing as a module of TorchScript.
struct TorchScript {
  /// Of the module, "mean" and "std", and of its submodules, one a layer: "stem.weight".
  std::vector<NamedTensor> tensors;
  /// Method forward(images): from uint8 images in the layout to (scores, label), as
  /// deployed_onnx().
  std::string code;
};

/// Names of the submodules, by layer; empty for a layer without weights.
std::vector<std::string> module_names(const Network& network);

/// Throws InputError naming the layer where weights are missing or of another size, and for an op
/// or activation that networks of the search do not have.
TorchScript torchscript(const Network& network, const LayerWeights& weights,
                        const Preprocessing& preprocessing, ImageLayout layout);

}  // namespace tilewake
