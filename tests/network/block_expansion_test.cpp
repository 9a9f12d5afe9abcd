// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/block_expansion.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/layer_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;

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
  return error_key_of([&] { expanded(block); });
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

TEST(BlockExpansionTest, BranchesAreInOrder) {
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

TEST(BlockExpansionTest, ConvblocksOfSeveralBranchesJoinThemBeforeTheProjection) {
  Block block = mbconv({3, 5}, {1, 2}, 16);
  block.kind = BlockKind::kConvblock;
  block.se_ratio = 0.25;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network),
              ElementsAre("b.expand0", "b.expand1", "b.concat", "b.se_pool", "b.se_reduce",
                          "b.se_expand", "b.se_scale", "b.project", "b.add"));
  EXPECT_EQ(layer_of(network, "b.expand1").ofm, (Shape{32, 14, 14}));
  EXPECT_EQ(layer_of(network, "b.expand1").kernel_height, 5);
  EXPECT_EQ(layer_of(network, "b.se_reduce").ofm.channels, 4);
  EXPECT_EQ(layer_of(network, "b.project").ifm.channels, 48);
}

// He et al., "Deep Residual Learning", CVPR 2016, table 1: a pair of 3x3 convolutions.
TEST(BlockExpansionTest, ABasicBlockIsAPairOfDenseConvolutionsAndItsResidual) {
  Block block = mbconv({3}, {1}, 16);
  block.kind = BlockKind::kBasicBlock;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network), ElementsAre("b.expand", "b.project", "b.add"));
  EXPECT_EQ(network.num_macs(), 2 * 3 * 3 * 16 * 16 * 14 * 14);
  EXPECT_EQ(layer_of(network, "b.project").activation, Activation::kNone);
  block.out_channels = 24;  // the expanded channels follow the output
  block.stride = 2;
  block.kernels = {5};
  block.expansion_ratios = {2};
  const Network changed = expanded(block);
  EXPECT_THAT(names_of(changed), ElementsAre("b.expand", "b.project"));
  EXPECT_EQ(layer_of(changed, "b.expand").ofm, (Shape{48, 7, 7}));
  EXPECT_EQ(changed.num_macs(), (5 * 5 * 16 * 48 + 3 * 3 * 48 * 24) * 7 * 7);
}

TEST(BlockExpansionTest, BasicBlocksOfSeveralBranchesJoinThemBeforeTheSecondConvolution) {
  Block block = mbconv({3, 5}, {1, 2}, 16);
  block.kind = BlockKind::kBasicBlock;
  block.se_ratio = 0.25;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network),
              ElementsAre("b.expand0", "b.expand1", "b.concat", "b.se_pool", "b.se_reduce",
                          "b.se_expand", "b.se_scale", "b.project", "b.add"));
  EXPECT_EQ(layer_of(network, "b.project").ifm.channels, 48);
  EXPECT_EQ(layer_of(network, "b.project").kernel_width, 3);
}

TEST(BlockExpansionTest, AConvUnitIsOneConvolutionAndItsResidual) {
  Block block = mbconv({5}, {}, 16);
  block.kind = BlockKind::kConvUnit;
  const Network network = expanded(block);
  EXPECT_THAT(names_of(network), ElementsAre("b.conv", "b.add"));
  const Layer& conv = layer_of(network, "b.conv");
  EXPECT_EQ(conv.ofm, (Shape{16, 14, 14}));
  EXPECT_EQ(conv.kernel_height, 5);
  EXPECT_EQ(conv.activation, Activation::kRelu);
  EXPECT_EQ(network.num_macs(), 5 * 5 * 16 * 16 * 14 * 14);
  block.se_ratio = 0.25;
  EXPECT_THAT(names_of(expanded(block)), ElementsAre("b.conv", "b.se_pool", "b.se_reduce",
                                                     "b.se_expand", "b.se_scale", "b.add"));
  block.se_ratio = 0.0;
  for (const bool changes_stride : {true, false}) {
    Block other = block;
    (changes_stride ? other.stride : other.out_channels) = 2;
    EXPECT_THAT(names_of(expanded(other)), ElementsAre("b.conv"));
  }
  block.skip = false;
  EXPECT_THAT(names_of(expanded(block)), ElementsAre("b.conv"));
}

