// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_graph.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/network_builder.hpp"
#include "tests/support/mapped_networks.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kNumNetworks = 300;  // of which every third moves channels

Network network_of_seed(int seed) {
  return seed % 3 == 2 ? moving_network(seed) : random_network(seed);
}
constexpr std::int64_t kRow = 4096;

/// Builds a network of 1x1 convolutions and joins on maps of 4x8x8.
class TiledGraphTest : public ::testing::Test {
 protected:
  int conv(int input, std::int64_t channels = 4) {
    Layer l = named(Op::kConv2d, {input});
    l.ofm.channels = channels;
    return builder_.add(std::move(l));
  }
  int join(Op op, std::vector<int> inputs) { return builder_.add(named(op, std::move(inputs))); }

  /// `graph_` of what was built.
  void make(bool fuse_elementwise = true) {
    network_ = builder_.build();
    graph_ = make_tiled_graph(network_, fuse_elementwise, 1000);
  }
  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }
  std::int64_t bytes(int index) const { return network_.shape_of(index).num_elements(); }

  NetworkBuilder builder_{"joins", {4, 8, 8}};
  Network network_;
  TiledGraph graph_;

 private:
  Layer named(Op op, std::vector<int> inputs) {
    Layer l;
    l.name = "layer" + std::to_string(num_layers_++);
    l.op = op;
    l.inputs = std::move(inputs);
    return l;
  }

  int num_layers_ = 0;
};

TEST_F(TiledGraphTest, AddIsFusedIntoTheLaterOfItsOperands) {
  const int a = conv(kNetworkInput);
  const int b = conv(a);
  const int sum = join(Op::kAdd, {b, a});
  const int c = conv(sum);
  const int other_sum = join(Op::kAdd, {kNetworkInput, c});
  make();
  EXPECT_EQ(node(sum).host, b);
  EXPECT_EQ(node(b).fused, sum);
  EXPECT_EQ(node(b).second, a);
  EXPECT_EQ(node(b).address, node(sum).address);
  EXPECT_EQ(node(other_sum).host, c);
  EXPECT_EQ(node(c).second, kNetworkInput);
}

TEST_F(TiledGraphTest, NothingIsFusedWhereTheMachineDoesNot) {
  const int a = conv(kNetworkInput);
  const int sum = join(Op::kAdd, {a, kNetworkInput});
  make(false);
  EXPECT_EQ(node(sum).host, -1);
  EXPECT_EQ(node(a).fused, -1);
  EXPECT_NE(node(a).address, node(sum).address);
}

TEST_F(TiledGraphTest, AddIsNotFusedIntoWhatOthersRead) {
  const int a = conv(kNetworkInput);
  const int sum = join(Op::kAdd, {a, kNetworkInput});
  join(Op::kConcat, {a, sum});
  make();
  EXPECT_EQ(node(sum).host, -1);
}

TEST_F(TiledGraphTest, AddIsNotFusedIntoJoins) {
  const int both = join(Op::kConcat, {conv(kNetworkInput, 2), conv(kNetworkInput, 2)});
  const int sum = join(Op::kAdd, {both, kNetworkInput});
  const int sum_of_sum = join(Op::kAdd, {sum, kNetworkInput});
  make();
  EXPECT_EQ(node(sum).host, -1);
  EXPECT_EQ(node(sum_of_sum).host, -1);
}

TEST_F(TiledGraphTest, MulIsFusedIntoTheMapButNotIntoTheVector) {
  const int pool = join(Op::kGlobalAvgPool, {kNetworkInput});
  const int gate = conv(pool);
  const int map = conv(kNetworkInput);
  const int scaled = join(Op::kMul, {map, gate});
  const int second_gate = conv(join(Op::kGlobalAvgPool, {scaled}));
  const int scaled_again = join(Op::kMul, {scaled, second_gate});
  make();
  EXPECT_EQ(node(scaled).host, map);
  EXPECT_EQ(node(map).second, gate);
  EXPECT_EQ(node(scaled_again).host, -1);
  EXPECT_EQ(node(second_gate).fused, -1);
}

TEST_F(TiledGraphTest, InputsOfAConcatAreAdjacentInIt) {
  const int a = conv(kNetworkInput, 2);
  const int b = conv(a, 3);
  const int sum = join(Op::kAdd, {conv(b, 4), kNetworkInput});
  const int both = join(Op::kConcat, {b, sum, a});
  make();
  EXPECT_THAT(node(both).copies, IsEmpty());
  EXPECT_EQ(node(b).address, node(both).address);
  EXPECT_EQ(node(sum).address, node(both).address + bytes(b));
  EXPECT_EQ(node(node(sum).host).address, node(sum).address);
  EXPECT_EQ(node(a).address, node(both).address + bytes(b) + bytes(sum));
}

