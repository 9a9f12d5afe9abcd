// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

const OnnxGraph::Sizes kInput = {1, 6, 16, 16};
constexpr char kShape[] = "6, 16, 16";

/// A Slice `s` of the input with bounds as inputs.
std::string layers_of_slice(const OnnxGraph::Sizes& starts, const OnnxGraph::Sizes& ends,
                            const OnnxGraph::Sizes& axes) {
  OnnxGraph graph(kInput);
  graph.add(
      "Slice",
      {"x", graph.integers("starts", starts), graph.integers("ends", ends),
       graph.integers("axes", axes), graph.integers("steps", OnnxGraph::Sizes(axes.size(), 1))},
      "s");
  graph.conv("s", "c", {8, ends[0] == 4 ? 3 : 2, 1, 1});
  return graph.layers();
}

TEST(OnnxChannels, ASliceOfChannelsIsAChannelSplit) {
  const auto expected = [](int first, int count) {
    return entries("  - {name: s, op: channel_split, first_channel: " + std::to_string(first) +
                       ", out_channels: " + std::to_string(count) +
                       "}\n  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n",
                   kShape);
  };
  constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(layers_of_slice({1}, {4}, {1}), expected(1, 3));
  EXPECT_EQ(layers_of_slice({4}, {kEnd}, {1}), expected(4, 2));
  EXPECT_EQ(layers_of_slice({-2}, {6}, {-3}), expected(4, 2));
  EXPECT_EQ(layers_of_slice({1, 0, 0}, {4, 16, kEnd}, {1, 2, 3}), expected(1, 3));
  OnnxGraph old(kInput, 9);  // bounds were attributes before opset 10
  auto& slice = old.add("Slice", {"x"}, "s");
  set(slice, "starts", OnnxGraph::Sizes{0, 1});
  set(slice, "ends", OnnxGraph::Sizes{1, 4});
  old.conv("s", "c", {8, 3, 1, 1});
  EXPECT_EQ(old.layers(), expected(1, 3));
}

TEST(OnnxChannels, ASliceThatTakesAllIsPassedThrough) {
  OnnxGraph graph(kInput);
  graph.add("Slice", {"x", graph.integers("starts", {0, 0}), graph.integers("ends", {6, 16})}, "s");
  graph.graph().mutable_node(0)->add_input(graph.integers("axes", {1, 3}));
  graph.conv("s", "c", {8, 6, 1, 1});
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n", kShape));
}

/// The outputs `a`, `b` and `c` of a Split `s`, each of which a pool reads.
std::string layers_of_split(int opset, const OnnxGraph::Sizes& sizes) {
  OnnxGraph graph(kInput, opset);
  auto& split = graph.add("Split", {"x"}, "a");
  split.set_name("s");
  split.add_output("b");
  split.add_output("c");
  set(split, "axis", 1);
  if (!sizes.empty() && opset >= 13) split.add_input(graph.integers("sizes", sizes));
  if (!sizes.empty() && opset < 13) set(split, "split", sizes);
  for (const std::string part : {"a", "b", "c"}) {
    graph.add("GlobalAveragePool", {part}, "pool_" + part);
    graph.outputs.push_back("pool_" + part);
  }
  return graph.layers();
}

std::string split_in(int a, int b, int c) {
  const auto part = [](const std::string& name, int first, int count) {
    return "  - {name: " + name +
           ", op: channel_split, inputs: input, first_channel: " + std::to_string(first) +
           ", out_channels: " + std::to_string(count) + "}\n";
  };
  std::string text = part("s", 0, a) + part("s_2", a, b) + part("s_3", a + b, c);
  text += "  - {name: pool_a, op: global_avg_pool, inputs: s}\n";
  text += "  - {name: pool_b, op: global_avg_pool, inputs: s_2}\n";
  text += "  - {name: pool_c, op: global_avg_pool, inputs: s_3}\n";
  return entries(text, kShape);
}

TEST(OnnxChannels, ASplitIsOneChannelSplitAnOutput) {
  EXPECT_EQ(layers_of_split(13, {}), split_in(2, 2, 2));
  EXPECT_EQ(layers_of_split(11, {}), split_in(2, 2, 2));
  EXPECT_EQ(layers_of_split(13, {1, 2, 3}), split_in(1, 2, 3));
  EXPECT_EQ(layers_of_split(11, {1, 2, 3}), split_in(1, 2, 3));
}

