// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using Sizes = OnnxGraph::Sizes;

TEST(OnnxLayers, AConvolutionHasItsWindowItsGroupsAndItsBias) {
  OnnxGraph graph({1, 4, 16, 20});
  auto& conv = graph.conv("x", "c", {8, 2, 3, 5});
  set(conv, "kernel_shape", {3, 5});
  set(conv, "group", 2);
  set(conv, "strides", {2, 2});
  set(conv, "dilations", {2, 2});
  set(conv, "pads", {2, 4, 1, 3});
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: [3, 5], "
                                    "stride: 2, dilation: 2, groups: 2, padding: [2, 4, 1, 3]}\n",
                                    "4, 16, 20"));
}

TEST(OnnxLayers, AnUnsaidWindowIsThatOfTheWeights) {
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 3, 3}, /*bias=*/false);
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 3, "
                                    "padding: valid, bias: false}\n"));
}

TEST(OnnxLayers, OneGroupAChannelIsDepthwise) {
  OnnxGraph graph;
  set(graph.conv("x", "c", {3, 1, 3, 3}), "group", 3);
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: depthwise_conv2d, kernel: 3, "
                                    "padding: valid}\n"));
  OnnxGraph wider;  // a channel multiplier
  set(wider.conv("x", "c", {6, 1, 3, 3}), "group", 3);
  EXPECT_EQ(wider.layers(), entries("  - {name: c, op: conv2d, out_channels: 6, groups: 3, "
                                    "kernel: 3, padding: valid}\n"));
}

TEST(OnnxLayers, AutoPadPutsTheOddZeroWhereItsNameSays) {
  const auto padding_of = [](const char* mode, std::int64_t size, std::int64_t stride) {
    OnnxGraph graph({1, 3, size, size});
    auto& conv = graph.conv("x", "c", {8, 3, 3, 3});
    set(conv, "auto_pad", mode);
    set(conv, "strides", {stride, stride});
    const Layer layer = graph.read().network.layers[0];
    return std::vector<std::int64_t>{layer.padding.top, layer.padding.bottom, layer.ofm.height};
  };
  EXPECT_EQ(padding_of("SAME_UPPER", 16, 1), (Sizes{1, 1, 16}));
  EXPECT_EQ(padding_of("SAME_UPPER", 16, 2), (Sizes{0, 1, 8}));  // as TensorFlow pads
  EXPECT_EQ(padding_of("SAME_LOWER", 16, 2), (Sizes{1, 0, 8}));
  EXPECT_EQ(padding_of("SAME_UPPER", 17, 2), (Sizes{1, 1, 9}));
  EXPECT_EQ(padding_of("VALID", 16, 2), (Sizes{0, -1, 7}));
  EXPECT_EQ(padding_of("NOTSET", 16, 1), (Sizes{0, 0, 14}));
}

TEST(OnnxLayers, EachDirectionHasItsDilation) {
  OnnxGraph graph;
  set(graph.conv("x", "c", {8, 3, 1, 3}), "dilations", {1, 2});
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: [1, 3], "
                                    "dilation: [1, 2], padding: valid}\n"));
}

TEST(OnnxLayers, WeightsMayStandInConstantsAndInOtherFiles) {
  OnnxGraph graph;
  auto& constant = graph.add("Constant", {}, "w");
  auto& value = *constant.add_attribute();
  value.set_name("value");
  value.set_type(onnx::AttributeProto::TENSOR);
  value.mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
  for (const int dim : {8, 3, 1, 1}) value.mutable_t()->add_dims(dim);
  value.mutable_t()->set_data_location(onnx::TensorProto::EXTERNAL);
  graph.add("Conv", {"x", "w"}, "c");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1, bias: false}\n"));
}

TEST(OnnxLayers, GemmAndMatMulAreFullyConnected) {
  OnnxGraph graph;
  graph.add("Flatten", {"x"}, "f");
  set(graph.add("Gemm", {"f", graph.weights("gw", {10, 768}), graph.weights("gb", {10})}, "g"),
      "transB", 1);
  graph.add("MatMul", {"g", graph.weights("mw", {10, 5})}, "m");
  graph.add("Add", {"m", graph.weights("mb", {5})}, "a");
  graph.add("Gemm", {"a", graph.weights("hw", {5, 4})}, "h");
  EXPECT_EQ(graph.layers(), entries("  - {name: g, op: fully_connected, out_channels: 10}\n"
                                    "  - {name: m, op: fully_connected, out_channels: 5}\n"
                                    "  - {name: h, op: fully_connected, out_channels: 4, "
                                    "bias: false}\n"));
}

TEST(OnnxLayers, APoolHasItsWindow) {
  OnnxGraph graph;
  auto& max = graph.add("MaxPool", {"x"}, "m");
  set(max, "kernel_shape", {3, 3});
  set(max, "strides", {2, 2});
  set(max, "pads", {1, 1, 1, 1});
  auto& avg = graph.add("AveragePool", {"m"}, "a");
  set(avg, "kernel_shape", {2, 3});
  set(avg, "count_include_pad", 1);
  EXPECT_EQ(graph.layers(),
            entries("  - {name: m, op: max_pool, kernel: 3, stride: 2, padding: same}\n"
                    "  - {name: a, op: avg_pool, kernel: [2, 3], padding: valid}\n"));
}

