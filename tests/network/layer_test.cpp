// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/layer.hpp"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

#include "simulator/network/network.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

Layer layer_of(Op op, Shape ifm, Shape ofm, std::int64_t kernel_height = 1,
               std::int64_t kernel_width = 1) {
  Layer layer;
  layer.op = op;
  layer.ifm = ifm;
  layer.ofm = ofm;
  layer.kernel_height = kernel_height;
  layer.kernel_width = kernel_width;
  return layer;
}

TEST(LayerTest, ConvolutionCountsEveryTapOfEveryOutput) {
  const Layer layer = layer_of(Op::kConv2d, {3, 224, 224}, {64, 112, 112}, 7, 7);
  EXPECT_EQ(layer.num_weights(), 64 * 3 * 49);
  EXPECT_EQ(layer.num_params(), 9408 + 64);
  EXPECT_EQ(layer.num_macs(), 118'013'952);  // ResNet's first layer
}

TEST(LayerTest, RectangularWindowCountsHeightTimesWidth) {
  EXPECT_EQ(layer_of(Op::kConv2d, {8, 5, 5}, {4, 5, 5}, 1, 7).num_weights(), 4 * 8 * 7);
}

TEST(LayerTest, EffectiveMacsLeaveOutTheTapsInThePadding) {
  // 3 windows of 3 over 5 inputs with one zero on either side, stride 2: 2 + 3 + 2 taps a
  // dimension.
  const auto network = read_network_text(
      "name: n\ninput: {channels: 4, height: 5, width: 5}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 8, kernel: 3, stride: 2, padding: [1, 1, 1, 1]}\n"
      "  - {name: b, op: conv2d, inputs: [input], out_channels: 8, kernel: 3, padding: valid}\n"
      "  - {name: c, op: depthwise_conv2d, inputs: [input], kernel: 3, dilation: 2, padding: "
      "same}\n",
      "n.yaml");
  EXPECT_EQ(network.layers[0].num_effective_macs(), 7 * 7 * 4 * 8);
  EXPECT_EQ(network.layers[1].num_effective_macs(), network.layers[1].num_macs());
  EXPECT_EQ(network.layers[2].num_effective_macs(), 11 * 11 * 4);  // 3 + 5 + 3 taps
}

TEST(LayerTest, GroupsDivideTheInputChannelsOfEachWeight) {
  Layer layer = layer_of(Op::kConv2d, {32, 8, 8}, {64, 8, 8}, 3, 3);
  layer.groups = 4;
  EXPECT_EQ(layer.num_weights(), 64 * (32 / 4) * 9);
  EXPECT_EQ(layer.num_macs(), 64 * 8 * 9 * 64);
}

TEST(LayerTest, DepthwiseHasOneWindowAChannel) {
  const Layer layer = layer_of(Op::kDepthwiseConv2d, {32, 8, 8}, {32, 4, 4}, 5, 5);
  EXPECT_EQ(layer.num_weights(), 32 * 25);
  EXPECT_EQ(layer.num_macs(), 32 * 25 * 16);
}

TEST(LayerTest, FullyConnectedReadsTheWholeMap) {
  const Layer layer = layer_of(Op::kFullyConnected, {512, 7, 7}, {4096, 1, 1});
  EXPECT_EQ(layer.num_weights(), 102'760'448);  // VGG's first fully connected layer
  EXPECT_EQ(layer.num_macs(), 102'760'448);
}

TEST(LayerTest, BiasIsOneParameterAnOutputChannelAndNoWeight) {
  Layer layer = layer_of(Op::kConv2d, {8, 4, 4}, {16, 4, 4});
  EXPECT_EQ(layer.num_params(), layer.num_weights() + 16);
  layer.bias = false;
  EXPECT_EQ(layer.num_params(), layer.num_weights());
}

TEST(LayerTest, OnlyConvolutionsProductsAndFullyConnectedHaveWeightsOrMacs) {
  for (const auto& [name, op] : kOpNames) {
    const Layer layer = layer_of(op, {8, 4, 4}, {8, 4, 4}, 3, 3);
    const bool weighted = op == Op::kConv2d || op == Op::kDepthwiseConv2d ||
                          op == Op::kFullyConnected || op == Op::kConvTranspose2d;
    const bool has_table = layer.is_norm() || op == Op::kConstant || op == Op::kEmbedding;
    EXPECT_EQ(layer.has_weights(), weighted) << name;
    EXPECT_EQ(layer.num_weights() > 0, weighted) << name;
    EXPECT_EQ(layer.num_macs() > 0, weighted || op == Op::kMatmul) << name;
    EXPECT_EQ(layer.num_params() > 0, weighted || has_table) << name;
  }
}

TEST(LayerTest, NamesAreUniqueAndFoundForEveryEnumerator) {
  std::set<std::string_view> names;
  for (const auto& [name, op] : kOpNames) {
    EXPECT_EQ(to_string(op), name);
    EXPECT_TRUE(names.insert(name).second);
  }
  for (const auto& [name, activation] : kActivationNames) {
    EXPECT_EQ(to_string(activation), name);
    EXPECT_TRUE(names.insert(name).second);
  }
  EXPECT_EQ(to_string(Op::kChannelShuffle),
            "channel_shuffle");  // the last of each: none is missing
  EXPECT_EQ(to_string(Activation::kLeakyRelu), "leaky_relu");
}

TEST(NetworkTest, TotalsAreSumsOverTheLayers) {
  Network network;
  network.input = {3, 8, 8};
  network.layers = {layer_of(Op::kConv2d, {3, 8, 8}, {4, 8, 8}, 3, 3),
                    layer_of(Op::kMaxPool, {4, 8, 8}, {4, 4, 4}, 2, 2),
                    layer_of(Op::kFullyConnected, {4, 4, 4}, {10, 1, 1})};
  EXPECT_EQ(network.num_macs(), 4 * 27 * 64 + 640);
  EXPECT_EQ(network.num_params(), (108 + 4) + (640 + 10));
  EXPECT_EQ(network.shape_of(kNetworkInput), network.input);
  EXPECT_EQ(network.shape_of(1), (Shape{4, 4, 4}));
}

}  // namespace
}  // namespace tilewake
