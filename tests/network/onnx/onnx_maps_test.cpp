// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using Sizes = OnnxGraph::Sizes;

struct MapCase {
  std::function<void(OnnxGraph&)> build;
  std::string expected;
};

/// Nodes that read `x`, a map of 6 x 8 x 10, and the layers that they are.
void expect_layers(const std::vector<MapCase>& cases, const Sizes& input = {1, 6, 8, 10},
                   const std::string& shape = "6, 8, 10") {
  for (const MapCase& one : cases) {
    OnnxGraph graph(input, 18);
    one.build(graph);
    EXPECT_EQ(graph.layers(), entries(one.expected, shape));
  }
}

std::string floats(OnnxGraph& graph, const std::string& name, const std::vector<float>& values) {
  auto& tensor =
      graph.new_tensor(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::FLOAT);
  for (const float value : values) tensor.add_float_data(value);
  return name;
}

TEST(OnnxMaps, ResizeHasScalesOrSizesOfAllAxesOrSome) {
  const std::string twice = "  - {name: r, op: resize, out_size: [16, 20]}\n";
  const std::string wider = "  - {name: r, op: resize, out_size: [8, 25], mode: linear}\n";
  expect_layers({
      {[](OnnxGraph& g) {
         g.add("Resize", {"x", "", floats(g, "k", {1, 1, 2, 2})}, "r");
       },
       twice},
      {[](OnnxGraph& g) {
         g.add("Resize", {"x", "", "", g.integers("s", {1, 6, 16, 20})}, "r");
       },
       twice},
      {[](OnnxGraph& g) {
         auto& node = g.add("Resize", {"x", "", "", g.integers("s", {25})}, "r");
         set(node, "axes", Sizes{3});
         set(node, "mode", "linear");
       },
       wider},
      {[](OnnxGraph& g) {  // sizes that the model computes
         g.add("Shape", {"x"}, "shape");
         g.add("Slice", {"shape", g.integers("b", {2}), g.integers("e", {4})}, "pixels");
         set(g.add("Cast", {"pixels"}, "real"), "to", 1);
         g.add("Mul", {"real", floats(g, "k", {2, 2})}, "scaled");
         g.add("Floor", {"scaled"}, "floor");
         set(g.add("Cast", {"floor"}, "whole"), "to", 7);
         g.add("Slice", {"shape", g.integers("b0", {0}), g.integers("e0", {2})}, "others");
         set(g.add("Concat", {"others", "whole"}, "sizes"), "axis", 0);
         g.add("Resize", {"x", "", "", "sizes"}, "r");
       },
       twice},
      {[](OnnxGraph& g) {
         g.add("Resize", {"x", "", floats(g, "k", {1, 1, 1, 1})}, "i");
         g.add("Relu", {"i"}, "a");
       },
       "  - {name: a, op: max_pool, kernel: 1, activation: relu}\n"},
  });
}

TEST(OnnxMaps, TransposedConvolutionsSayWhatTheyCutOff) {
  const auto transposed = [](auto change) {
    return [change](OnnxGraph& g) {
      auto& node = g.add("ConvTranspose", {"x", g.weights("w", {6, 4, 3, 3})}, "u");
      set(node, "strides", {2, 2});
      change(node);
    };
  };
  const auto expected = [](const std::string& fields) {
    return "  - {name: u, op: conv_transpose2d, out_channels: 4, kernel: 3, stride: 2, "
           "bias: false, " +
           fields + "}\n";
  };
  expect_layers({
      {transposed([](onnx::NodeProto&) {}), expected("padding: valid")},
      {transposed([](onnx::NodeProto& n) {
         set(n, "pads", {1, 1, 1, 1});
         set(n, "output_padding", {1, 1});
       }),
       expected("padding: [1, 1, 1, 1], output_padding: 1")},
      {transposed([](onnx::NodeProto& n) {
         set(n, "output_shape", {16, 20});
         set(n, "auto_pad", "SAME_UPPER");
       }),
       expected("padding: [0, 0, 1, 1]")},
      {transposed([](onnx::NodeProto& n) { set(n, "auto_pad", "SAME_UPPER"); }),
       expected("padding: [0, 0, 1, 1]")},
  });
}