TEST(BlockExpansionTest, BadBlocksAreRefused) {
  EXPECT_EQ(error_of(mbconv({3, 5}, {6}, 16)), "expansion_ratios");
  EXPECT_EQ(error_of(mbconv({}, {}, 16)), "kernels");
  EXPECT_EQ(error_of(mbconv({4}, {6}, 16)), "kernels");
  EXPECT_EQ(error_of(mbconv({3}, {0}, 16)), "expansion_ratios");
  EXPECT_EQ(error_of(mbconv({3}, {6}, 0)), "out_channels");
  Block block = mbconv({3}, {6}, 16);
  block.se_ratio = 1.5;
  EXPECT_EQ(error_of(block), "se_ratio");
  block = mbconv({3, 5}, {}, 16);
  block.kind = BlockKind::kConvUnit;
  EXPECT_EQ(error_of(block), "kernels");
  EXPECT_EQ(error_key_of([] {
              expanded(mbconv({3}, {1024}, 16), {2000, 1, 1});
            }),
            "expansion_ratios");
}

Block block_of(BlockKind kind, std::int64_t kernel, std::int64_t out_channels,
               std::int64_t stride = 1) {
  Block block;
  block.kind = kind;
  block.name = "b";
  block.kernels = {kernel};
  block.out_channels = out_channels;
  block.stride = stride;
  return block;
}

constexpr BlockKind kOneKernelKinds[] = {BlockKind::kSeparable, BlockKind::kShuffleUnit,
                                         BlockKind::kXceptionUnit};
constexpr BlockKind kUnitsOfHalves[] = {BlockKind::kShuffleUnit, BlockKind::kXceptionUnit};

TEST(BlockExpansionTest, SeparableActivatesBothLayersAndAddsNothing) {
  const Network network = expanded(block_of(BlockKind::kSeparable, 5, 16));
  EXPECT_EQ(text_of(network),
            "n 16x14x14\n"
            "b.depthwise [b] depthwise_conv2d relu inputs [-1] ifm 16x14x14 ofm 16x14x14 kernel "
            "5x5 stride 1 dilation 1 groups 1 padding 2 2 2 2 bias true\n"
            "b.pointwise [b] conv2d relu inputs [0] ifm 16x14x14 ofm 16x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n");
}

// Ma et al., "ShuffleNet V2", ECCV 2018, figure 3(c).
TEST(BlockExpansionTest, ShuffleUnitOfEqualShapeWorksOnTheSecondHalf) {
  const Network network = expanded(block_of(BlockKind::kShuffleUnit, 3, 16));
  EXPECT_EQ(text_of(network),
            "n 16x14x14\n"
            "b.keep [b] channel_split none inputs [-1] ifm 16x14x14 ofm 8x14x14 kernel 1x1 stride "
            "1 dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.work [b] channel_split none inputs [-1] ifm 16x14x14 ofm 8x14x14 kernel 1x1 stride "
            "1 dilation 1 groups 1 from 8 padding 0 0 0 0 bias true\n"
            "b.reduce [b] conv2d relu inputs [1] ifm 8x14x14 ofm 8x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.depthwise [b] depthwise_conv2d none inputs [2] ifm 8x14x14 ofm 8x14x14 kernel 3x3 "
            "stride 1 dilation 1 groups 1 padding 1 1 1 1 bias true\n"
            "b.expand [b] conv2d relu inputs [3] ifm 8x14x14 ofm 8x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.concat [b] concat none inputs [0, 4] ifm 8x14x14 ofm 16x14x14 kernel 1x1 stride 1 "
            "dilation 1 groups 1 padding 0 0 0 0 bias true\n"
            "b.shuffle [b] channel_shuffle none inputs [5] ifm 16x14x14 ofm 16x14x14 kernel 1x1 "
            "stride 1 dilation 1 groups 2 padding 0 0 0 0 bias true\n");
}

