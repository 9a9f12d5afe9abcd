// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Sizes = OnnxGraph::Sizes;

constexpr std::int64_t kWidth = 24;
constexpr std::int64_t kHeads = 3;
constexpr std::int64_t kDepth = kWidth / kHeads;

/// An image as 16 tokens `t` of 1 x 16 x 24.
OnnxGraph graph_of_tokens() {
  OnnxGraph graph({1, 3, 32, 32});
  set(graph.conv("x", "c", {kWidth, 3, 8, 8}), "strides", {8, 8});
  graph.add("Reshape", {"c", graph.integers("flat", {1, kWidth, -1})}, "f");
  set(graph.add("Transpose", {"f"}, "t"), "perm", {0, 2, 1});
  return graph;
}

void linear(OnnxGraph& graph, const std::string& input, const std::string& output, std::int64_t in,
            std::int64_t out) {
  graph.add("MatMul", {input, graph.weights(output + ".w", {in, out})}, output + ".product");
  graph.add("Add", {output + ".product", graph.weights(output + ".b", {out})}, output);
}

std::string transposed(OnnxGraph& graph, const std::string& input, const Sizes& perm) {
  const std::string output = input + ".turned";
  set(graph.add("Transpose", {input}, output), "perm", perm);
  return output;
}

/// Softmax(q k^T) v of heads x rows x depth each, as rows x heads depth.
void attention(OnnxGraph& graph, const std::string& q, const std::string& k, const std::string& v,
               std::int64_t rows) {
  graph.add("MatMul", {q, transposed(graph, k, {0, 1, 3, 2})}, "scores");
  graph.add("Mul", {"scores", graph.number("scale", 0.35F)}, "scaled");
  set(graph.add("Softmax", {"scaled"}, "weights"), "axis", -1);
  graph.add("MatMul", {"weights", v}, "mixed");
  graph.add("Reshape",
            {transposed(graph, "mixed", {0, 2, 1, 3}), graph.integers("all", {1, rows, kWidth})},
            "heads");
}

std::vector<Op> ops_of(const Network& network) {
  std::vector<Op> ops;
  for (const Layer& layer : network.layers) ops.push_back(layer.op);
  return ops;
}

const std::vector<Op> kAttention = {Op::kMatmul, Op::kSoftmax, Op::kMatmul};

std::vector<Op> with_attention(std::vector<Op> before) {
  before.insert(before.end(), kAttention.begin(), kAttention.end());
  return before;
}

/// Both products of 16 tokens.
constexpr std::int64_t kAttentionMacs = 2 * 16 * 16 * kWidth;

std::int64_t attention_macs(const Network& network) {
  std::int64_t macs = 0;
  for (const Layer& layer : network.layers) macs += layer.op == Op::kMatmul ? layer.num_macs() : 0;
  return macs;
}

TEST(OnnxTokens, HeadsAreGroupsAndNothingIsCopied) {
  OnnxGraph graph = graph_of_tokens();
  for (const std::string name : {"q", "k", "v"}) {
    linear(graph, "t", name, kWidth, kWidth);
    graph.add("Reshape", {name, graph.integers(name + ".s", {1, 16, kHeads, kDepth})}, name + "4");
    transposed(graph, name + "4", {0, 2, 1, 3});
  }
  attention(graph, "q4.turned", "k4.turned", "v4.turned", 16);
  linear(graph, "heads", "out", kWidth, kWidth);
  const std::string conv = ", op: conv2d, out_channels: 24, kernel: 1, inputs: ";
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 24, kernel: 8, stride: 8, "
                    "padding: valid}\n"
                    "  - {name: q.product" +
                        conv + "c}\n" + "  - {name: k.product" + conv + "c}\n" +
                        "  - {name: v.product" + conv + "c}\n" +
                        "  - {name: scores, op: matmul, inputs: [q.product, k.product], groups: 3, "
                        "transposed: true}\n"
                        "  - {name: weights, op: softmax, groups: 3}\n"
                        "  - {name: mixed, op: matmul, inputs: [weights, v.product], groups: 3}\n"
                        "  - {name: out.product" +
                        conv + "mixed}\n",
                    "3, 32, 32"));
}

/// One product for all three, which is cut in some way.
template <typename Cut>
Network network_of_one_product(Cut cut) {
  OnnxGraph graph = graph_of_tokens();
  linear(graph, "t", "qkv", kWidth, 3 * kWidth);
  cut(graph);
  attention(graph, "q", "k", "v", 16);
  return graph.read().network;
}