TEST(OnnxMaps, PadsThatNoWindowTakesInAreLayers) {
  const std::string pads = "[1, 2, 3, 4]";
  const auto pad = [](OnnxGraph& g, const char* mode) {
    set(g.add("Pad", {"x", g.integers("pads", {0, 0, 1, 2, 0, 0, 3, 4})}, "p"), "mode", mode);
  };
  expect_layers({
      {[&](OnnxGraph& g) {
         pad(g, "reflect");
         g.conv("p", "c", {4, 6, 5, 5});
       },
       "  - {name: p, op: pad, padding: " + pads +
           "}\n  - {name: c, op: conv2d, out_channels: 4, kernel: 5, padding: valid}\n"},
      {[&](OnnxGraph& g) {
         pad(g, "constant");
         g.add("Relu", {"p"}, "a");
       },
       "  - {name: p, op: pad, padding: " + pads +
           "}\n  - {name: a, op: max_pool, kernel: 1, activation: relu}\n"},
      {[&](OnnxGraph& g) {
         pad(g, "constant");
         g.conv("p", "c", {4, 6, 5, 5});
       },
       "  - {name: c, op: conv2d, out_channels: 4, kernel: 5, padding: " + pads + "}\n"},
      {[](OnnxGraph& g) {  // of channels
         g.add("Pad", {"x", g.integers("pads", {0, 2, 0, 0, 0, 3, 0, 0})}, "p");
         g.conv("p", "c", {4, 11, 1, 1});
       },
       "  - {name: p, op: pad, out_channels: 11, padding: [0, 0, 0, 0]}\n"
       "  - {name: c, op: conv2d, out_channels: 4, kernel: 1}\n"},
      {[](OnnxGraph& g) {  // wider than the window
         set(g.conv("x", "c", {4, 6, 3, 3}), "pads", {4, 4, 4, 4});
       },
       "  - {name: c.pad, op: pad, padding: [4, 4, 4, 4]}\n"
       "  - {name: c, op: conv2d, out_channels: 4, kernel: 3, padding: valid}\n"},
  });
}

TEST(OnnxMaps, LinesOfOneDimensionAreColumns) {
  expect_layers(
      {{[](OnnxGraph& g) {
          auto& conv = g.conv("x", "c", {8, 6, 5});
          set(conv, "strides", Sizes{2});
          set(conv, "pads", {1, 2});
          auto& pool = g.add("MaxPool", {"c"}, "p");
          set(pool, "kernel_shape", Sizes{2});
          set(pool, "strides", Sizes{2});
          auto& up = g.add("ConvTranspose", {"p", g.weights("u.w", {8, 4, 2})}, "u");
          set(up, "strides", Sizes{2});
        },
        "  - {name: c, op: conv2d, out_channels: 8, kernel: [1, 5], stride: [1, 2], "
        "padding: [0, 1, 0, 2]}\n"
        "  - {name: p, op: max_pool, kernel: [1, 2], stride: [1, 2], padding: valid}\n"
        "  - {name: u, op: conv_transpose2d, out_channels: 4, kernel: [1, 2], stride: [1, 2], "
        "padding: valid, bias: false}\n"}},
      {1, 6, 40}, "6, 1, 40");
}

TEST(OnnxMaps, RowsAndColumnsAreJoined) {
  for (const auto& [axis, name] :
       std::vector<std::pair<int, std::string>>{{1, "channels"}, {2, "rows"}, {-1, "columns"}}) {
    OnnxGraph graph({1, 6, 8, 10});
    graph.conv("x", "a", {6, 6, 1, 1});
    set(graph.add("Concat", {"a", "x", "a"}, "j"), "axis", axis);
    EXPECT_EQ(graph.layers(), entries("  - {name: a, op: conv2d, out_channels: 6, kernel: 1}\n"
                                      "  - {name: j, op: concat, axis: " +
                                          name + ", inputs: [a, input, a]}\n",
                                      "6, 8, 10"));
  }
}