TEST(OnnxChannels, APartThatNobodyReadsIsNotCopied) {
  OnnxGraph graph(kInput);
  auto& split = graph.add("Split", {"x"}, "a");
  split.add_output("b");
  set(split, "axis", -3);
  graph.conv("b", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.layers(),
            entries("  - {name: a, op: channel_split, first_channel: 3, out_channels: 3}\n"
                    "  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n",
                    kShape));
}

void add_shuffle(OnnxGraph& graph, const std::string& input, const OnnxGraph::Sizes& apart,
                 const OnnxGraph::Sizes& together) {
  graph.add("Reshape", {input, graph.integers("apart", apart)}, "r");
  set(graph.add("Transpose", {"r"}, "t"), "perm", {0, 2, 1, 3, 4});
  graph.add("Reshape", {"t", graph.integers("together", together)}, "s");
}

TEST(OnnxChannels, GroupsThatChangePlacesAreAChannelShuffle) {
  for (const OnnxGraph::Sizes& apart :
       std::vector<OnnxGraph::Sizes>{{1, 2, 3, 16, 16}, {-1, 2, 3, 16, 16}, {0, 2, 3, 16, 16}}) {
    OnnxGraph graph(kInput);
    add_shuffle(graph, "x", apart, {1, -1, 16, 16});
    graph.conv("s", "c", {8, 6, 1, 1});
    EXPECT_EQ(graph.layers(), entries("  - {name: s, op: channel_shuffle, groups: 2}\n"
                                      "  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n",
                                      kShape));
  }
}

TEST(OnnxChannels, GroupsOfOneChannelMoveNothing) {
  for (const OnnxGraph::Sizes& apart :
       std::vector<OnnxGraph::Sizes>{{1, 6, 1, 16, 16}, {1, 1, 6, 16, 16}}) {
    OnnxGraph graph(kInput);
    add_shuffle(graph, "x", apart, kInput);
    graph.conv("s", "c", {8, 6, 1, 1});
    EXPECT_EQ(graph.layers(),
              entries("  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n", kShape));
  }
}

TEST(OnnxChannels, ActivationsStandBeforeAndBehindButNotInACopy) {
  OnnxGraph graph(kInput);
  graph.conv("x", "c", {6, 6, 1, 1});
  graph.add("Relu", {"c"}, "before");
  add_shuffle(graph, "before", {1, 3, 2, 16, 16}, kInput);
  graph.add("Relu", {"s"}, "behind");
  EXPECT_EQ(graph.layers(),
            entries("  - {name: c, op: conv2d, out_channels: 6, kernel: 1, activation: relu}\n"
                    "  - {name: s, op: channel_shuffle, groups: 3}\n"
                    "  - {name: behind, op: max_pool, kernel: 1, activation: relu}\n",
                    kShape));
}

// x.chunk(2, 1) as PyTorch 1.13 exports it: (channels + 1) / 2 of integers.
TEST(OnnxChannels, HalvesThatTheModelComputesAreFollowed) {
  OnnxGraph graph(kInput);
  graph.add("Shape", {"x"}, "shape");
  set(graph.add("Gather", {"shape", graph.integers("one", {1})}, "channels"), "axis", 0);
  graph.add("Add", {"channels", "one"}, "more");
  graph.add("Div", {"more", graph.integers("two", {2})}, "half");
  graph.add("Slice", {"x", graph.integers("zero", {0}), "half", "one"}, "s");
  graph.conv("s", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.layers(), entries("  - {name: s, op: channel_split, out_channels: 3}\n"
                                    "  - {name: c, op: conv2d, out_channels: 8, kernel: 1}\n",
                                    kShape));
}

TEST(OnnxChannels, PiecesOfRowsAndColumnsAreSlices) {
  const auto layer_of = [](const OnnxGraph::Sizes& starts, const OnnxGraph::Sizes& ends,
                           const OnnxGraph::Sizes& axes, const OnnxGraph::Sizes& steps) {
    OnnxGraph g(kInput);
    g.add("Slice",
          {"x", g.integers("starts", starts), g.integers("ends", ends), g.integers("axes", axes),
           g.integers("steps", steps)},
          "s");
    return g.layers();
  };
  const auto expected = [](const std::string& fields) {
    return entries("  - {name: s, op: slice, " + fields + "}\n", kShape);
  };
  EXPECT_EQ(layer_of({0}, {8}, {2}, {1}), expected("out_channels: 6, out_size: [8, 16]"));
  EXPECT_EQ(layer_of({1}, {16}, {-1}, {2}),
            expected("out_channels: 6, out_size: [16, 8], first: [0, 1], stride: [1, 2]"));
  EXPECT_EQ(layer_of({2, 1, 4}, {5, 16, 8}, {1, 2, 3}, {1, 2, 1}),
            expected("out_channels: 3, out_size: [8, 4], first_channel: 2, first: [1, 4], "
                     "stride: [2, 1]"));
}

