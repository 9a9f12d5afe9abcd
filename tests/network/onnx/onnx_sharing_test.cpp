// SPDX-License-Identifier: Apache-2.0
// Parameters that several layers share count once; a bias or norm of one of them counts there.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/onnx/onnx_writer.hpp"
#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

TEST(OnnxSharing, BranchesOfASiameseNetworkCountOnce) {
  const auto build = [](OnnxGraph& g, int num_branches) {
    g.weights("a.w", {8, 3, 3, 3});
    g.weights("b.w", {8, 3, 1, 1});
    for (const char* name : {"scale", "shift", "mean", "variance"}) g.weights(name, {8});
    for (const char* name : {"factor", "offset"}) g.weights(name, {8});
    for (int i = 0; i < num_branches; ++i) {
      const std::string at = std::to_string(i);
      const std::string x = i == 0 ? "x" : "z";
      set(g.add("Conv", {x, "a.w"}, "a" + at), "pads", {1, 1, 1, 1});
      g.add("Conv", {x, "b.w"}, "b" + at);
      // After a sum no convolution takes the normalisation in.
      g.add("Add", {"a" + at, "b" + at}, "sum" + at);
      g.add("BatchNormalization", {"sum" + at, "scale", "shift", "mean", "variance"}, "bn" + at);
      set(g.add("Transpose", {"bn" + at}, "t" + at), "perm", {0, 2, 3, 1});
      g.add("LayerNormalization", {"t" + at, "factor", "offset"}, "ln" + at);
    }
  };
  OnnxGraph one;
  build(one, 1);
  OnnxGraph two;
  two.add_input("z", {1, 3, 16, 16});
  build(two, 2);
  two.add("Add", {"ln0", "ln1"}, "y");
  const std::int64_t expected = 8 * 27 + 8 * 3 + (8 + 8) + 2 * 8;
  EXPECT_EQ(one.read().network.num_params(), expected);
  const Network network = two.read().network;
  EXPECT_EQ(network.num_params(), expected);
  EXPECT_EQ(network.num_macs(), 2 * one.read().network.num_macs());
}

TEST(OnnxSharing, AConvolutionWithASharedNormalisationIsShared) {
  OnnxGraph graph;
  graph.add_input("z", {1, 3, 16, 16});
  graph.weights("w", {8, 3, 3, 3});
  for (const char* name : {"s", "b", "m", "v", "s2"}) graph.weights(name, {8});
  graph.add("Conv", {"x", "w"}, "c0");
  graph.add("Conv", {"z", "w"}, "c1");
  graph.add("BatchNormalization", {"c0", "s", "b", "m", "v"}, "n0");
  graph.add("BatchNormalization", {"c1", "s", "b", "m", "v"}, "n1");
  graph.add("Add", {"n0", "n1"}, "y");
  EXPECT_EQ(graph.read().network.num_params(), 8 * 27 + 8);
  // Another normalisation makes other weights of them.
  graph.graph().mutable_node(3)->set_input(1, "s2");
  EXPECT_EQ(graph.read().network.num_params(), 2 * (8 * 27 + 8));
}