// Figure 3(d): no split, and a branch on the side, wherever the shape changes.
TEST(BlockExpansionTest, UnitsOfHalvesReadTheWholeInputWhereTheShapeChanges) {
  for (const BlockKind kind : kUnitsOfHalves) {
    for (const Block& block : {block_of(kind, 5, 16, 2), block_of(kind, 5, 24, 1)}) {
      const Network network = expanded(block);
      const Layer& side = layer_of(network, "b.side_depthwise");
      EXPECT_THAT(side.inputs, ElementsAre(kNetworkInput));
      EXPECT_EQ(side.stride, block.stride);
      EXPECT_EQ(side.kernel_height, 5);
      EXPECT_EQ(side.activation, Activation::kNone);
      const Layer& project = layer_of(network, "b.side_project");
      EXPECT_EQ(project.ofm.channels, block.out_channels / 2);
      EXPECT_EQ(project.activation, Activation::kRelu);
      const bool is_xception = kind == BlockKind::kXceptionUnit;
      const Layer& first = layer_of(network, is_xception ? "b.depthwise0" : "b.reduce");
      EXPECT_THAT(first.inputs, ElementsAre(kNetworkInput));
      EXPECT_EQ(layer_of(network, is_xception ? "b.depthwise0" : "b.depthwise").stride,
                block.stride);
      EXPECT_THAT(layer_of(network, "b.concat").inputs,
                  ElementsAre(1, static_cast<int>(network.layers.size()) - 3));
      for (const Layer& layer : network.layers) EXPECT_NE(layer.op, Op::kChannelSplit);
    }
  }
}

TEST(BlockExpansionTest, XceptionUnitIsThreeSeparableConvolutionsOnOneHalf) {
  EXPECT_THAT(names_of(expanded(block_of(BlockKind::kXceptionUnit, 3, 16))),
              ElementsAre("b.keep", "b.work", "b.depthwise0", "b.pointwise0", "b.depthwise1",
                          "b.pointwise1", "b.depthwise2", "b.pointwise2", "b.concat", "b.shuffle"));
  const Network network = expanded(block_of(BlockKind::kXceptionUnit, 3, 24, 2));
  EXPECT_THAT(names_of(network),
              ElementsAre("b.side_depthwise", "b.side_project", "b.depthwise0", "b.pointwise0",
                          "b.depthwise1", "b.pointwise1", "b.depthwise2", "b.pointwise2",
                          "b.concat", "b.shuffle"));
  EXPECT_EQ(layer_of(network, "b.depthwise0").stride, 2);
  EXPECT_EQ(layer_of(network, "b.depthwise1").stride, 1);
  EXPECT_EQ(layer_of(network, "b.depthwise2").activation, Activation::kNone);
  EXPECT_EQ(layer_of(network, "b.pointwise2").activation, Activation::kRelu);
}

TEST(BlockExpansionTest, SqueezeAndExcitationIsAtTheEndOfTheBranch) {
  const auto names_with_se = [](BlockKind kind) {
    Block block = block_of(kind, 3, 16);
    block.se_ratio = 0.25;
    return names_of(expanded(block));
  };
  EXPECT_THAT(names_with_se(BlockKind::kSeparable),
              ElementsAre("b.depthwise", "b.se_pool", "b.se_reduce", "b.se_expand", "b.se_scale",
                          "b.pointwise"));
  EXPECT_THAT(names_with_se(BlockKind::kShuffleUnit),
              ElementsAre("b.keep", "b.work", "b.reduce", "b.depthwise", "b.expand", "b.se_pool",
                          "b.se_reduce", "b.se_expand", "b.se_scale", "b.concat", "b.shuffle"));
  Block block = block_of(BlockKind::kShuffleUnit, 3, 24, 2);
  block.se_ratio = 0.25;
  const Network network = expanded(block);
  EXPECT_EQ(layer_of(network, "b.se_reduce").ofm.channels, 4);  // of the 16 of the block's input
  EXPECT_EQ(layer_of(network, "b.se_scale").ofm, (Shape{12, 7, 7}));
}

