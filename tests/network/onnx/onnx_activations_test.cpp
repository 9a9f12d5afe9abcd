// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

/// A convolution `c` with 8 channels, to put something behind.
OnnxGraph graph_with_conv(int opset = 13, bool bias = true) {
  OnnxGraph graph({1, 3, 16, 16}, opset);
  graph.conv("x", "c", {8, 3, 1, 1}, bias);
  return graph;
}

std::string conv_with(const std::string& activation) {
  return entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1, activation: " + activation +
                 "}\n");
}

TEST(OnnxActivations, AnActivationBelongsToTheLayerBeforeIt) {
  const std::vector<std::pair<std::string, std::string>> kinds = {{"Relu", "relu"},
                                                                  {"LeakyRelu", "leaky_relu"},
                                                                  {"Sigmoid", "sigmoid"},
                                                                  {"HardSigmoid", "hsigmoid"},
                                                                  {"HardSwish", "hswish"}};
  for (const auto& [op, activation] : kinds) {
    OnnxGraph graph = graph_with_conv(14);
    graph.add(op, {"c"}, "a");
    EXPECT_EQ(graph.layers(), conv_with(activation));
  }
}

TEST(OnnxActivations, ClipHasItsBoundsInAttributesOrInInputs) {
  OnnxGraph old = graph_with_conv(9);
  auto& clip = old.add("Clip", {"c"}, "a");
  set(clip, "min", 0.0F);
  set(clip, "max", 6.0F);
  EXPECT_EQ(old.layers(), conv_with("relu6"));

  OnnxGraph graph = graph_with_conv();
  graph.add("Clip", {"c", graph.number("zero", 0.0F), graph.number("six", 6.0F)}, "a");
  EXPECT_EQ(graph.layers(), conv_with("relu6"));

  OnnxGraph open = graph_with_conv();
  open.add("Clip", {"c", open.number("zero", 0.0F), ""}, "a");
  EXPECT_EQ(open.layers(), conv_with("relu"));

  OnnxGraph largest = graph_with_conv(9);
  auto& to_largest = largest.add("Clip", {"c"}, "a");
  set(to_largest, "min", 0.0F);
  set(to_largest, "max", std::numeric_limits<float>::max());
  EXPECT_EQ(largest.layers(), conv_with("relu"));
}

TEST(OnnxActivations, XTimesSigmoidOfXIsSwish) {
  for (const bool gate_first : {false, true}) {
    OnnxGraph graph = graph_with_conv();
    graph.add("Sigmoid", {"c"}, "s");
    graph.add("Mul",
              gate_first ? std::vector<std::string>{"s", "c"} : std::vector<std::string>{"c", "s"},
              "m");
    EXPECT_EQ(graph.layers(), conv_with("swish"));
  }
}

/// c, then relu6(c + 3) as `r`.
OnnxGraph graph_with_shifted_relu6() {
  OnnxGraph graph = graph_with_conv();
  graph.add("Add", {graph.number("three", 3.0F), "c"}, "t");
  graph.add("Clip", {"t", graph.number("zero", 0.0F), graph.number("six", 6.0F)}, "r");
  return graph;
}

TEST(OnnxActivations, EveryWayToWriteHardSwishIsUnderstood) {
  OnnxGraph gate = graph_with_conv();
  gate.add("HardSigmoid", {"c"}, "s");
  gate.add("Mul", {"c", "s"}, "m");
  EXPECT_EQ(gate.layers(), conv_with("hswish"));

  OnnxGraph divided_last = graph_with_shifted_relu6();
  divided_last.add("Mul", {"c", "r"}, "m");
  divided_last.add("Div", {"m", "six"}, "d");
  EXPECT_EQ(divided_last.layers(), conv_with("hswish"));

  OnnxGraph divided_first = graph_with_shifted_relu6();
  divided_first.add("Div", {"r", "six"}, "d");
  divided_first.add("Mul", {"d", "c"}, "m");
  EXPECT_EQ(divided_first.layers(), conv_with("hswish"));

  OnnxGraph times_sixth = graph_with_shifted_relu6();
  times_sixth.add("Mul", {"r", times_sixth.number("sixth", 1.0F / 6.0F)}, "d");
  times_sixth.add("Mul", {"c", "d"}, "m");
  EXPECT_EQ(times_sixth.layers(), conv_with("hswish"));
}

