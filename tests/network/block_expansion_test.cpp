// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/block_expansion.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Block mbconv(std::vector<std::int64_t> kernels, std::vector<std::int64_t> ratios,
             std::int64_t out_channels) {
  Block block;
  block.name = "b";
  block.kernels = std::move(kernels);
  block.expansion_ratios = std::move(ratios);
  block.out_channels = out_channels;
  return block;
}

Network expanded(const Block& block, const Shape& input = {16, 14, 14}) {
  NetworkBuilder builder("n", input);
  const int last = expand_block(builder, block, kNetworkInput);
  Network network = builder.build();
  EXPECT_EQ(last, static_cast<int>(network.layers.size()) - 1);
  return network;
}

std::string error_of(const Block& block) {
  return input_error_of([&] { expanded(block); });
}

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const Layer& layer : network.layers) {
    EXPECT_EQ(layer.block, "b");
    names.push_back(layer.name);
  }
  return names;
}

TEST(BlockExpansionTest, MBConvExpandsFiltersProjectsAndAdds) {
  const Network network = expanded(mbconv({3}, {6}, 16));
  EXPECT_THAT(names_of(network), ElementsAre("b.expand0", "b.depthwise0", "b.project", "b.add"));
  EXPECT_EQ(text_of(network),
            "n 16x14x14\n"
            "b.expand0 [b] conv2d relu inputs [-1] ifm 16x14x14 ofm 96x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.depthwise0 [b] depthwise_conv2d relu inputs [0] ifm 96x14x14 ofm 96x14x14 kernel "
            "3x3 stride 1 dilation 1 groups 1 padding 1 1 1 1 bias true\n"
            "b.project [b] conv2d none inputs [1] ifm 96x14x14 ofm 16x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.add [b] add none inputs [-1, 2] ifm 16x14x14 ofm 16x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n");
}

TEST(BlockExpansionTest, SingleBranchOfRatioOneHasNoExpandLayer) {
  EXPECT_THAT(names_of(expanded(mbconv({3}, {1}, 24))), ElementsAre("b.depthwise0", "b.project"));
}

TEST(BlockExpansionTest, BranchesStandOneAfterTheOther) {
  const Network network = expanded(mbconv({3, 5, 7}, {1, 2, 4}, 24));
  EXPECT_THAT(names_of(network),
              ElementsAre("b.expand0", "b.depthwise0", "b.expand1", "b.depthwise1", "b.expand2",
                          "b.depthwise2", "b.concat", "b.project"));
  EXPECT_THAT(layer_of(network, "b.concat").inputs, ElementsAre(1, 3, 5));
  EXPECT_EQ(layer_of(network, "b.concat").ofm.channels, (1 + 2 + 4) * 16);
  EXPECT_EQ(layer_of(network, "b.concat").activation, Activation::kNone);
  EXPECT_THAT(layer_of(network, "b.expand2").inputs, ElementsAre(kNetworkInput));
  EXPECT_EQ(layer_of(network, "b.depthwise2").kernel_width, 7);
}

TEST(BlockExpansionTest, SqueezeAndExcitationFollowsTheBlocksInput) {
  Block block = mbconv({3, 5}, {4, 2}, 24);
  block.se_ratio = 0.25;
  block.activation = Activation::kHswish;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network),
              ElementsAre("b.expand0", "b.depthwise0", "b.expand1", "b.depthwise1", "b.concat",
                          "b.se_pool", "b.se_reduce", "b.se_expand", "b.se_scale", "b.project"));
  EXPECT_EQ(layer_of(network, "b.se_reduce").ofm, (Shape{4, 1, 1}));  // a quarter of 16, not of 96
  EXPECT_EQ(layer_of(network, "b.se_reduce").activation, Activation::kRelu);
  EXPECT_EQ(layer_of(network, "b.se_expand").ofm, (Shape{96, 1, 1}));
  EXPECT_EQ(layer_of(network, "b.se_expand").activation, Activation::kSigmoid);
  EXPECT_THAT(layer_of(network, "b.se_scale").inputs, ElementsAre(4, 7));
  EXPECT_EQ(layer_of(network, "b.se_scale").op, Op::kMul);
  EXPECT_THAT(layer_of(network, "b.project").inputs, ElementsAre(8));
}