/// MACs and parameters, by the layers that the papers draw.
struct Cost {
  std::int64_t macs = 0;
  std::int64_t params = 0;

  void depthwise(std::int64_t kernel, std::int64_t channels, std::int64_t pixels) {
    macs += kernel * kernel * channels * pixels;
    params += kernel * kernel * channels + channels;
  }
  void pointwise(std::int64_t from, std::int64_t to, std::int64_t pixels) {
    macs += from * to * pixels;
    params += from * to + to;
  }
};

Cost cost_of(const Block& block, const Shape& input) {
  const std::int64_t height = (input.height + block.stride - 1) / block.stride;
  const std::int64_t width = (input.width + block.stride - 1) / block.stride;
  const std::int64_t before = input.height * input.width;
  const std::int64_t behind = height * width;
  const std::int64_t kernel = block.kernels[0];
  const std::int64_t half = block.out_channels / 2;
  const bool is_separable = block.kind == BlockKind::kSeparable;
  Cost cost;
  if (block.se_ratio > 0) {
    const std::int64_t squeezed = std::max<std::int64_t>(1, input.channels / 4);
    cost.pointwise(is_separable ? input.channels : half, squeezed, 1);
    cost.pointwise(squeezed, is_separable ? input.channels : half, 1);
  }
  if (is_separable) {
    cost.depthwise(kernel, input.channels, behind);
    cost.pointwise(input.channels, block.out_channels, behind);
    return cost;
  }
  std::int64_t channels = half;  // that the branch reads
  if (block.stride > 1 || input.channels != block.out_channels) {
    channels = input.channels;
    cost.depthwise(kernel, channels, behind);
    cost.pointwise(channels, half, behind);
  }
  if (block.kind == BlockKind::kShuffleUnit) {
    cost.pointwise(channels, half, before);
    cost.depthwise(kernel, half, behind);
    cost.pointwise(half, half, behind);
    return cost;
  }
  for (int i = 0; i < 3; ++i) {
    cost.depthwise(kernel, channels, behind);
    cost.pointwise(channels, half, behind);
    channels = half;
  }
  return cost;
}

TEST(BlockExpansionTest, MacsAndParametersHaveClosedForms) {
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    const Shape input = {random.between(1, 40), random.between(1, 20), random.between(1, 20)};
    Block block = block_of(kOneKernelKinds[random.below(3)], 2 * random.between(0, 3) + 1,
                           2 * random.between(1, 20), random.between(1, 3));
    if (input.channels % 2 == 0 && random.one_in(2)) block.out_channels = input.channels;
    if (random.one_in(2)) block.se_ratio = 0.25;
    const Network network = expanded(block, input);
    const Cost cost = cost_of(block, input);
    EXPECT_EQ(network.num_macs(), cost.macs) << text_of(network);
    EXPECT_EQ(network.num_params(), cost.params) << text_of(network);
    const Shape output = {block.out_channels, (input.height + block.stride - 1) / block.stride,
                          (input.width + block.stride - 1) / block.stride};
    EXPECT_EQ(network.layers.back().ofm, output);
  }
}

TEST(BlockExpansionTest, BadBlocksOfOneKernelAreRefused) {
  for (const BlockKind kind : kOneKernelKinds) {
    Block block = block_of(kind, 3, 16);
    block.kernels = {3, 5};
    EXPECT_EQ(error_of(block), "kernels");
    block.kernels = {};
    EXPECT_EQ(error_of(block), "kernels");
    EXPECT_EQ(error_of(block_of(kind, 4, 16)), "kernels");
    EXPECT_EQ(error_of(block_of(kind, 3, 0)), "out_channels");
    block = block_of(kind, 3, 16);
    block.se_ratio = -0.5;
    EXPECT_EQ(error_of(block), "se_ratio");
  }
  for (const BlockKind kind : kUnitsOfHalves)
    EXPECT_EQ(error_of(block_of(kind, 3, 15)), "out_channels");
  EXPECT_EQ(error_of(block_of(BlockKind::kSeparable, 3, 15)), "no error");
}

}  // namespace
}  // namespace tilewake