TEST(OnnxActivations, ShiftedRelu6AloneIsHardSigmoid) {
  OnnxGraph graph = graph_with_shifted_relu6();
  graph.add("Div", {"r", "six"}, "d");
  EXPECT_EQ(graph.layers(), conv_with("hsigmoid"));
}

TEST(OnnxActivations, AnotherShiftIsABiasAndNoPattern) {
  OnnxGraph graph = graph_with_conv(13, /*bias=*/false);
  graph.add("Add", {"c", graph.number("two", 2.0F)}, "t");
  graph.add("Clip", {"t", graph.number("zero", 0.0F), graph.number("six", 6.0F)}, "r");
  EXPECT_EQ(graph.layers(), conv_with("relu6"));  // with a bias, which the convolution had not
}

TEST(OnnxActivations, SqueezeAndExcitationIsOurLayers) {
  for (const std::string gate : {"Sigmoid", "HardSigmoid"}) {
    OnnxGraph graph = graph_with_conv();
    graph.add("Relu", {"c"}, "r");
    set(graph.add("ReduceMean", {"r"}, "pool"), "axes", {2, 3});
    graph.conv("pool", "reduce", {2, 8, 1, 1});
    graph.add("Relu", {"reduce"}, "rr");
    graph.conv("rr", "expand", {8, 2, 1, 1});
    graph.add(gate, {"expand"}, "g");
    graph.add("Mul", {"g", "r"}, "scale");
    EXPECT_EQ(graph.layers(),
              entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1, activation: relu}\n"
                      "  - {name: pool, op: global_avg_pool}\n"
                      "  - {name: reduce, op: conv2d, out_channels: 2, kernel: 1, "
                      "activation: relu}\n"
                      "  - {name: expand, op: conv2d, out_channels: 8, kernel: 1, activation: " +
                      std::string(gate == "Sigmoid" ? "sigmoid" : "hsigmoid") +
                      "}\n"
                      "  - {name: scale, op: mul, inputs: [expand, c]}\n"));
  }
}

TEST(OnnxActivations, WhatOthersReadBeforeTheActivationGetsALayerOfItsOwn) {
  OnnxGraph graph = graph_with_conv();
  graph.add("Relu", {"c"}, "r");
  graph.add("Add", {"c", "r"}, "sum");
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n"
                                    "  - {name: r, op: max_pool, kernel: 1, activation: relu}\n"
                                    "  - {name: sum, op: add, inputs: [c, r]}\n"));

  OnnxGraph swish = graph_with_conv();  // x * sigmoid(x), and x is an output, too
  swish.add("Sigmoid", {"c"}, "s");
  swish.add("Mul", {"c", "s"}, "m");
  swish.outputs = {"m", "c"};
  EXPECT_EQ(swish.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n"
                                    "  - {name: m, op: max_pool, kernel: 1, activation: swish}\n"));

  OnnxGraph gate = graph_with_conv();  // the gate is read elsewhere, too
  gate.add("Sigmoid", {"c"}, "s");
  gate.add("Mul", {"c", "s"}, "m");
  gate.add("Add", {"m", "s"}, "sum");
  EXPECT_EQ(gate.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n"
                                   "  - {name: s, op: max_pool, kernel: 1, activation: sigmoid}\n"
                                   "  - {name: m, op: mul, inputs: [c, s]}\n"
                                   "  - {name: sum, op: add, inputs: [m, s]}\n"));
}

TEST(OnnxActivations, ASecondActivationAndOneOfTheInputGetLayersOfTheirOwn) {
  OnnxGraph graph;
  graph.add("Relu", {"x"}, "r");
  graph.add("Sigmoid", {"r"}, "s");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: r, op: max_pool, kernel: 1, activation: relu}\n"
                    "  - {name: s, op: max_pool, kernel: 1, activation: sigmoid}\n"));
}