TEST(OnnxTokens, OneProductIsCutIntoRangesOfItsChannels) {
  const auto pieces = [](OnnxGraph& g) {  // of 3 x 1 x heads x rows x depth
    g.add("Reshape", {"qkv", g.integers("s", {1, 16, 3, kHeads, kDepth})}, "five");
    return transposed(g, "five", {2, 0, 3, 1, 4});
  };
  const auto gathered = network_of_one_product([&](OnnxGraph& g) {
    const std::string all = pieces(g);
    for (int i = 0; i < 3; ++i) {
      const std::string index = std::string("i") + std::to_string(i);
      g.new_tensor(index, {}, onnx::TensorProto::INT64).add_int64_data(i);
      g.add("Gather", {all, index}, std::string(1, "qkv"[i]));
    }
  });
  const auto split = network_of_one_product([&](OnnxGraph& g) {
    const std::string all = pieces(g);
    auto& node = g.add("Split", {all}, "q5");
    node.add_output("k5");
    node.add_output("v5");
    set(node, "axis", 0);
    for (const std::string name : {"q", "k", "v"}) {
      g.add("Squeeze", {name + "5", g.integers(name + ".axes", {0})}, name);
    }
  });
  const auto chunked = network_of_one_product([](OnnxGraph& g) {  // along the last dim, first
    auto& node = g.add("Split", {"qkv"}, "q3");
    node.add_output("k3");
    node.add_output("v3");
    set(node, "axis", -1);
    for (const std::string name : {"q", "k", "v"}) {
      g.add("Reshape", {name + "3", g.integers(name + ".s", {1, 16, kHeads, kDepth})}, name + "4");
      set(g.add("Transpose", {name + "4"}, name), "perm", {0, 2, 1, 3});
    }
  });
  for (const Network& network : {gathered, split, chunked}) {
    EXPECT_EQ(ops_of(network), with_attention({Op::kConv2d, Op::kConv2d, Op::kChannelSplit,
                                               Op::kChannelSplit, Op::kChannelSplit}));
    EXPECT_EQ(attention_macs(network), kAttentionMacs);
    for (std::size_t i = 2; i < 5; ++i) {
      EXPECT_EQ(network.layers[i].first_channel, static_cast<std::int64_t>(i - 2) * kWidth);
      EXPECT_EQ(network.layers[i].ofm.channels, kWidth);
    }
  }
}