TEST(OnnxChannels, ASplitOfRowsIsSlices) {
  OnnxGraph graph(kInput);
  auto& split = graph.add("Split", {"x"}, "s");
  split.add_output("t");
  set(split, "axis", 2);
  graph.outputs = {"s", "t"};
  EXPECT_EQ(graph.layers(),
            entries("  - {name: s, op: slice, inputs: input, out_channels: 6, out_size: [8, 16]}\n"
                    "  - {name: s_2, op: slice, inputs: input, out_channels: 6, out_size: [8, 16], "
                    "first: [8, 0]}\n",
                    kShape));
}

TEST(OnnxChannels, EverySecondChannelIsCopiedToTheFrontFirst) {
  OnnxGraph graph(kInput);
  graph.add("Slice",
            {"x", graph.integers("from", {1}), graph.integers("to", {6}), graph.integers("a", {1}),
             graph.integers("by", {2})},
            "s");
  const Network network = graph.read().network;
  EXPECT_EQ(network.layers.back().ofm.num_elements(), 3 * 16 * 16);
}

TEST(OnnxChannels, OtherPiecesAreRefusedByName) {
  const auto error = [](auto build) {
    OnnxGraph graph(kInput);
    build(graph);
    return graph.error();
  };
  const auto slice = [&](std::int64_t begin, std::int64_t end, std::int64_t axis,
                         std::int64_t step) {
    return error([&](OnnxGraph& g) {
      g.add("Slice",
            {"x", g.integers("b", {begin}), g.integers("e", {end}), g.integers("a", {axis}),
             g.integers("by", {step})},
            "s");
    });
  };
  EXPECT_THAT(slice(6, 0, 1, -2), HasSubstr("node 's' (Slice): takes steps of -2"));
  EXPECT_THAT(slice(4, 4, 1, 1), HasSubstr("node 's' (Slice): takes no elements"));
  EXPECT_THAT(slice(0, 1, 4, 1), HasSubstr("axis 4 of a tensor of 4 dimensions"));
  const auto split = [&](std::int64_t axis, const OnnxGraph::Sizes& sizes) {
    return error([&](OnnxGraph& g) {
      auto& node = g.add("Split", {"x"}, "s");
      node.add_output("t");
      set(node, "axis", axis);
      if (!sizes.empty()) node.add_input(g.integers("sizes", sizes));
    });
  };
  EXPECT_THAT(split(1, {2, 2}), HasSubstr("2 sizes for 2 outputs that do not add up to the 6"));
  EXPECT_THAT(split(1, {6}), HasSubstr("1 sizes for 2 outputs"));
  EXPECT_THAT(split(1, {8, -2}), HasSubstr("2 sizes for 2 outputs"));
  EXPECT_THAT(error([](OnnxGraph& g) {
                auto& node = g.add("Split", {"x"}, "s");
                for (const char* more : {"t", "u", "v"}) node.add_output(more);
                set(node, "axis", 1);
              }),
              HasSubstr("node 's' (Split): cuts 6 into 4 equal parts"));
}

TEST(OnnxChannels, SwappedGroupsAreCopiedWhereALayerNeedsTheirOrder) {
  const auto layers_after = [](auto build) {
    OnnxGraph graph(kInput);
    graph.add("Reshape", {"x", graph.integers("apart", {1, 2, 3, 16, 16})}, "r");
    set(graph.add("Transpose", {"r"}, "t"), "perm", {0, 2, 1, 3, 4});
    build(graph);
    return graph.layers();
  };
  const std::string relu = "  - {name: n, op: max_pool, kernel: 1, activation: relu}\n";
  EXPECT_EQ(layers_after([](OnnxGraph& g) { g.add("Relu", {"t"}, "n"); }), entries(relu, kShape));
  // The order of weights makes up for that of channels.
  EXPECT_EQ(layers_after([](OnnxGraph& g) {
              g.add("Flatten", {"t"}, "f");
              g.add("MatMul", {"f", g.weights("w", {6 * 256, 4})}, "m");
            }),
            entries("  - {name: m, op: fully_connected, out_channels: 4, bias: false}\n", kShape));
}

}  // namespace
}  // namespace tilewake