TEST(BlockExpansionTest, SqueezedWidthIsFlooredAndAtLeastOne) {
  const auto reduced = [](std::int64_t channels, double ratio) {
    Block block = mbconv({3}, {6}, 24);
    block.se_ratio = ratio;
    return layer_of(expanded(block, {channels, 7, 7}), "b.se_reduce").ofm.channels;
  };
  EXPECT_EQ(reduced(27, 0.25), 6);
  EXPECT_EQ(reduced(3, 0.25), 1);
  EXPECT_EQ(reduced(40, 1.0), 40);
}

TEST(BlockExpansionTest, SqueezeActivationIsAnOption) {
  Block block = mbconv({3}, {6}, 24);
  block.se_ratio = 0.5;
  block.se_activation = Activation::kSwish;
  EXPECT_EQ(layer_of(expanded(block), "b.se_reduce").activation, Activation::kSwish);
}

TEST(BlockExpansionTest, AddNeedsStrideOneEqualChannelsAndSkip) {
  const auto has_add = [](const Block& block) {
    return expanded(block).layers.back().name == "b.add";
  };
  Block block = mbconv({3}, {6}, 16);
  EXPECT_TRUE(has_add(block));
  block.skip = false;
  EXPECT_FALSE(has_add(block));
  block = mbconv({3}, {6}, 24);
  EXPECT_FALSE(has_add(block));
  block = mbconv({3}, {6}, 16);
  block.stride = 2;
  EXPECT_FALSE(has_add(block));
}

TEST(BlockExpansionTest, StrideIsInTheDepthwiseLayersAndRoundsUp) {
  Block block = mbconv({3, 5}, {2, 2}, 24);
  block.stride = 2;
  const Network network = expanded(block, {16, 15, 13});
  EXPECT_EQ(layer_of(network, "b.expand0").ofm, (Shape{32, 15, 13}));
  EXPECT_EQ(layer_of(network, "b.depthwise0").ofm, (Shape{32, 8, 7}));
  EXPECT_EQ(layer_of(network, "b.depthwise1").ofm, (Shape{32, 8, 7}));
  EXPECT_EQ(network.layers.back().ofm, (Shape{24, 8, 7}));
}

TEST(BlockExpansionTest, ConvblockExpandsWithItsKernel) {
  Block block = mbconv({5}, {3}, 16);
  block.kind = BlockKind::kConvblock;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network), ElementsAre("b.expand", "b.project", "b.add"));
  EXPECT_EQ(layer_of(network, "b.expand").ofm, (Shape{48, 14, 14}));
  EXPECT_EQ(layer_of(network, "b.expand").kernel_height, 5);
  EXPECT_EQ(layer_of(network, "b.expand").activation, Activation::kRelu);
  EXPECT_EQ(layer_of(network, "b.project").activation, Activation::kNone);
  block.stride = 2;
  EXPECT_THAT(names_of(expanded(block)), ElementsAre("b.expand", "b.project"));
  EXPECT_EQ(layer_of(expanded(block), "b.expand").ofm, (Shape{48, 7, 7}));
}

TEST(BlockExpansionTest, BadBlocksAreRefused) {
  EXPECT_EQ(error_of(mbconv({3, 5}, {6}, 16)), "needs one ratio for each of the 2 kernels, not 1");
  EXPECT_EQ(error_of(mbconv({}, {}, 16)), "must not be empty");
  EXPECT_EQ(error_of(mbconv({4}, {6}, 16)), "must be odd and at most 1024, not 4");
  EXPECT_EQ(error_of(mbconv({3}, {0}, 16)), "must be from 1 to 1024, not 0");
  EXPECT_THAT(error_of(mbconv({3}, {6}, 0)), HasSubstr("must be from 1 to 1048576"));
  Block block = mbconv({3}, {6}, 16);
  block.se_ratio = 1.5;
  EXPECT_EQ(error_of(block), "must be from 0 to 1");
  block = mbconv({3, 5}, {2, 2}, 16);
  block.kind = BlockKind::kConvblock;
  EXPECT_EQ(error_of(block), "a convblock has one branch");
  block = mbconv({3}, {2}, 16);
  block.kind = BlockKind::kConvblock;
  block.se_ratio = 0.25;
  EXPECT_EQ(error_of(block), "a convblock has no squeeze-and-excitation");
  EXPECT_EQ(input_error_of([] {
              expanded(mbconv({3}, {1024}, 16), {2000, 1, 1});
            }),
            "1024 x 2000 channels exceed 1048576");
}

}  // namespace
}  // namespace tilewake