TEST_F(TiledGraphTest, ConcatOfAConcatHoldsItsParts) {
  const int a = conv(kNetworkInput, 2);
  const int b = conv(a, 3);
  const int inner = join(Op::kConcat, {a, b});
  const int c = conv(inner, 5);
  const int outer = join(Op::kConcat, {c, inner});
  make();
  EXPECT_THAT(node(outer).copies, IsEmpty());
  EXPECT_THAT(node(inner).copies, IsEmpty());
  EXPECT_EQ(node(inner).address, node(outer).address + bytes(c));
  EXPECT_EQ(node(b).address, node(inner).address + bytes(a));
}

TEST_F(TiledGraphTest, InputsStoredElsewhereAreCopied) {
  const int a = conv(kNetworkInput, 2);
  const int b = conv(a, 3);
  const int first = join(Op::kConcat, {a, b});
  const int second = join(Op::kConcat, {kNetworkInput, b, first});
  make();
  EXPECT_THAT(node(second).copies, ElementsAre(0));
  EXPECT_EQ(node(b).address, node(second).address + bytes(kNetworkInput));
  EXPECT_THAT(node(first).copies, ElementsAre(1));
}

TEST_F(TiledGraphTest, ConcatOfTheFirstPartsIsTheBeginningOfALargerOne) {
  const int a = conv(kNetworkInput, 2);
  const int b = conv(a, 3);
  const int first = join(Op::kConcat, {a, b});
  const int c = conv(first, 5);
  const int middle = join(Op::kConcat, {b, c});
  const int all = join(Op::kConcat, {a, b, c});
  make();
  for (const int concat : {first, middle, all}) EXPECT_THAT(node(concat).copies, IsEmpty());
  EXPECT_EQ(node(first).address, node(all).address);
  EXPECT_EQ(node(middle).address, node(b).address);
}

TEST_F(TiledGraphTest, ConcatInAnotherOrderIsCopied) {
  const int a = conv(kNetworkInput, 2);
  const int b = conv(a, 3);
  const int other = join(Op::kConcat, {b, a});
  join(Op::kConcat, {a, b});
  make();
  EXPECT_THAT(node(other).copies, ElementsAre(0, 1));
}

TEST_F(TiledGraphTest, ConcatOfOneMapTwiceCopiesItOnce) {
  const int a = conv(kNetworkInput, 2);
  const int twice = join(Op::kConcat, {a, a});
  make();
  EXPECT_THAT(node(twice).copies, ElementsAre(1));
}

TEST_F(TiledGraphTest, SplitsThatMakeUpAMapAreThatMapInAConcat) {
  const int source = conv(kNetworkInput, 8);
  const auto part = [&](std::int64_t first) {
    Layer split;
    split.name = "split" + std::to_string(first);
    split.op = Op::kChannelSplit;
    split.inputs = {source};
    split.first_channel = first;
    split.ofm.channels = 4;
    return builder_.add(std::move(split));
  };
  const int low = part(0);
  const int high = part(4);
  const int more = conv(high, 3);
  const int all = join(Op::kConcat, {more, low, high});
  const int swapped = join(Op::kConcat, {high, low});
  make();
  EXPECT_THAT(node(all).copies, IsEmpty());
  EXPECT_EQ(node(source).address, node(all).address + bytes(more));
  EXPECT_EQ(node(high).address, node(source).address + 4 * 8 * 8);
  EXPECT_THAT(node(swapped).copies, ElementsAre(0, 1));
}

TEST_F(TiledGraphTest, SplitIsAPartOfItsInput) {
  Layer split;
  split.name = "split";
  split.op = Op::kChannelSplit;
  split.inputs = {conv(kNetworkInput, 8)};
  split.first_channel = 3;
  split.ofm.channels = 4;
  const int source = split.inputs[0];
  const int part = builder_.add(std::move(split));
  const int both = join(Op::kConcat, {part, conv(part, 2)});
  make();
  EXPECT_TRUE(node(part).is_view);
  EXPECT_EQ(node(part).address, node(source).address + 3 * 8 * 8);
  EXPECT_THAT(node(both).copies, ElementsAre(0));
}

TEST_F(TiledGraphTest, TransposeThatMovesNothingIsItsInput) {
  int num_transposes = 0;
  const auto transpose = [&](int input, const Shape& to, std::vector<std::int64_t> view,
                             std::vector<int> order) {
    Layer l;
    l.name = "transpose" + std::to_string(num_transposes++);
    l.op = Op::kTranspose;
    l.inputs = {input};
    l.ofm = to;
    l.view = std::move(view);
    l.order = std::move(order);
    return builder_.add(std::move(l));
  };
  const int a = conv(kNetworkInput);
  const int rows = transpose(a, {4, 64, 1}, {4 * 64}, {0});
  const int ones = transpose(rows, {4, 64, 1}, {1, 4, 64, 1}, {3, 1, 0, 2});
  const int moved = transpose(ones, {64, 4, 1}, {4, 64}, {1, 0});
  const int of_input = transpose(kNetworkInput, {4, 64, 1}, {4, 64, 1}, {0, 1, 2});
  const int all = join(Op::kConcat, {ones, of_input});
  make();
  for (const int view : {rows, ones, of_input}) EXPECT_TRUE(node(view).is_view);
  EXPECT_FALSE(node(moved).is_view);
  EXPECT_EQ(node(rows).address, node(a).address);
  EXPECT_EQ(node(ones).address, node(a).address);
  EXPECT_EQ(node(of_input).address, graph_.input_address);
  // The first is stored in the concat; the input cannot be.
  EXPECT_EQ(node(a).address, node(all).address);
  EXPECT_THAT(node(all).copies, ElementsAre(1));
}