TEST(OnnxMaps, NormsAreOverTheirGroups) {
  expect_layers({
      {[](OnnxGraph& g) {
         const std::string k = g.weights("k", {6});
         g.add("InstanceNormalization", {"x", k, k}, "n");
       },
       "  - {name: n, op: group_norm, groups: 6}\n"},
      {[](OnnxGraph& g) {
         const std::string k = g.weights("k", {6});
         set(g.add("GroupNormalization", {"x", k, k}, "n"), "num_groups", 3);
       },
       "  - {name: n, op: group_norm, groups: 3}\n"},
      {[](OnnxGraph& g) {
         const std::string k = g.weights("k", {6, 8, 10});
         set(g.add("LayerNormalization", {"x", k, k}, "n"), "axis", 1);
       },
       "  - {name: n, op: group_norm, bias: false}\n"
       "  - {name: k, op: constant, out_channels: 6, out_size: [8, 10]}\n"
       "  - {name: n.scale, op: mul, inputs: [n, k]}\n"
       "  - {name: n.shift, op: add, inputs: [n.scale, k]}\n"},
      {[](OnnxGraph& g) {
         set(g.add("Transpose", {"x"}, "t"), "perm", {0, 2, 3, 1});
         const std::string k = g.weights("k", {6});
         g.add("LayerNormalization", {"t", k, k}, "n");
       },
       "  - {name: n, op: layer_norm}\n"},
      {[](OnnxGraph& g) { g.add("MeanVarianceNormalization", {"x"}, "n"); },
       "  - {name: n, op: group_norm, groups: 6, bias: false}\n"},
      {[](OnnxGraph& g) { set(g.add("LRN", {"x"}, "n"), "size", 5); },
       "  - {name: n, op: lrn, extent: 5}\n"},
  });
}

TEST(OnnxMaps, ReductionsLeaveWhatTheyAreNotOver) {
  const auto reduce = [](const std::string& op, const Sizes& axes) {
    return [op, axes](OnnxGraph& g) { g.add(op, {"x", g.integers("axes", axes)}, "r"); };
  };
  const auto expected = [](int channels, int rows, int columns) {
    return "  - {name: r, op: reduce, out_channels: " + std::to_string(channels) + ", out_size: [" +
           std::to_string(rows) + ", " + std::to_string(columns) + "]}\n";
  };
  expect_layers({
      {reduce("ReduceMean", {1}), expected(1, 8, 10)},
      {reduce("ReduceMax", {2, 3}), expected(6, 1, 1)},
      {reduce("ReduceSum", {-1}), expected(6, 8, 1)},
      {reduce("ReduceMean", {2}), expected(6, 1, 10)},
      {reduce("ReduceMean", {2, 3}), "  - {name: r, op: global_avg_pool}\n"},
      {[](OnnxGraph& g) {  // the mean of pairs of channels
         g.add("Reshape", {"x", g.integers("s", {1, 3, 2, 8, 10})}, "p");
         auto& node = g.add("ReduceMean", {"p", g.integers("axes", {2})}, "r");
         set(node, "keepdims", 0);
       },
       expected(3, 8, 10)},
  });
}

TEST(OnnxMaps, SmallOperandsAreRepeated) {
  const std::string conv = "  - {name: c, op: conv2d, out_channels: 6, kernel: 1}\n";
  expect_layers({
      {[](OnnxGraph& g) {
         g.conv("x", "c", {6, 6, 1, 1});
         g.add("Sub", {"c", "x"}, "s");
       },
       conv + "  - {name: s, op: sub, inputs: [c, input]}\n"},
      {[](OnnxGraph& g) {  // a mask of every pixel
         g.conv("x", "c", {1, 6, 1, 1});
         g.add("Mul", {"c", "x"}, "s");
       },
       "  - {name: c, op: conv2d, out_channels: 1, kernel: 1}\n"
       "  - {name: s, op: mul, inputs: [c, input]}\n"},
      {[](OnnxGraph& g) {
         g.conv("x", "c", {6, 6, 1, 1});
         g.add("Max", {"c", "x", "c"}, "s");
       },
       conv + "  - {name: s, op: maximum, inputs: [c, input]}\n"
              "  - {name: s_2, op: maximum, inputs: [s, c]}\n"},
      {[](OnnxGraph& g) {
         g.add("Add", {"x", g.weights("k", {8, 10})}, "s");
       },
       "  - {name: k, op: constant, out_channels: 1, out_size: [8, 10]}\n"
       "  - {name: s, op: add, inputs: [input, k]}\n"},
      {[](OnnxGraph& g) {
         g.add("ReduceMean", {"x", g.integers("axes", {2, 3})}, "p");
         g.add("Shape", {"x"}, "shape");
         g.add("Expand", {"p", "shape"}, "e");
         g.add("Mul", {"x", "e"}, "s");
       },
       "  - {name: p, op: global_avg_pool}\n  - {name: s, op: mul, inputs: [input, p]}\n"},
  });
}

