// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "nas/export/onnx_writer.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// Weights that cost nothing to draw: only their sizes matter here.
LayerWeights equal_weights(const Network& network) {
  LayerWeights weights;
  for (const Layer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    weights[layer.name].weight.resize(static_cast<std::size_t>(layer.num_weights()), 0.5F);
    weights[layer.name].bias.resize(static_cast<std::size_t>(layer.bias ? layer.ofm.channels : 0),
                                    0.5F);
  }
  return weights;
}

TEST(ShippedNetworks, WithoutWeightsPassLibonnxWithOurShapes) {
  for (const Network& network : shipped_networks()) {
    SCOPED_TRACE(network.name);
    EXPECT_NO_THROW(check_onnx_model(write_onnx(network), network));
  }
}

TEST(ShippedNetworks, PassLibonnxWithOurShapes) {
  for (const Network& network : shipped_networks()) {
    SCOPED_TRACE(network.name);
    EXPECT_NO_THROW(check_onnx_model(onnx_model(network, equal_weights(network)), network));
  }
}

}  // namespace
}  // namespace tilewake
