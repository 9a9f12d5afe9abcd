// SPDX-License-Identifier: Apache-2.0
#include <onnx/onnx_pb.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/export/onnx_writer.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string check_error(const std::string& bytes, const Network& network) {
  return input_error_of([&] { check_onnx_model(bytes, network); });
}

/// The model of `network` after `change` of its graph.
template <typename Change>
std::string changed_model(const Network& network, Change change) {
  onnx::ModelProto model;
  model.ParseFromString(onnx_model(network, random_weights(network, 1)));
  change(*model.mutable_graph());
  return model.SerializeAsString();
}

TEST(OnnxCheck, EveryOpPassesWithOurShapes) {
  const Network network = every_exported_op();
  EXPECT_EQ(check_error(onnx_model(network, random_weights(network, 1)), network), "no error");
}

TEST(OnnxCheck, RandomNetworksPassWithOurShapes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Network network = random_network(seed);
    SCOPED_TRACE(text_of(network));
    EXPECT_EQ(check_error(onnx_model(network, random_weights(network, seed)), network), "no error");
  }
}

TEST(OnnxCheck, OtherBytesThanModelsAreRefused) {
  const Network network = every_exported_op();
  EXPECT_EQ(check_error("\xff\xff no model", network), "ONNX: not an ONNX model");
  EXPECT_THAT(check_error("", network), StartsWith("ONNX: libonnx "));
  const std::string model = onnx_model(network, random_weights(network, 1));
  EXPECT_EQ(check_error(model.substr(0, model.size() / 2), network), "ONNX: not an ONNX model");
}

TEST(OnnxCheck, TheLayerWhoseShapeDiffersIsNamed) {
  const Network network = network_of(
      "  - {name: a, op: max_pool, kernel: 3}\n"
      "  - {name: b, op: max_pool, kernel: 3, stride: 2}\n"
      "  - {name: c, op: fully_connected, out_channels: 3}\n");
  Network other = network;
  other.layers[1].ofm.height = 6;
  EXPECT_EQ(check_error(onnx_model(network, random_weights(network, 1)), other),
            "ONNX: layer 'b': 'b' is N x 4 x 5 x 4 in the model, N x 4 x 6 x 4 in the network");
  other = network;
  other.layers[0].name = "z";
  EXPECT_EQ(check_error(onnx_model(network, random_weights(network, 1)), other),
            "ONNX: layer 'z': the model has no value 'z'");
  other = network;
  other.input.channels = 3;
  EXPECT_EQ(check_error(onnx_model(network, random_weights(network, 1)), other),
            "ONNX: input: 'image' is N x 4 x 9 x 7 in the model, N x 3 x 9 x 7 in the network");
}

TEST(OnnxCheck, AModelThatLibonnxRefusesIsRefused) {
  const Network network = every_exported_op();
  EXPECT_THAT(check_error(changed_model(network,
                                        [](onnx::GraphProto& graph) {
                                          graph.mutable_node(0)->set_op_type("Convolve");
                                        }),
                          network),
              HasSubstr("No Op registered for Convolve"));
  EXPECT_THAT(check_error(changed_model(network,
                                        [](onnx::GraphProto& graph) {
                                          graph.mutable_node(0)->set_input(0, "nobody");
                                        }),
                          network),
              HasSubstr("nobody"));
  // Weights of another number of channels: the shapes contradict each other.
  EXPECT_THAT(check_error(changed_model(network,
                                        [](onnx::GraphProto& graph) {
                                          graph.mutable_output(0)
                                              ->mutable_type()
                                              ->mutable_tensor_type()
                                              ->mutable_shape()
                                              ->mutable_dim(1)
                                              ->set_dim_value(6);
                                        }),
                          network),
              StartsWith("ONNX: "));
}

}  // namespace
}  // namespace tilewake