TEST(OnnxMaps, ParametersThatAreReadTwiceAreOneMap) {
  OnnxGraph graph({1, 6, 8, 10});
  graph.add("Add", {"x", graph.weights("k", {8, 10})}, "a");
  graph.add("Mul", {"a", "k"}, "b");
  const Network network = graph.read().network;
  ASSERT_EQ(network.layers.size(), 3U);
  EXPECT_EQ(network.layers[0].op, Op::kConstant);
  EXPECT_EQ(network.layers[1].inputs, (std::vector<int>{kNetworkInput, 0}));
  EXPECT_EQ(network.layers[2].inputs, (std::vector<int>{1, 0}));
}

TEST(OnnxMaps, WeightsThatAreReadTwiceCountOnce) {
  OnnxGraph graph({1, 6, 8, 10});
  graph.conv("x", "a", {6, 6, 3, 3}, /*bias=*/false);
  graph.add("Identity", {"a.w"}, "w");
  graph.add("Conv", {"a", "w"}, "b");
  graph.add("Conv", {"b", "a.w"}, "c");
  graph.add("Mul", {"c", graph.weights("factor", {6, 1, 1})}, "d");  // other weights now
  const Network network = graph.read().network;
  ASSERT_EQ(network.layers.size(), 3U);
  EXPECT_EQ(network.layers[0].weights_of, -1);
  EXPECT_EQ(network.layers[1].weights_of, 0);
  EXPECT_EQ(network.layers[2].weights_of, -1);
}

TEST(OnnxMaps, ActivationsOfAllKindsBelongToTheLayerBefore) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"Tanh", "tanh"}, {"Elu", "elu"},           {"Selu", "elu"},        {"Gelu", "gelu"},
      {"Mish", "mish"}, {"Softplus", "softplus"}, {"Erf", "erf"},         {"Exp", "exp"},
      {"Sqrt", "sqrt"}, {"Log", "sqrt"},          {"Reciprocal", "sqrt"}, {"Abs", "clip"}};
  for (const auto& [op, activation] : kinds) {
    OnnxGraph graph({1, 6, 8, 10});
    graph.conv("x", "c", {8, 6, 1, 1});
    graph.add(op, {"c"}, "a");
    EXPECT_EQ(graph.layers(),
              entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1, activation: " +
                          activation + "}\n",
                      "6, 8, 10"));
  }
  OnnxGraph slopes({1, 6, 8, 10});
  slopes.add("PRelu", {"x", slopes.weights("k", {6, 1, 1})}, "a");
  const Network network = slopes.read().network;
  EXPECT_EQ(network.layers.back().activation, Activation::kPrelu);
  EXPECT_EQ(network.layers.back().num_params(), 6);
}

TEST(OnnxMaps, WhatIsNotModelledGoesToTheHostAndIsNamed) {
  OnnxGraph graph({1, 6, 8, 10});
  set(graph.add("ArgMax", {"x"}, "best"), "axis", 1);
  auto& top = graph.add("TopK", {"x", graph.integers("k", {3})}, "values");
  set(top, "axis", 1);
  top.add_output("indices");
  graph.outputs = {"best", "values", "indices"};
  const OnnxNetwork model = graph.read();
  const std::vector<Layer>& layers = model.network.layers;
  ASSERT_EQ(layers.size(), 4U);
  EXPECT_EQ(layers[0].op, Op::kHost);
  EXPECT_EQ(layers[0].ofm.num_elements(), 8 * 10);
  EXPECT_EQ(layers[1].op, Op::kHost);
  EXPECT_EQ(layers[1].ofm.num_elements(), 2 * 3 * 8 * 10);
  EXPECT_EQ(layers[2].op, Op::kChannelSplit);
  ASSERT_EQ(model.warnings.size(), 1U);
  EXPECT_THAT(model.warnings[0], HasSubstr("'best' (ArgMax)"));
  EXPECT_THAT(model.warnings[0], HasSubstr("'values' (TopK)"));
}