TEST(OnnxLayers, CeilModeCountsIncompleteWindowsThatBeginInTheMap) {
  const auto height_of = [](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                            std::int64_t pad) {
    OnnxGraph graph({1, 3, size, size});
    auto& pool = graph.add("MaxPool", {"x"}, "p");
    set(pool, "kernel_shape", {kernel, kernel});
    set(pool, "strides", {stride, stride});
    set(pool, "pads", {pad, pad, pad, pad});
    set(pool, "ceil_mode", 1);
    return graph.read().network.layers[0].ofm.height;
  };
  // torch.nn.MaxPool2d(kernel, stride, pad, ceil_mode=True) on maps of these sizes.
  EXPECT_EQ(height_of(111, 3, 2, 0), 55);
  EXPECT_EQ(height_of(112, 3, 2, 0), 56);
  EXPECT_EQ(height_of(5, 2, 2, 0), 3);
  EXPECT_EQ(height_of(5, 2, 2, 1), 3);  // the fourth would begin in the padding
  EXPECT_EQ(height_of(7, 3, 3, 1), 3);
  EXPECT_EQ(height_of(10, 1, 3, 0), 4);
}

TEST(OnnxLayers, MeansOverAllPixelsAreGlobalPools) {
  OnnxGraph graph;
  graph.add("GlobalAveragePool", {"x"}, "g");
  set(graph.add("ReduceMean", {"x"}, "r"), "axes", {-1, 2});
  auto& flat = graph.add("ReduceMean", {"x"}, "s");
  set(flat, "axes", {2, 3});
  set(flat, "keepdims", 0);
  graph.add("GlobalMaxPool", {"x"}, "m");
  graph.outputs = {"g", "r", "s", "m"};
  EXPECT_EQ(graph.layers(),
            entries("  - {name: g, op: global_avg_pool, inputs: [input]}\n"
                    "  - {name: r, op: global_avg_pool, inputs: [input]}\n"
                    "  - {name: s, op: global_avg_pool, inputs: [input]}\n"
                    "  - {name: m, op: max_pool, inputs: [input], kernel: 16, padding: valid}\n"));
}

TEST(OnnxLayers, MapsAreAddedMultipliedAndJoined) {
  OnnxGraph graph;
  graph.conv("x", "a", {8, 3, 1, 1});
  graph.conv("x", "b", {8, 3, 1, 1});
  graph.add("Add", {"a", "b"}, "sum");
  graph.add("Sum", {"b", "a"}, "sum2");
  graph.add("GlobalAveragePool", {"a"}, "pool");
  graph.add("Mul", {"pool", "sum"}, "scaled");
  set(graph.add("Concat", {"scaled", "sum2", "a"}, "all"), "axis", -3);
  EXPECT_EQ(graph.layers(),
            entries("  - {name: a, op: conv2d, out_channels: 8, kernel: 1, inputs: [input]}\n"
                    "  - {name: b, op: conv2d, out_channels: 8, kernel: 1, inputs: [input]}\n"
                    "  - {name: sum, op: add, inputs: [a, b]}\n"
                    "  - {name: sum2, op: add, inputs: [b, a]}\n"
                    "  - {name: pool, op: global_avg_pool, inputs: [a]}\n"
                    "  - {name: scaled, op: mul, inputs: [pool, sum]}\n"
                    "  - {name: all, op: concat, inputs: [scaled, sum2, a]}\n"));
}

TEST(OnnxLayers, VectorsAreAddedAndJoined) {
  OnnxGraph graph;
  graph.add("Flatten", {"x"}, "f");
  graph.add("MatMul", {"f", graph.weights("aw", {768, 6})}, "a");
  graph.add("MatMul", {"f", graph.weights("bw", {768, 6})}, "b");
  graph.add("Add", {"a", "b"}, "sum");
  set(graph.add("Concat", {"sum", "a"}, "all"), "axis", 1);
  EXPECT_EQ(
      graph.layers(),
      entries("  - {name: a, op: fully_connected, out_channels: 6, bias: false, inputs: [input]}\n"
              "  - {name: b, op: fully_connected, out_channels: 6, bias: false, inputs: [input]}\n"
              "  - {name: sum, op: add, inputs: [a, b]}\n"
              "  - {name: all, op: concat, inputs: [sum, a]}\n"));
}

TEST(OnnxLayers, APadBelongsToTheWindowBehindIt) {
  OnnxGraph graph;
  graph.add("Pad", {"x", graph.integers("pads", {0, 0, 0, 1, 0, 0, 1, 2})}, "p");
  set(graph.conv("p", "c", {8, 3, 3, 3}), "strides", {2, 2});
  EXPECT_EQ(graph.layers(), entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 3, "
                                    "stride: 2, padding: [0, 1, 1, 2]}\n"));
}

TEST(OnnxLayers, QuantizedConvolutionsAreConvolutions) {
  OnnxGraph graph;
  graph.number("s", 0.1F);
  graph.new_tensor("z", {}, onnx::TensorProto::UINT8).add_int32_data(0);
  graph.weights("w", {8, 3, 3, 3});
  graph.weights("b", {8});
  graph.add("QuantizeLinear", {"x", "s", "z"}, "q");
  graph.add("QLinearConv", {"q", "s", "z", "w", "s", "z", "s", "z", "b"}, "c");
  graph.add("DequantizeLinear", {"c", "s", "z"}, "d");
  graph.add("DequantizeLinear", {"w", "s", "z"}, "dw");  // weights of an int8 graph in QDQ form
  auto& conv = graph.add("Conv", {"d", graph.weights("w2", {4, 8, 1, 1})}, "e");
  set(conv, "pads", {0, 0, 0, 0});
  graph.add("QuantizeLinear", {"e", "s", "z"}, "q2");
  graph.add("DequantizeLinear", {"q2", "s", "z"}, "d2");
  graph.add("Relu", {"d2"}, "r");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 3, padding: valid}\n"
                    "  - {name: e, op: conv2d, out_channels: 4, kernel: 1, bias: false, "
                    "activation: relu}\n"));
}

}  // namespace
}  // namespace tilewake