/// The layer whose tensor holds that of `index`; kNetworkInput for a part of it.
int root_of(const TiledGraph& graph, int index) {
  if (index == kNetworkInput) return index;
  const auto& node = graph.nodes[static_cast<std::size_t>(index)];
  if (node.fused >= 0) return root_of(graph, node.fused);
  return node.stored_in >= 0 || node.is_view ? root_of(graph, node.stored_in) : index;
}

TEST(TiledGraphLawsTest, TensorsOverlapOnlyWhereOneHoldsTheOther) {
  for (int seed = 0; seed < kNumNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Network network = network_of_seed(seed);
    const TiledGraph graph = make_tiled_graph(network, seed % 3 != 0, 12345);
    const int num_layers = static_cast<int>(network.layers.size());
    for (int i = kNetworkInput; i < num_layers; ++i) {
      const std::int64_t begin = graph.address_of(i);
      const std::int64_t end = begin + network.shape_of(i).num_elements();
      EXPECT_GE(begin, 12345);
      EXPECT_LE(end, graph.end_address);
      for (int j = kNetworkInput; j < i; ++j) {
        const std::int64_t other = graph.address_of(j);
        const std::int64_t other_end = other + network.shape_of(j).num_elements();
        if (other >= end || other_end <= begin) continue;
        // Nothing is written to views, which may begin and end anywhere in what holds them.
        const auto is_view = [&](int k) {
          return k != kNetworkInput && graph.nodes[static_cast<std::size_t>(k)].is_view;
        };
        if (is_view(i) && is_view(j)) continue;
        if (is_view(i) || is_view(j)) {
          ASSERT_EQ(root_of(graph, i), root_of(graph, j)) << "layers " << i << " and " << j;
          continue;
        }
        const bool is_in_other = other <= begin && end <= other_end;
        const bool is_around_other = begin <= other && other_end <= end;
        ASSERT_TRUE(root_of(graph, i) == root_of(graph, j) && (is_in_other || is_around_other))
            << "layers " << i << " and " << j;
      }
    }
  }
}

TEST(TiledGraphLawsTest, TensorsBeginAtARowOfDramSaveForPartsOfOthers) {
  for (int seed = 0; seed < kNumNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Network network = network_of_seed(seed);
    const TiledGraph graph = make_tiled_graph(network, true, 12345);
    std::set<int> parts;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      if (graph.nodes[i].is_view) parts.insert(static_cast<int>(i));
      if (network.layers[i].op != Op::kConcat) continue;
      for (const int input : network.layers[i].inputs) {
        parts.insert(input);
        if (input != kNetworkInput) parts.insert(graph.nodes[static_cast<std::size_t>(input)].host);
      }
    }
    EXPECT_EQ(graph.input_address % kRow, 0);
    EXPECT_EQ(graph.end_address % kRow, 0);
    for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
      if (parts.count(i) == 0) {
        EXPECT_EQ(graph.address_of(i) % kRow, 0) << "layer " << i;
      }
    }
  }
}

TEST(TiledGraphLawsTest, EachTensorIsCopiedToAllConcatsButOneUnlessItIsAView) {
  for (int seed = 0; seed < kNumNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Network network = network_of_seed(seed);
    const TiledGraph graph = make_tiled_graph(network, true, 0);
    std::vector<int> num_reads(network.layers.size());
    std::vector<int> num_copies(network.layers.size());
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const Layer& l = network.layers[i];
      const std::vector<int>& copies = graph.nodes[i].copies;
      if (l.op != Op::kConcat) {
        EXPECT_THAT(copies, IsEmpty());
        continue;
      }
      std::int64_t address = graph.nodes[i].address;
      for (std::size_t k = 0; k < l.inputs.size(); ++k) {
        const int input = l.inputs[k];
        const bool is_copied =
            std::find(copies.begin(), copies.end(), static_cast<int>(k)) != copies.end();
        if (input == kNetworkInput || graph.nodes[static_cast<std::size_t>(input)].is_view) {
          EXPECT_EQ(is_copied, !graph.nodes[i].is_view);
        } else if (!graph.nodes[i].is_view) {
          ++num_reads[static_cast<std::size_t>(input)];
          num_copies[static_cast<std::size_t>(input)] += is_copied ? 1 : 0;
        }
        if (!is_copied) {
          EXPECT_EQ(graph.address_of(input), address);
        }
        address += network.shape_of(input).num_elements();
      }
    }
    for (std::size_t i = 0; i < num_reads.size(); ++i)
      EXPECT_EQ(num_copies[i], std::max(0, num_reads[i] - 1)) << "layer " << i;
  }
}

}  // namespace
}  // namespace tilewake