TEST(OnnxMaps, QuantizedOperatorsAreThoseWithoutScales) {
  OnnxGraph graph({1, 6, 8, 10});
  graph.number("s", 0.1F);
  graph.new_tensor("z", {}, onnx::TensorProto::UINT8).add_int32_data(0);
  graph.conv("x", "c", {6, 6, 1, 1});
  graph.add("QLinearAdd", {"c", "s", "z", "x", "s", "z", "s", "z"}, "a");
  graph.add("QLinearSigmoid", {"a", "s", "z", "s", "z"}, "g");
  set(graph.add("QLinearConcat", {"s", "z", "g", "s", "z", "c", "s", "z"}, "j"), "axis", 1);
  graph.add("QLinearGlobalAveragePool", {"j", "s", "z", "s", "z"}, "p");
  graph.add("Flatten", {"p"}, "f");
  graph.weights("w", {12, 4});
  graph.add("QLinearMatMul", {"f", "s", "z", "w", "s", "z", "s", "z"}, "m");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 6, kernel: 1}\n"
                    "  - {name: a, op: add, inputs: [c, input], activation: sigmoid}\n"
                    "  - {name: j, op: concat, inputs: [a, c]}\n"
                    "  - {name: p, op: global_avg_pool}\n"
                    "  - {name: m, op: fully_connected, out_channels: 4, bias: false}\n",
                    "6, 8, 10"));
}

TEST(OnnxMaps, ATransposeAndItsInverseCostNothing) {
  OnnxGraph graph({1, 6, 8, 10});
  graph.conv("x", "a", {4, 6, 3, 3});
  set(graph.add("Transpose", {"a"}, "t"), "perm", {0, 3, 1, 2});
  graph.add("Relu", {"t"}, "r");
  set(graph.add("Transpose", {"r"}, "u"), "perm", {0, 2, 3, 1});
  graph.conv("u", "b", {4, 4, 3, 3});
  EXPECT_EQ(graph.layers(),
            entries("  - {name: a, op: conv2d, out_channels: 4, kernel: 3, padding: valid, "
                    "activation: relu}\n"
                    "  - {name: b, op: conv2d, out_channels: 4, kernel: 3, padding: valid}\n",
                    "6, 8, 10"));
}

TEST(OnnxMaps, RowsThatBecomeColumnsAreCopiedOnce) {
  OnnxGraph graph({1, 6, 8, 10});
  set(graph.add("Transpose", {"x"}, "t"), "perm", {0, 1, 3, 2});
  graph.conv("t", "a", {4, 6, 3, 3});
  graph.conv("t", "b", {4, 6, 3, 3});
  graph.outputs = {"a", "b"};
  EXPECT_EQ(graph.layers(),
            entries("  - {name: t, op: transpose, out_channels: 6, out_size: [10, 8], "
                    "view: [6, 8, 10], order: [0, 2, 1]}\n"
                    "  - {name: a, op: conv2d, out_channels: 4, kernel: 3, padding: valid}\n"
                    "  - {name: b, op: conv2d, out_channels: 4, kernel: 3, padding: valid, "
                    "inputs: t}\n",
                    "6, 8, 10"));
}

TEST(OnnxMaps, WhatAnOutputRepeatsIsStored) {
  for (const bool has_activation : {false, true}) {
    OnnxGraph graph;
    graph.conv("x", "c", {8, 3, 1, 1});
    graph.add("Tile", {"c", graph.integers("times", {1, 1, 2, 2})}, "t");
    if (has_activation) graph.add("Relu", {"t"}, "y");
    EXPECT_EQ(graph.read().network.layers.back().ofm.num_elements(), 8 * 32 * 32);
  }
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("GlobalAveragePool", {"c"}, "p");
  graph.add("Expand", {"p", graph.integers("sizes", {1, 8, 4, 4})}, "y");
  EXPECT_EQ(graph.read().network.layers.back().ofm.num_elements(), 8 * 4 * 4);
}

TEST(OnnxMaps, ANormMayHaveFactorsAndShiftsOfPixels) {
  const auto build = [](OnnxGraph& graph, bool has_shift) {
    OnnxGraph::Names inputs = {"x", graph.weights("f", {8, 4, 4})};
    if (has_shift) inputs.push_back(graph.weights("s", {8, 4, 4}));
    set(graph.add("LayerNormalization", inputs, "y"), "axis", 1);
  };
  OnnxGraph both({1, 8, 4, 4});
  build(both, true);
  const Network network = both.read().network;
  EXPECT_EQ(network.num_params(), 2 * 8 * 4 * 4);
  EXPECT_EQ(network.layers.back().ofm.num_elements(), 8 * 4 * 4);
  EXPECT_EQ(network.layers[0].op, Op::kGroupNorm);
  EXPECT_FALSE(network.layers[0].bias);
  OnnxGraph factors({1, 8, 4, 4});
  build(factors, false);
  EXPECT_EQ(factors.read().network.num_params(), 8 * 4 * 4);
}

}  // namespace
}  // namespace tilewake