void add_batch_norm(OnnxGraph& graph, const std::string& input, const std::string& output,
                    std::int64_t channels) {
  std::vector<std::string> inputs = {input};
  for (const std::string role : {"scale", "shift", "mean", "variance"}) {
    inputs.push_back(graph.weights(output + "." + role, {channels}));
  }
  graph.add("BatchNormalization", inputs, output);
}

TEST(OnnxActivations, BatchNormalizationBehindAConvolutionIsItsBias) {
  OnnxGraph graph = graph_with_conv(13, /*bias=*/false);
  add_batch_norm(graph, "c", "n", 8);
  graph.add("Relu", {"n"}, "r");
  EXPECT_EQ(graph.layers(), conv_with("relu"));

  OnnxGraph swish = graph_with_conv(13, /*bias=*/false);
  add_batch_norm(swish, "c", "n", 8);
  swish.add("Sigmoid", {"n"}, "s");
  swish.add("Mul", {"n", "s"}, "m");
  EXPECT_EQ(swish.layers(), conv_with("swish"));
}

TEST(OnnxActivations, BatchNormalizationElsewhereIsADepthwiseLayerOfOneTap) {
  OnnxGraph graph;
  add_batch_norm(graph, "x", "n", 3);
  graph.add("Relu", {"n"}, "r");
  graph.conv("r", "c", {8, 3, 1, 1});
  graph.add("Relu", {"c"}, "cr");
  add_batch_norm(graph, "cr", "m", 8);
  EXPECT_EQ(graph.layers(),
            entries("  - {name: n, op: depthwise_conv2d, kernel: 1, activation: relu}\n"
                    "  - {name: c, op: conv2d, out_channels: 8, kernel: 1, activation: relu}\n"
                    "  - {name: m, op: depthwise_conv2d, kernel: 1}\n"));
}

TEST(OnnxActivations, ConstantsGoIntoTheConvolutionBefore) {
  OnnxGraph graph = graph_with_conv(13, /*bias=*/false);
  graph.add("Mul", {"c", graph.weights("scale", {1, 8, 1, 1})}, "m");
  graph.add("Add", {graph.weights("shift", {8, 1, 1}), "m"}, "a");
  graph.add("Relu", {"a"}, "r");
  EXPECT_EQ(graph.layers(), conv_with("relu"));

  OnnxGraph scaled = graph_with_conv(13, /*bias=*/false);
  scaled.add("Mul", {"c", scaled.weights("scale", {8, 1, 1})}, "m");
  EXPECT_EQ(scaled.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1, "
                                     "bias: false}\n"));
}

TEST(OnnxActivations, ConstantsElsewhereAreADepthwiseLayerOfOneTap) {
  OnnxGraph graph;  // an image that is normalised within the model
  graph.add("Sub", {"x", graph.weights("mean", {3, 1, 1})}, "s");
  graph.add("Div", {"s", graph.weights("deviation", {3, 1, 1})}, "d");
  graph.conv("d", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.layers(), entries("  - {name: s, op: depthwise_conv2d, kernel: 1}\n"
                                    "  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n"));
}

TEST(OnnxActivations, OneFactorForAllIsTakenInByTheScaleOfTheMap) {
  OnnxGraph graph;
  graph.add("Mul", {"x", graph.number("f", 0.00392F)}, "m");
  graph.conv("m", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n"));
}

TEST(OnnxActivations, ASumWithOneConstantIsAZeroPoint) {
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 3, 3});
  graph.add("Relu", {"c"}, "r");
  graph.add("Add", {"r", graph.number("half", 0.5F)}, "t");
  graph.conv("t", "y", {4, 8, 1, 1});
  const Network network = graph.read().network;
  EXPECT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.num_params(), (27 + 1) * 8 + (8 + 1) * 4);
}

}  // namespace
}  // namespace tilewake
