// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPoolAndClassifier =
    "  - {name: p, op: global_avg_pool}\n  - {name: g, op: fully_connected, out_channels: 10}\n";

/// A pool `p`, and a Gemm `g` behind `reshape`, which makes `f` of it.
template <typename Reshape>
std::string layers_behind_pool(Reshape reshape, int opset = 13) {
  OnnxGraph graph({1, 3, 16, 16}, opset);
  graph.add("GlobalAveragePool", {"x"}, "p");
  reshape(graph);
  graph.add("Gemm", {"f", graph.weights("w", {3, 10}), graph.weights("b", {10})}, "g");
  return graph.layers();
}

TEST(OnnxShapes, WhatMovesNoElementIsPassedThrough) {
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) { g.add("Flatten", {"p"}, "f"); }),
            entries(kPoolAndClassifier));
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {
              g.add("Reshape", {"p", g.integers("s", {0, -1})}, "f");
            }),
            entries(kPoolAndClassifier));
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {
              g.add("Squeeze", {"p", g.integers("axes", {2, -1})}, "f");
            }),
            entries(kPoolAndClassifier));
  EXPECT_EQ(layers_behind_pool(
                [](OnnxGraph& g) {
                  set(g.add("Squeeze", {"p"}, "f"), "axes", {2, 3});
                },
                9),
            entries(kPoolAndClassifier));
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {
              g.add("Identity", {"p"}, "i");
              g.add("Dropout", {"i"}, "d");
              set(g.add("Cast", {"d"}, "t"), "to", 1);
              set(g.add("Transpose", {"t"}, "n"), "perm", {0, 2, 3, 1});  // of one pixel
              g.add("Reshape", {"n", g.integers("s", {1, 3})}, "r");
              g.add("Unsqueeze", {"r", g.integers("u", {2})}, "u2");
              g.add("Flatten", {"u2"}, "f");
            }),
            entries(kPoolAndClassifier));
}

TEST(OnnxShapes, ShapesThatTheModelComputesAreFollowed) {
  // x.view(x.size(0), -1), as PyTorch exports it with a free batch.
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {
              g.add("Shape", {"p"}, "shape");
              g.add("Gather", {"shape", g.new_tensor("zero", {}, onnx::TensorProto::INT64).name()},
                    "size");
              g.graph().mutable_initializer(g.graph().initializer_size() - 1)->add_int64_data(0);
              g.add("Unsqueeze", {"size", g.integers("axes", {0})}, "first");
              set(g.add("Concat", {"first", g.integers("rest", {-1})}, "to"), "axis", 0);
              g.add("Reshape", {"p", "to"}, "f");
            }),
            entries(kPoolAndClassifier));
  // As Paddle does.
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {
              g.add("Shape", {"p"}, "shape");
              set(g.add("Cast", {"shape"}, "cast"), "to", 7);
              g.add("Slice", {"cast", g.integers("from", {0}), g.integers("upto", {1})}, "first");
              set(g.add("Concat", {"first", g.integers("rest", {3})}, "to"), "axis", 0);
              g.add("Reshape", {"p", "to"}, "f");
            }),
            entries(kPoolAndClassifier));
  EXPECT_EQ(layers_behind_pool([](OnnxGraph& g) {  // arithmetic: 1 x (3 x 1)
              g.add("Mul", {g.integers("three", {3}), g.integers("one", {1})}, "product");
              set(g.add("Concat", {"one", "product"}, "to"), "axis", 0);
              g.add("Reshape", {"p", "to"}, "f");
            }),
            entries(kPoolAndClassifier));
}

TEST(OnnxShapes, AnActivationPassesAReshape) {
  OnnxGraph graph;
  graph.add("Flatten", {"x"}, "f");
  graph.add("MatMul", {"f", graph.weights("w", {768, 8})}, "fc");
  graph.add("Reshape", {"fc", graph.integers("s", {1, 8, 1, 1})}, "map");
  graph.add("Sigmoid", {"map"}, "a");
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Mul", {"c", "a"}, "m");
  EXPECT_EQ(graph.layers(), entries("  - {name: fc, op: fully_connected, out_channels: 8, "
                                    "bias: false, activation: sigmoid}\n"
                                    "  - {name: c, op: conv2d, out_channels: 8, kernel: 1, "
                                    "inputs: [input]}\n"
                                    "  - {name: m, op: mul, inputs: [c, fc]}\n"));
}