TEST(OnnxTokens, AClassTokenAndPositionsAreMapsOfParameters) {
  OnnxGraph graph = graph_of_tokens();
  set(graph.add("Concat", {graph.weights("class", {1, 1, kWidth}), "t"}, "all"), "axis", 1);
  graph.add("Add", {"all", graph.weights("positions", {1, 17, kWidth})}, "sum");
  const std::string factor = graph.weights("factor", {kWidth});
  set(graph.add("LayerNormalization", {"sum", factor, factor}, "norm"), "axis", -1);
  set(graph.add("Gather", {"norm", graph.new_tensor("first", {}, onnx::TensorProto::INT64).name()},
                "token"),
      "axis", 1);
  graph.graph().mutable_initializer(graph.graph().initializer_size() - 1)->add_int64_data(0);
  graph.add("Gemm", {"token", graph.weights("w", {kWidth, 10})}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(ops_of(network),
            (std::vector<Op>{Op::kConv2d, Op::kTranspose, Op::kConstant, Op::kConcat, Op::kConstant,
                             Op::kAdd, Op::kLayerNorm, Op::kSlice, Op::kFullyConnected}));
  EXPECT_EQ(network.layers[1].order, std::vector<int>{0});  // rows and columns become rows
  EXPECT_EQ(network.layers[3].ofm, (Shape{kWidth, 17, 1}));
  EXPECT_EQ(network.layers[3].axis, Axis::kRows);
  EXPECT_EQ(network.layers[6].num_params(), 2 * kWidth);
  EXPECT_EQ(network.layers[7].ofm, (Shape{kWidth, 1, 1}));
}

TEST(OnnxTokens, TokensComeBackAsAnImageWithoutACopy) {
  OnnxGraph graph = graph_of_tokens();
  linear(graph, "t", "l", kWidth, 12);
  graph.add("Reshape", {transposed(graph, "l", {0, 2, 1}), graph.integers("image", {1, 12, 4, 4})},
            "i");
  set(graph.conv("i", "d", {8, 12, 3, 3}), "pads", {1, 1, 1, 1});
  EXPECT_EQ(ops_of(graph.read().network), (std::vector<Op>{Op::kConv2d, Op::kConv2d, Op::kConv2d}));
}

TEST(OnnxTokens, WeightsFromTheLeftMultiplyTheTransposedMap) {
  OnnxGraph graph = graph_of_tokens();  // a x t^T: a product of the features of every token
  graph.add("MatMul", {graph.weights("w", {7, kWidth}), transposed(graph, "t", {0, 2, 1})}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(ops_of(network), (std::vector<Op>{Op::kConv2d, Op::kConv2d}));
  EXPECT_EQ(network.layers[1].ofm, (Shape{7, 4, 4}));
}

TEST(OnnxTokens, OnlyAnOperandInTheWrongOrderIsCopied) {
  OnnxGraph graph = graph_of_tokens();  // t^T t: features times features, over the tokens
  graph.add("MatMul", {transposed(graph, "t", {0, 2, 1}), "t"}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(ops_of(network), (std::vector<Op>{Op::kConv2d, Op::kTranspose, Op::kMatmul}));
  EXPECT_EQ(network.layers[2].num_macs(), kWidth * kWidth * 16);
}

TEST(OnnxTokens, WindowsOfTokensAreGroups) {
  OnnxGraph graph({1, 4, 4, 4});  // 2 x 2 windows of 2 x 2 pixels, one head
  graph.add("Reshape", {"x", graph.integers("apart", {1, 4, 2, 2, 2, 2})}, "a");
  graph.add("Reshape",
            {transposed(graph, "a", {0, 2, 4, 3, 5, 1}), graph.integers("windows", {4, 4, 4})},
            "w");
  linear(graph, "w", "q", 4, 4);
  graph.add("MatMul", {"q", transposed(graph, "w", {0, 2, 1})}, "scores");
  set(graph.add("Softmax", {"scores"}, "p"), "axis", -1);
  graph.add("MatMul", {"p", "w"}, "y");
  const Network network = graph.read().network;
  std::int64_t copies = 0;
  for (const Layer& layer : network.layers) {
    copies += layer.op == Op::kTranspose ? 1 : 0;
    if (layer.op != Op::kMatmul) continue;
    EXPECT_EQ(layer.groups, 4);
    EXPECT_EQ(layer.num_macs(), 4 * 4 * 4 * 4);
  }
  EXPECT_EQ(copies, 2) << text_of(network);  // the windows, and what the linear layer makes of them
}

TEST(OnnxTokens, ARowOfNumbersPicksRowsOfATable) {
  OnnxGraph graph({1, 12});
  graph.add("Gather", {graph.weights("table", {100, kWidth}), "x"}, "words");
  graph.add("Add", {"words", graph.weights("positions", {1, 12, kWidth})}, "sum");
  linear(graph, "sum", "y", kWidth, 5);
  const Network network = graph.read().network;
  EXPECT_EQ(ops_of(network),
            (std::vector<Op>{Op::kEmbedding, Op::kConstant, Op::kAdd, Op::kConv2d}));
  EXPECT_EQ(network.layers[0].ofm, (Shape{kWidth, 12, 1}));
  EXPECT_EQ(network.layers[0].num_params(), 100 * kWidth);
  EXPECT_EQ(network.layers[3].num_macs(), 12 * kWidth * 5);
}

// As PyTorch's MultiheadAttention writes its reshapes for a batch of two.
TEST(OnnxTokens, SequencesMayComeBeforeTheBatch) {
  OnnxGraph graph({2, 3, 32, 32});
  set(graph.conv("x", "c", {kWidth, 3, 8, 8}), "strides", {8, 8});
  graph.add("Reshape", {"c", graph.integers("flat", {2, kWidth, 16})}, "f");
  const std::string t = transposed(graph, "f", {2, 0, 1});
  for (const std::string name : {"q", "k", "v"}) {
    linear(graph, t, name, kWidth, kWidth);
    graph.add("Reshape", {name, graph.integers(name + ".s", {16, 2 * kHeads, kDepth})}, name + "3");
    graph.add("Reshape",
              {transposed(graph, name + "3", {1, 0, 2}),
               graph.integers(name + ".back", {2, kHeads, 16, kDepth})},
              name + "4");
  }
  graph.add("MatMul", {"q4", transposed(graph, "k4", {0, 1, 3, 2})}, "scores");
  set(graph.add("Softmax", {"scores"}, "weights"), "axis", -1);
  graph.add("MatMul", {"weights", "v4"}, "mixed");
  graph.add("Reshape",
            {transposed(graph, "mixed", {2, 0, 1, 3}), graph.integers("all", {16 * 2, kWidth})},
            "rows");
  graph.add("Gemm", {"rows", graph.weights("w", {kWidth, 5})}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(network.batch, 2);
  EXPECT_EQ(ops_of(network),
            (std::vector<Op>{Op::kConv2d, Op::kConv2d, Op::kConv2d, Op::kConv2d, Op::kMatmul,
                             Op::kSoftmax, Op::kMatmul, Op::kConv2d}));
  EXPECT_EQ(attention_macs(network), kAttentionMacs);  // of one image
}

TEST(OnnxTokens, EinsumIsAProductOfItsLetters) {
  const auto network_of = [](const std::string& equation, bool transposes) {
    OnnxGraph graph = graph_of_tokens();
    for (const std::string name : {"q", "k"}) {
      linear(graph, "t", name, kWidth, kWidth);
      graph.add("Reshape", {name, graph.integers(name + ".s", {1, 16, kHeads, kDepth})},
                name + "4");
    }
    if (transposes) {
      graph.add("MatMul",
                {transposed(graph, "q4", {0, 2, 1, 3}), transposed(graph, "k4", {0, 2, 3, 1})},
                "y");
    } else {
      set(graph.add("Einsum", {"q4", "k4"}, "y"), "equation", equation.c_str());
    }
    return text_of(graph.read().network);
  };
  EXPECT_EQ(network_of("bqhd,bkhd->bhqk", false), network_of("", true));
}

TEST(OnnxTokens, ProductsThatDoNotFitAreNamed) {
  OnnxGraph graph = graph_of_tokens();
  graph.add("MatMul", {"t", graph.weights("w", {7, 4})}, "y");
  EXPECT_THAT(graph.error(), HasSubstr("node 'y' (MatMul): has weights for 7 inputs and reads 24"));
  OnnxGraph two = graph_of_tokens();
  two.add("MatMul", {"t", "t"}, "y");
  EXPECT_THAT(two.error(), HasSubstr("node 'y' (MatMul): multiplies matrices of"));
}

TEST(OnnxTokens, AGemmMayHaveRowsAndASumInItsPlace) {
  OnnxGraph graph({1, 3, 32, 32});
  set(graph.conv("x", "c", {kWidth, 3, 8, 8}), "strides", {8, 8});
  graph.add("Reshape", {"c", graph.integers("flat", {kWidth, 16})}, "f");
  auto& gemm =
      graph.add("Gemm", {"f", graph.weights("w", {10, kWidth}), graph.weights("b", {10})}, "g");
  set(gemm, "transA", 1);
  set(gemm, "transB", 1);
  auto& sum =
      graph.add("Gemm", {"g", graph.weights("v", {10, 4}), graph.weights("s", {16, 4})}, "y");
  set(sum, "alpha", 0.5F);
  const Network network = graph.read().network;
  EXPECT_EQ(ops_of(network),
            (std::vector<Op>{Op::kConv2d, Op::kConv2d, Op::kConv2d, Op::kConstant, Op::kAdd}));
  EXPECT_TRUE(network.layers[1].bias);
  EXPECT_FALSE(network.layers[2].bias);
  EXPECT_EQ(network.layers[4].num_params(), 0);
}

TEST(OnnxTokens, AProductWithAVectorHasOneOutput) {
  OnnxGraph right({1, 10, 16});
  right.add("MatMul", {"x", right.weights("w", {16})}, "y");
  const Network of_rows = right.read().network;
  EXPECT_EQ(of_rows.num_macs(), 10 * 16);
  EXPECT_EQ(of_rows.num_params(), 16);
  EXPECT_EQ(of_rows.layers.back().ofm.num_elements(), 10);

  OnnxGraph left({1, 10, 16});
  left.add("MatMul", {left.weights("w", {10}), "x"}, "v");
  left.add("MatMul", {"v", left.weights("u", {16, 4})}, "y");  // 1 x 16, so that it fits
  const Network of_columns = left.read().network;
  EXPECT_EQ(of_columns.num_macs(), 10 * 16 + 16 * 4);
  EXPECT_EQ(of_columns.num_params(), 10 + 16 * 4);

  OnnxGraph wrong({1, 10, 16});
  wrong.add("MatMul", {"x", wrong.weights("w", {10})}, "y");
  EXPECT_THAT(wrong.error(),
              HasSubstr("node 'y' (MatMul): has weights for 10 inputs and reads 16"));
}

}  // namespace
}  // namespace tilewake