TEST(OnnxSharing, SharedWeightsMayHaveABiasEach) {
  OnnxGraph graph;
  graph.weights("w", {8, 3, 3, 3});
  graph.add("Conv", {"x", "w", graph.weights("b0", {8})}, "c0");
  graph.add("Conv", {"x", "w", graph.weights("b1", {8})}, "c1");
  graph.add("Add", {"c0", "c1"}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(network.num_params(), 8 * 27 + 2 * 8);
  EXPECT_EQ(network.layers[1].weights_of, 0);
  EXPECT_TRUE(network.layers[1].own_bias);
  const Network again = read_onnx(write_onnx(network, nullptr), "m.onnx", {}).network;
  EXPECT_EQ(again.num_params(), network.num_params());
  graph.graph().mutable_node(1)->set_input(2, "b0");
  EXPECT_EQ(graph.read().network.num_params(), 8 * 27 + 8);
  EXPECT_FALSE(graph.read().network.layers[1].own_bias);
}

TEST(OnnxSharing, NormsWithoutShiftsCountTheirFactors) {
  const auto params_of = [](const std::string& op, bool has_shift) {
    OnnxGraph graph({1, 10, 16});
    OnnxGraph::Names inputs = {"x", graph.weights("f", {16})};
    if (has_shift) inputs.push_back(graph.weights("b", {16}));
    graph.add(op, inputs, "y");
    const Network network = graph.read().network;
    const Network again = read_onnx(write_onnx(network, nullptr), "m.onnx", {}).network;
    EXPECT_EQ(again.num_params(), network.num_params());
    return network.num_params();
  };
  EXPECT_EQ(params_of("LayerNormalization", true), 2 * 16);
  EXPECT_EQ(params_of("LayerNormalization", false), 16);
  EXPECT_EQ(params_of("RMSNormalization", false), 16);
}

TEST(OnnxSharing, ATableThatTwoInputsUseCountsOnce) {
  OnnxGraph graph({1, 6});
  graph.add_input("z", {1, 6});
  for (int i = 0; i < 2; ++i) {
    graph.graph().mutable_input(i)->mutable_type()->mutable_tensor_type()->set_elem_type(
        onnx::TensorProto::INT64);
  }
  graph.weights("table", {100, 8});
  // Of at most eight integers only the first input is a map, so that both have nine.
  for (int i = 0; i < 2; ++i) {
    graph.graph()
        .mutable_input(i)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(1)
        ->set_dim_value(9);
  }
  graph.add("Gather", {"table", "x"}, "a");
  graph.add("Gather", {"table", "z"}, "b");
  graph.add("Add", {"a", "b"}, "y");
  EXPECT_EQ(graph.read().network.num_params(), 100 * 8);
}

TEST(OnnxSharing, SkippedNodesGiveWhatTheirOperatorDefines) {
  ModelOptions skip;
  skip.skip_unsupported = true;
  const auto outputs_of = [&](OnnxGraph& graph) {
    const OnnxNetwork read = read_onnx(graph.bytes(), "m.onnx", skip);
    return read.network.layers.back().ofm.num_elements();
  };
  OnnxGraph recurrent({20, 1, 16});
  const OnnxGraph::Names weights = {"x", recurrent.weights("w", {2, 32, 16}),
                                    recurrent.weights("r", {2, 32, 8})};
  set(recurrent.add("LSTM", weights, "y"), "hidden_size", 8);
  EXPECT_EQ(outputs_of(recurrent), 20 * 2 * 8);
  EXPECT_THAT(recurrent.error(), HasSubstr("recurrent layers are not modelled"));

  OnnxGraph deformed;
  deformed.conv("x", "offsets", {18, 3, 3, 3});
  set(deformed.add("DeformConv", {"x", deformed.weights("w", {8, 3, 3, 3}), "offsets"}, "y"),
      "strides", {2, 2});
  EXPECT_EQ(outputs_of(deformed), 8 * 7 * 7);
  EXPECT_THAT(deformed.error(), HasSubstr("--skip-unsupported"));

  OnnxGraph unpooled;
  onnx::NodeProto& unpool = unpooled.add("MaxUnpool", {"x", "x"}, "y");
  set(unpool, "kernel_shape", {2, 2});
  set(unpool, "strides", {2, 2});
  EXPECT_EQ(outputs_of(unpooled), 3 * 32 * 32);
}

TEST(OnnxSharing, GuessedAndMisstatedSizesAreNamed) {
  ModelOptions skip;
  skip.skip_unsupported = true;
  OnnxGraph graph;
  graph.add("Frobnicate", {"x"}, "guessed");
  graph.conv("guessed", "y", {8, 3, 3, 3});
  OnnxNetwork read = read_onnx(graph.bytes(), "m.onnx", skip);
  ASSERT_EQ(read.warnings.size(), 2U);
  EXPECT_THAT(read.warnings[1], HasSubstr("'guessed'"));

  OnnxGraph stale;
  stale.conv("x", "c", {8, 3, 3, 3});
  stale.add("Relu", {"c"}, "y");
  onnx::ValueInfoProto& value = *stale.graph().add_value_info();
  value.set_name("c");
  auto& shape = *value.mutable_type()->mutable_tensor_type()->mutable_shape();
  for (const int dim : {1, 8, 14, 15}) shape.add_dim()->set_dim_value(dim);
  read = stale.read();
  ASSERT_EQ(read.warnings.size(), 1U);
  EXPECT_THAT(read.warnings[0], HasSubstr("'c' (Conv)"));
  shape.mutable_dim(3)->set_dim_value(14);
  EXPECT_TRUE(stale.read().warnings.empty());
}

TEST(OnnxSharing, PositionsOfMaximaAreForTheHostOnly) {
  const auto build = [](OnnxGraph& graph) {
    onnx::NodeProto& pool = graph.add("MaxPool", {"x"}, "p");
    pool.add_output("i");
    set(pool, "kernel_shape", {2, 2});
    set(pool, "strides", {2, 2});
  };
  OnnxGraph unpooled;
  build(unpooled);
  onnx::NodeProto& unpool = unpooled.add("MaxUnpool", {"p", "i"}, "y");
  set(unpool, "kernel_shape", {2, 2});
  set(unpool, "strides", {2, 2});
  const Network network = unpooled.read().network;
  ASSERT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers[1].op, Op::kHost);
  EXPECT_EQ(network.layers[1].inputs, (std::vector<int>{0, 0}));
  EXPECT_EQ(network.layers[1].ofm.num_elements(), 3 * 16 * 16);

  OnnxGraph read_by_a_layer;
  build(read_by_a_layer);
  read_by_a_layer.add("Relu", {"i"}, "y");
  EXPECT_THAT(read_by_a_layer.error(), HasSubstr("node 'y' (Relu): reads 'i', which only"));
}

}  // namespace
}  // namespace tilewake
