// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"
#include "tests/support/every_op.hpp"
#include "tests/support/onnx_graph.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

std::string text_after_onnx(const Network& network, const OnnxWeightSource& source = nullptr) {
  return text_of(read_onnx(write_onnx(network, source), "other.onnx").network);
}

/// A case after the sources that it may read, and a layer after it, so that it is no output. Inputs
/// come where they are read first.
Network network_of(const OpCase& c) {
  const bool names_inputs = c.keys.find("inputs:") != std::string::npos;
  std::string text = "name: case\ninput: {channels: 12, height: 6, width: 10}\nlayers:\n";
  text += "  - {name: x, op: conv2d, inputs: [input], out_channels: 12, kernel: 1}\n";
  const auto add_source = [&](const std::string& name, const std::string& keys) {
    const bool is_read = c.keys.find(name + "]") != std::string::npos ||
                         c.keys.find(name + ",") != std::string::npos;
    if (is_read) text += "  - {name: " + name + ", " + keys + "}\n";
  };
  add_source("table", "op: constant, out_channels: 12, out_size: [6, 10]");
  add_source("row", "op: input, out_channels: 1, out_size: [1, 10]");
  add_source("weights", "op: constant, out_channels: 7, out_size: [12, 1]");
  text += "  - {name: case, " + c.keys + (names_inputs ? "}\n" : ", inputs: [x]}\n");
  text += "  - {name: end, op: conv2d, inputs: [case], out_channels: 3, kernel: 1}\n";
  return read_network_text(text, "case.yaml");
}

TEST(OnnxRoundTrip, ShippedNetworksComeBackEqual) {
  const std::vector<Network> networks = all_shipped_networks();
  ASSERT_FALSE(networks.empty());
  for (const Network& network : networks) EXPECT_EQ(text_after_onnx(network), text_of(network));
}

TEST(OnnxRoundTrip, RandomNetworksComeBackEqual) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Network network = RandomNetwork(seed).make(12);
    EXPECT_EQ(text_after_onnx(network), text_of(network)) << "seed " << seed;
  }
}

TEST(OnnxRoundTrip, RandomNetworksThatMoveChannelsComeBackEqual) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Network network = RandomNetwork(seed, RandomNetwork::Channels::kMove).make(12);
    EXPECT_EQ(text_after_onnx(network), text_of(network)) << "seed " << seed;
  }
}

TEST(OnnxRoundTrip, RandomNetworksOfEveryOpComeBackEqual) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Network network = RandomNetwork(seed, RandomNetwork::Channels::kMoveAndMore).make(12);
    EXPECT_EQ(text_after_onnx(network), text_of(network)) << "seed " << seed;
  }
}

TEST(OnnxRoundTrip, EveryOpComesBackEqual) {
  for (const OpCase& c : op_cases()) {
    if (c.keys.starts_with("op: host")) continue;
    const Network network = network_of(c);
    EXPECT_EQ(text_after_onnx(network), text_of(network)) << c.keys;
  }
}

TEST(OnnxRoundTrip, WhatOnnxCannotExpressIsRefused) {
  for (const OpCase& c : op_cases()) {
    const Network network = network_of(c);
    if (c.keys.starts_with("op: host"))
      EXPECT_THROW(write_onnx(network), InputError) << c.keys;
    else
      EXPECT_NO_THROW(write_onnx(network)) << c.keys;
  }
}

TEST(OnnxRoundTrip, TheBatchComesBack) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Network network = RandomNetwork(seed, RandomNetwork::Channels::kMove).make(12);
    network.batch = 3;
    EXPECT_EQ(text_after_onnx(network), text_of(network)) << "seed " << seed;
  }
}

TEST(OnnxRoundTrip, WeightsChangeNothing) {
  std::vector<float> values;
  const OnnxWeightSource source = [&](const Layer& layer) -> OnnxWeights {
    values.assign(static_cast<std::size_t>(layer.num_weights()), 0.5F);
    const std::size_t num_biases = layer.bias ? static_cast<std::size_t>(layer.ofm.channels) : 0;
    if (values.size() < num_biases) values.resize(num_biases, 0.5F);
    return {std::span(values).first(static_cast<std::size_t>(layer.num_weights())),
            std::span(values).first(num_biases)};
  };
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Network network = RandomNetwork(seed).make(12);
    EXPECT_EQ(text_after_onnx(network, source), text_of(network)) << "seed " << seed;
  }
}

TEST(OnnxRoundTrip, WhatLibonnxReadsAndWritesAgainIsTheSameNetwork) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Network network = RandomNetwork(seed).make(12);
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(write_onnx(network)));
    EXPECT_EQ(text_of(read_onnx(model.SerializeAsString(), "m.onnx").network), text_of(network));
  }
}

TEST(OnnxRoundTrip, HintsThatDoNotFitTheNodeAreNotBelieved) {
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 3, 3}).set_doc_string("tilewake.op: fully_connected");
  graph.conv("c", "d", {4, 8, 1, 1}).set_doc_string("tilewake.op: avg_pool");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 3, padding: valid}\n"
                    "  - {name: d, op: conv2d, out_channels: 4, kernel: 1}\n"));
}

TEST(OnnxRoundTrip, NamesThatWouldMeetAreRefused) {
  const Network network = read_network_text(
      "name: n\ninput: {channels: 4, height: 9, width: 9}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 4, kernel: 1, activation: relu}\n"
      "  - {name: a.linear, op: max_pool, kernel: 3}\n"
      "  - {name: b, op: max_pool, kernel: 3}\n",
      "n.yaml");
  EXPECT_EQ(input_error_of([&] { write_onnx(network); }),
            "ONNX: layer 'a.linear': two values of the model would be called 'a.linear'; rename "
            "the layer");
}

}  // namespace
}  // namespace tilewake
