// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "nas/export/layer_weights.hpp"
#include "nas/export/preprocessing.hpp"
#include "nas/search/run_context.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A network in int8, for the bundle.
struct BundledInt8 {
  std::string qdq;  // qdq_model()
  double validation_accuracy = 0.0;
  double test_accuracy = 0.0;
};

/// A trained network, for its bundle.
struct BundledNetwork {
  std::string name;
  Network network;
  LayerWeights weights;  // of all layers
  double validation_accuracy = 0.0;
  double test_accuracy = 0.0;
  std::optional<double> simulated_ms;  // on run.machine
  std::optional<double> limit_ms;      // that it was searched for
  std::optional<BundledInt8> int8;     // none: no "model_int8.onnx"
};

/// The preprocessing of images for a network of this input, trained on the run's data.
Preprocessing preprocessing_of(const RunContext& run, const Shape& input);

/// Writes "deploy/" into `directory`: what others need to use the network, without Tilewake.
///   @param onnx  onnx_model() of network and weights
void write_bundle(const RunContext& run, const std::string& directory,
                  const BundledNetwork& bundled, const std::string& onnx);

}  // namespace tilewake