TEST(OnnxShapes, AnInputWithItsChannelsLastIsTurned) {
  OnnxGraph graph({1, 16, 20, 3});
  set(graph.add("Transpose", {"x"}, "t"), "perm", {0, 3, 1, 2});
  graph.conv("t", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n", "3, 16, 20"));
}

TEST(OnnxShapes, FreeSizesAreBoundByTheInputShape) {
  OnnxGraph graph({-1, 3, -1, -1});
  graph.conv("x", "c", {8, 3, 1, 1});
  EXPECT_EQ(text_of(graph.read({1, 3, 8, 9}).network),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n", "3, 8, 9"));
  EXPECT_EQ(graph.error(),
            "m.onnx: input 'x' is 1 x 3 x ? x ?: bind what is free, as in "
            "--input-shape 1,3,224,224");
  EXPECT_EQ(graph.error({1, 4, 8, 8}),
            "m.onnx: --input-shape has 4 where input 'x' is fixed at 3 (dimension 1)");
  EXPECT_EQ(graph.error({1, 3, 8}),
            "m.onnx: --input-shape has 3 sizes, input 'x' has 4 dimensions");
}

TEST(OnnxShapes, TheBatchIsThatOfTheInputOrOfTheModel) {
  OnnxGraph free_batch({-1, 3, 8, 8});
  free_batch.conv("x", "c", {8, 3, 1, 1});
  const Network two = free_batch.read({2, 3, 8, 8}).network;
  EXPECT_EQ(two.batch, 2);
  EXPECT_EQ(two.input, (Shape{3, 8, 8}));
  EXPECT_EQ(two.num_macs(), 2 * 3 * 8 * 64);
  EXPECT_THAT(free_batch.error({100'000, 3, 8, 8}), HasSubstr("must be from 1 to 65536"));
  OnnxGraph fixed({4, 3, 8, 8});
  fixed.conv("x", "c", {8, 3, 1, 1});
  EXPECT_EQ(fixed.read().network.batch, 4);
  EXPECT_THAT(fixed.error({2, 3, 8, 8}), HasSubstr("is fixed at 4"));
}

/// A convolution of 8 channels after `prepare`, which makes `r` (1 x 3 x 16 x 24) of `x`.
template <typename Prepare>
Network network_of_image(const std::vector<std::int64_t>& sizes, Prepare prepare,
                         const std::vector<std::int64_t>& given = {}) {
  OnnxGraph graph(sizes);
  prepare(graph);
  graph.conv("r", "c", {8, 3, 1, 1});
  const OnnxNetwork read = graph.read(given);
  EXPECT_THAT(read.warnings, IsEmpty());
  return read.network;
}

TEST(OnnxShapes, AnImageWithoutABatchIsOneImage) {
  const auto unsqueeze = [](OnnxGraph& g) {
    g.add("Unsqueeze", {"x", g.integers("axes", {0})}, "r");
  };
  const auto reshape = [](OnnxGraph& g) {
    g.add("Reshape", {"x", g.integers("s", {1, 3, 16, 24})}, "r");
  };
  const auto normalised = [](OnnxGraph& g) {
    g.add("Sub", {"x", g.weights("mean", {3, 1, 1})}, "d");
    g.add("Unsqueeze", {"d", g.integers("axes", {-4})}, "r");
  };
  const auto measured = [](OnnxGraph& g) {
    g.add("Shape", {"x"}, "sizes");
    g.add("Mul", {g.number("factor", 0.5F), "x"}, "m");
    g.add("Unsqueeze", {"m", g.integers("axes", {0})}, "one");
    set(g.add("Concat", {g.integers("n", {1}), "sizes"}, "to"), "axis", 0);
    g.add("Reshape", {"one", "to"}, "r");
  };
  const auto moved = [](OnnxGraph& g) {
    set(g.add("Transpose", {"x"}, "t"), "perm", {2, 0, 1});
    g.add("Unsqueeze", {"t", g.integers("axes", {0})}, "r");
  };
  const auto moved_later = [](OnnxGraph& g) {
    g.add("Unsqueeze", {"x", g.integers("axes", {0})}, "u");
    set(g.add("Transpose", {"u"}, "r"), "perm", {0, 3, 1, 2});
  };
  const auto expect_one_image = [](const Network& network) {
    EXPECT_EQ(network.batch, 1);
    EXPECT_EQ(network.input, (Shape{3, 16, 24}));
    EXPECT_EQ(network.layers.back().ofm, (Shape{8, 16, 24}));
    for (const Layer& layer : network.layers) EXPECT_NE(layer.op, Op::kTranspose);
  };
  expect_one_image(network_of_image({3, 16, 24}, unsqueeze));
  expect_one_image(network_of_image({-1, -1, -1}, unsqueeze, {3, 16, 24}));
  expect_one_image(network_of_image({3, 16, 24}, reshape));
  expect_one_image(network_of_image({3, 16, 24}, normalised));
  expect_one_image(network_of_image({3, 16, 24}, measured));
  expect_one_image(network_of_image({16, 24, 3}, moved));
  expect_one_image(network_of_image({16, 24, 3}, moved_later));
}

TEST(OnnxShapes, LongListsOfTheHostAreFoldedIntoRows) {
  OnnxGraph graph({1, 3, 1024, 1024});
  graph.conv("x", "c", {1, 3, 1, 1});
  graph.add("NonZero", {"c"}, "n");
  const Layer host = graph.read().network.layers.back();
  EXPECT_EQ(host.op, Op::kHost);
  EXPECT_EQ(host.ofm.num_elements(), 4 * 1024 * 1024);
}

TEST(OnnxShapes, WhatTheHostReadsIsNotRepeated) {
  OnnxGraph graph({1, 3, 64, 64});
  graph.conv("x", "c", {1, 3, 1, 1});
  graph.add("Expand", {"c", graph.integers("to", {1, 512, 64, 64})}, "e");
  graph.add("CumSum", {"e", graph.integers("axis", {1})}, "s");
  const Network network = graph.read().network;
  EXPECT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers.back().ofm.num_elements(), 512 * 64 * 64);
}

TEST(OnnxShapes, AFixedBatchOfSequencesIsNamed) {
  OnnxGraph graph({4, 16, 24});
  graph.add("MatMul", {"x", graph.weights("w", {24, 10})}, "y");
  const OnnxNetwork read = graph.read();
  EXPECT_EQ(read.network.batch, 4);
  EXPECT_EQ(read.warnings.size(), 1U);
}

TEST(OnnxShapes, DropoutOfNothingInTrainingModeIsPassedThrough) {
  const auto dropout = [](float ratio) {
    OnnxGraph graph;
    graph.conv("x", "c", {8, 3, 1, 1});
    onnx::TensorProto& training = graph.new_tensor("training", {}, onnx::TensorProto::BOOL);
    training.add_int32_data(1);
    graph.add("Dropout", {"c", graph.number("ratio", ratio), "training"}, "d");
    graph.conv("d", "e", {8, 8, 1, 1});
    return graph;
  };
  EXPECT_EQ(dropout(0.0F).read().network.layers.size(), 2U);
  EXPECT_THAT(dropout(0.5F).error(), HasSubstr("m.onnx: node 'd'"));
}

// As exporters write x.view(4, -1) and x.view(4, 2, 4, 8, 8) of a model for four images.
TEST(OnnxShapes, ReshapesOfAModelForABatchHaveTheBatch) {
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{4, -1}, {4, 8 * 64}, {-1, 8 * 64}, {0, -1}}) {
    OnnxGraph graph({4, 3, 8, 8});
    graph.conv("x", "c", {8, 3, 1, 1});
    graph.add("Reshape", {"c", graph.integers("s", shape)}, "r");
    graph.add("MatMul", {"r", graph.weights("w", {8 * 64, 10})}, "y");
    const Network network = graph.read().network;
    EXPECT_EQ(network.batch, 4);
    EXPECT_EQ(network.layers.back().op, Op::kFullyConnected);
    EXPECT_EQ(network.layers.back().ofm, (Shape{10, 1, 1}));
  }
  OnnxGraph graph({4, 3, 8, 8});
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Reshape", {"c", graph.integers("s", {2, -1})}, "r");  // images in one vector
  graph.add("MatMul", {"r", graph.weights("w", {2 * 8 * 64, 10})}, "y");
  EXPECT_THAT(graph.error(), HasSubstr("m.onnx: node"));
}

TEST(OnnxShapes, AFreeBatchIsOneImage) {
  OnnxGraph graph({-1, 3, 16, 16});
  graph.conv("x", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.read().network.input, (Shape{3, 16, 16}));
}

TEST(OnnxShapes, AnInputWithoutShapeTakesTheGivenOne) {
  OnnxGraph graph;
  graph.graph().mutable_input(0)->clear_type();
  graph.conv("x", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.read({1, 3, 8, 8}).network.input, (Shape{3, 8, 8}));
  EXPECT_EQ(graph.error(),
            "m.onnx: input 'x' has no shape; give one, as --input-shape 1,3,224,224");
}

TEST(OnnxShapes, AVectorIsAMapOfOnePixel) {
  OnnxGraph graph({1, 20});
  graph.add("Gemm", {"x", graph.weights("w", {20, 5})}, "g");
  EXPECT_EQ(graph.layers(), entries("  - {name: g, op: fully_connected, out_channels: 5, "
                                    "bias: false}\n",
                                    "20, 1, 1"));
}

TEST(OnnxShapes, WeightsThatAreListedAsInputsAreWeights) {
  OnnxGraph graph({1, 3, 16, 16}, 8);
  graph.model.set_ir_version(3);
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add_input("c.w", {8, 3, 1, 1});
  graph.add_input("c.b", {8});
  EXPECT_EQ(graph.read().network.layers.size(), 1U);
}

TEST(OnnxShapes, ASoftmaxAtTheEndIsALayer) {
  for (const std::string op : {"Softmax", "LogSoftmax"}) {
    OnnxGraph graph;
    graph.conv("x", "c", {8, 3, 16, 16});
    graph.add("Flatten", {"c"}, "f");
    set(graph.add(op, {"f"}, "s"), "axis", 1);
    graph.add("Identity", {"s"}, "i");
    const OnnxNetwork model = graph.read();
    EXPECT_EQ(model.network.layers.size(), 2U);
    EXPECT_EQ(model.network.layers.back().op, Op::kSoftmax);
    EXPECT_THAT(model.warnings, IsEmpty());
  }
}

TEST(OnnxShapes, BeforeOpset13ASoftmaxIsOverAllDimsFromItsAxis) {
  for (const int opset : {11, 13}) {
    OnnxGraph graph({1, 3, 16, 16}, opset);
    set(graph.add("Softmax", {"x"}, "s"), "axis", 1);
    const Layer layer = graph.read().network.layers.back();
    EXPECT_EQ(layer.ofm.channels, opset == 11 ? 3 * 256 : 3);
    EXPECT_EQ(layer.groups, 1);
  }
}

TEST(OnnxShapes, NodesThatNoOutputNeedsAreLeftOutAndToldOf) {
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Conv", {"c", graph.weights("w", {8, 8, 3, 3})}, "aux");
  graph.add("TopK", {"aux"}, "top");
  graph.outputs = {"c"};
  const OnnxNetwork model = graph.read();
  EXPECT_EQ(model.network.layers.size(), 1U);
  EXPECT_THAT(model.warnings, ElementsAre("2 nodes give nothing to an output"));
}

TEST(OnnxShapes, AnOutputThatIsReadOnIsToldOf) {
  OnnxGraph graph;
  graph.conv("x", "a", {8, 3, 1, 1});
  graph.conv("a", "b", {8, 8, 1, 1});
  graph.outputs = {"a", "b"};
  const OnnxNetwork model = graph.read();
  EXPECT_EQ(model.network.layers.size(), 2U);
  ASSERT_EQ(model.warnings.size(), 1U);
  EXPECT_THAT(model.warnings[0], HasSubstr("output 'a' is read inside of the network, too"));
}

TEST(OnnxShapes, NamesBecomePlainAndStayDifferent) {
  OnnxGraph graph;
  graph.conv("x", "a", {3, 3, 1, 1}).set_name("stage,1;\n\"x\"");
  graph.conv("a", "b", {3, 3, 1, 1}).set_name("stage,1;\n\"x\"");
  graph.conv("b", "c", {3, 3, 1, 1}).set_name("=1+1");
  graph.conv("c", "d", {3, 3, 1, 1}).set_name("input");
  graph.conv("d", "e", {3, 3, 1, 1}).set_name(std::string(5000, 'n'));
  graph.conv("e", "tail ", {3, 3, 1, 1}).clear_name();
  std::vector<std::string> names;
  const OnnxNetwork model = graph.read();
  for (const Layer& layer : model.network.layers) names.push_back(layer.name);
  EXPECT_THAT(names, ElementsAre("stage_1___x_", "stage_1___x__2", "_1+1", "input_1",
                                 std::string(200, 'n'), "tail_"));
  EXPECT_THAT(model.warnings, IsEmpty());
}

TEST(OnnxShapes, TheNetworkIsNamedAfterTheFileUnlessItIsOurs) {
  OnnxGraph graph;
  graph.graph().set_name("torch_jit");
  graph.conv("x", "c", {8, 3, 1, 1});
  EXPECT_EQ(read_onnx(graph.bytes(), "some/net v2.onnx").network.name, "net v2");
  graph.model.set_producer_name("tilewake");
  EXPECT_EQ(graph.read().network.name, "torch_jit");
}

}  // namespace
}  // namespace tilewake
