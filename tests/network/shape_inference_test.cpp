// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/shape_inference.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/math.hpp"
#include "simulator/network/limits.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Layer window(Op op, std::int64_t kernel, std::int64_t stride = 1, std::int64_t dilation = 1) {
  Layer layer;
  layer.op = op;
  layer.kernel_height = layer.kernel_width = kernel;
  layer.stride = stride;
  layer.dilation = dilation;
  layer.ofm.channels = 16;
  return layer;
}

Layer inferred(Layer layer, const PaddingRule& padding, const std::vector<Shape>& inputs) {
  infer_shapes(layer, padding, inputs);
  return layer;
}

/// "key: what" of the LayerError, or "no error".
std::string error_of(const Layer& layer, const PaddingRule& padding,
                     const std::vector<Shape>& inputs) {
  try {
    inferred(layer, padding, inputs);
  } catch (const LayerError& e) {
    return e.key() + ": " + e.what();
  }
  return "no error";
}

TEST(ShapeInferenceTest, SamePaddingOfOddKernelsIsSymmetricBeforeReduction) {
  const Layer layer = inferred(window(Op::kConv2d, 7, 2), PaddingRule::same(), {{3, 224, 224}});
  EXPECT_EQ(layer.ofm, (Shape{16, 112, 112}));
  EXPECT_EQ(layer.ifm, (Shape{3, 224, 224}));
  // (224 + 3 + 3 - 7) mod 2 = 1: the last of three zeros is never reached.
  EXPECT_EQ(layer.padding, (Padding{3, 3, 2, 2}));
}

TEST(ShapeInferenceTest, SamePaddingGivesCeilOfInputOverStride) {
  for (std::int64_t in = 1; in <= 20; ++in) {
    for (std::int64_t kernel = 1; kernel <= 8; ++kernel) {
      for (std::int64_t stride = 1; stride <= 4; ++stride) {
        for (std::int64_t dilation = 1; dilation <= 3; ++dilation) {
          const Layer layer = inferred(window(Op::kDepthwiseConv2d, kernel, stride, dilation),
                                       PaddingRule::same(), {{2, in, in}});
          EXPECT_EQ(layer.ofm, (Shape{2, ceil_div(in, stride), ceil_div(in, stride)}))
              << in << " " << kernel << " " << stride << " " << dilation;
        }
      }
    }
  }
}

TEST(ShapeInferenceTest, EvenKernelHasItsExtraZeroAtTheFarEnd) {
  const Layer layer = inferred(window(Op::kConv2d, 4), PaddingRule::same(), {{3, 9, 9}});
  EXPECT_EQ(layer.padding, (Padding{1, 1, 2, 2}));
  EXPECT_EQ(layer.ofm, (Shape{16, 9, 9}));
}

TEST(ShapeInferenceTest, WindowsEndExactlyAtTheReducedPadding) {
  for (std::int64_t in = 1; in <= 12; ++in) {
    for (std::int64_t kernel = 1; kernel <= 5; ++kernel) {
      for (std::int64_t stride = 1; stride <= 6; ++stride) {
        const std::vector<PaddingRule> rules = {
            PaddingRule::same(), PaddingRule::explicit_zeros({kernel - 1, 0, 0, kernel - 1})};
        for (const PaddingRule& rule : rules) {
          const Layer layer = inferred(window(Op::kMaxPool, kernel, stride), rule, {{1, in, in}});
          const Padding& p = layer.padding;
          EXPECT_EQ((layer.ofm.height - 1) * stride + kernel, p.top + in + p.bottom);
          EXPECT_EQ((layer.ofm.width - 1) * stride + kernel, p.left + in + p.right);
        }
      }
    }
  }
}

TEST(ShapeInferenceTest, UnreadRowsOfTheInputAreNegativePadding) {
  const Layer layer = inferred(window(Op::kConv2d, 1, 2), PaddingRule::valid(), {{8, 56, 55}});
  EXPECT_EQ(layer.ofm, (Shape{16, 28, 28}));
  EXPECT_EQ(layer.padding, (Padding{0, 0, -1, 0}));
}

TEST(ShapeInferenceTest, ExplicitPaddingMayDifferOnEverySide) {
  Layer layer = window(Op::kConv2d, 3);
  layer.kernel_width = 5;
  const Layer done = inferred(layer, PaddingRule::explicit_zeros({0, 1, 2, 3}), {{4, 10, 10}});
  EXPECT_EQ(done.ofm, (Shape{16, 10, 10}));
  EXPECT_EQ(done.padding, (Padding{0, 1, 2, 3}));
}

TEST(ShapeInferenceTest, DilationWidensTheWindow) {
  const Layer valid = inferred(window(Op::kConv2d, 3, 1, 4), PaddingRule::valid(), {{4, 20, 20}});
  EXPECT_EQ(valid.ofm, (Shape{16, 12, 12}));  // extent 9
  const Layer same = inferred(window(Op::kConv2d, 3, 1, 4), PaddingRule::same(), {{4, 20, 20}});
  EXPECT_EQ(same.padding, (Padding{4, 4, 4, 4}));
}

TEST(ShapeInferenceTest, PoolsAndDepthwiseKeepTheChannels) {
  for (const Op op : {Op::kDepthwiseConv2d, Op::kMaxPool, Op::kAvgPool}) {
    EXPECT_EQ(inferred(window(op, 3, 2), PaddingRule::valid(), {{5, 9, 9}}).ofm, (Shape{5, 4, 4}));
  }
  EXPECT_EQ(inferred(window(Op::kGlobalAvgPool, 1), PaddingRule::same(), {{5, 9, 7}}).ofm,
            (Shape{5, 1, 1}));
}

TEST(ShapeInferenceTest, FullyConnectedFlattensAnyMap) {
  const Layer layer = inferred(window(Op::kFullyConnected, 1), PaddingRule::same(), {{512, 7, 7}});
  EXPECT_EQ(layer.ofm, (Shape{16, 1, 1}));
  EXPECT_EQ(layer.ifm, (Shape{512, 7, 7}));
}

TEST(ShapeInferenceTest, ElementwiseBroadcastsAVectorFromEitherSide) {
  const Shape map{8, 5, 4};
  const Shape vector{8, 1, 1};
  for (const Op op : {Op::kAdd, Op::kMul}) {
    for (const auto& inputs :
         std::vector<std::vector<Shape>>{{map, map}, {map, vector}, {vector, map}}) {
      const Layer layer = inferred(window(op, 1), PaddingRule::same(), inputs);
      EXPECT_EQ(layer.ofm, map);
      EXPECT_EQ(layer.ifm, map);  // of the larger operand
    }
  }
}

TEST(ShapeInferenceTest, ElementwiseRepeatsWhatIsOneOrDividesTheChannels) {
  for (const Shape& small : {Shape{8, 1, 4}, Shape{8, 5, 1}, Shape{1, 5, 4}, Shape{1, 1, 1},
                             Shape{4, 1, 1}, Shape{2, 5, 4}}) {
    EXPECT_EQ(inferred(window(Op::kAdd, 1), PaddingRule::same(), {small, {8, 5, 4}}).ofm,
              (Shape{8, 5, 4}));
  }
}

TEST(ShapeInferenceTest, ElementwiseRefusesShapesThatDoNotFit) {
  const Layer add = window(Op::kAdd, 1);
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 5, 4}, {8, 4, 5}}), StartsWith("inputs: "));
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 5, 4}, {3, 1, 1}}), HasSubstr("differ"));
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 5, 4}, {8, 2, 4}}), HasSubstr("differ"));
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 1, 1}, {1, 5, 4}}), HasSubstr("differ"));
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 5, 4}}), StartsWith("inputs: "));
  EXPECT_THAT(error_of(add, PaddingRule::same(), {{8, 5, 4}, {8, 5, 4}, {8, 5, 4}}),
              StartsWith("inputs: "));
}

TEST(ShapeInferenceTest, ConcatAddsChannelsOfEqualMaps) {
  const Layer concat = window(Op::kConcat, 1);
  const Layer layer = inferred(concat, PaddingRule::same(), {{8, 5, 4}, {1, 5, 4}, {3, 5, 4}});
  EXPECT_EQ(layer.ofm, (Shape{12, 5, 4}));
  EXPECT_EQ(layer.ifm, (Shape{8, 5, 4}));
  EXPECT_THAT(error_of(concat, PaddingRule::same(), {{8, 5, 4}, {8, 5, 5}}),
              StartsWith("inputs: "));
  EXPECT_THAT(error_of(concat, PaddingRule::same(), {{8, 5, 4}}), StartsWith("inputs: "));
}

TEST(ShapeInferenceTest, ChannelSplitTakesARangeWithinItsInput) {
  Layer split;
  split.op = Op::kChannelSplit;
  for (std::int64_t first = 0; first < 8; ++first) {
    split.first_channel = first;
    for (std::int64_t count = 1; first + count <= 8; ++count) {
      split.ofm.channels = count;
      const Layer layer = inferred(split, PaddingRule::valid(), {{8, 5, 4}});
      EXPECT_EQ(layer.ofm, (Shape{count, 5, 4}));
      EXPECT_EQ(layer.ifm, (Shape{8, 5, 4}));
      EXPECT_EQ(layer.num_macs() + layer.num_params(), 0);
    }
    for (const std::int64_t count : {std::int64_t{-1}, std::int64_t{0}, 9 - first}) {
      split.ofm.channels = count;
      EXPECT_THAT(error_of(split, PaddingRule::valid(), {{8, 5, 4}}),
                  HasSubstr("out_channels: must be from 1 to "));
    }
  }
  split.ofm.channels = 1;
  for (const std::int64_t first : {-1, 8}) {
    split.first_channel = first;
    EXPECT_THAT(error_of(split, PaddingRule::valid(), {{8, 5, 4}}),
                HasSubstr("first_channel: must be from 0 to 7, not "));
  }
}

TEST(ShapeInferenceTest, ChannelShuffleKeepsTheShapeAndNeedsGroupsThatDivide) {
  Layer shuffle;
  shuffle.op = Op::kChannelShuffle;
  for (const std::int64_t groups : {2, 3, 6}) {
    shuffle.groups = groups;
    const Layer layer = inferred(shuffle, PaddingRule::valid(), {{6, 5, 4}});
    EXPECT_EQ(layer.ofm, (Shape{6, 5, 4}));
    EXPECT_EQ(layer.num_macs() + layer.num_params(), 0);
  }
  for (const std::int64_t groups : {-2, 0, 1, 4, 12}) {
    shuffle.groups = groups;
    EXPECT_THAT(error_of(shuffle, PaddingRule::valid(), {{6, 5, 4}}),
                HasSubstr("groups: must be 2 or more and divide the 6 channels"));
  }
}

TEST(ShapeInferenceTest, OpsThatMoveChannelsHaveNoActivation) {
  for (const Op op : {Op::kChannelSplit, Op::kChannelShuffle}) {
    Layer layer;
    layer.op = op;
    layer.groups = 2;
    layer.ofm.channels = 4;
    EXPECT_EQ(error_of(layer, PaddingRule::valid(), {{8, 5, 4}}), "no error");
    EXPECT_THAT(error_of(layer, PaddingRule::valid(), {{8, 5, 4}, {8, 5, 4}}),
                HasSubstr("inputs: "));
    layer.activation = Activation::kRelu;
    EXPECT_THAT(error_of(layer, PaddingRule::valid(), {{8, 5, 4}}),
                HasSubstr("activation: channel_s"));
  }
}

TEST(ShapeInferenceTest, OneInputLayersRefuseMore) {
  EXPECT_THAT(error_of(window(Op::kConv2d, 1), PaddingRule::same(), {{8, 5, 4}, {8, 5, 4}}),
              StartsWith("inputs: "));
  EXPECT_EQ(error_of(window(Op::kConv2d, 1), PaddingRule::same(), {}), "inputs: must not be empty");
}

TEST(ShapeInferenceTest, GroupsMustDivideBothChannelCounts) {
  Layer layer = window(Op::kConv2d, 3);  // 16 output channels
  layer.groups = 4;
  EXPECT_EQ(error_of(layer, PaddingRule::same(), {{6, 5, 5}}),
            "groups: must divide the 6 input channels, not 4");
  layer.groups = 3;
  EXPECT_EQ(error_of(layer, PaddingRule::same(), {{6, 5, 5}}),
            "groups: must divide the 16 output channels, not 3");
  layer.groups = 16;  // stays a conv2d: only the file decides what is depthwise
  EXPECT_EQ(inferred(layer, PaddingRule::same(), {{16, 5, 5}}).op, Op::kConv2d);
}

TEST(ShapeInferenceTest, WindowLargerThanThePaddedInputIsRefused) {
  EXPECT_THAT(error_of(window(Op::kConv2d, 7), PaddingRule::valid(), {{3, 6, 9}}),
              StartsWith("kernel: "));
  EXPECT_THAT(error_of(window(Op::kConv2d, 3, 1, 5), PaddingRule::explicit_zeros({1, 0, 0, 1}),
                       {{3, 10, 9}}),
              StartsWith("kernel: "));
}

TEST(ShapeInferenceTest, PaddingThatHoldsAWholeWindowIsRefused) {
  EXPECT_EQ(
      error_of(window(Op::kConv2d, 3), PaddingRule::explicit_zeros({0, 3, 0, 0}), {{3, 6, 6}}),
      "padding: must be from 0 to 2 for a window of 3 columns, not 3");
  EXPECT_EQ(
      error_of(window(Op::kConv2d, 1), PaddingRule::explicit_zeros({0, 0, 1, 0}), {{3, 6, 6}}),
      "padding: must be from 0 to 0 for a window of 1 rows, not 1");
  EXPECT_EQ(
      error_of(window(Op::kConv2d, 3), PaddingRule::explicit_zeros({-1, 0, 0, 0}), {{3, 6, 6}}),
      "padding: must be from 0 to 2 for a window of 3 rows, not -1");
}

TEST(ShapeInferenceTest, WindowFieldsMustBePositiveAndBounded) {
  const std::vector<Shape> input = {{3, 6, 6}};
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1025}}) {
    EXPECT_THAT(error_of(window(Op::kConv2d, bad), PaddingRule::same(), input),
                HasSubstr("kernel: must be from 1 to 1024"));
    EXPECT_THAT(error_of(window(Op::kConv2d, 1, bad), PaddingRule::same(), input),
                HasSubstr("stride: must be from 1 to 1024"));
    EXPECT_THAT(error_of(window(Op::kConv2d, 1, 1, bad), PaddingRule::same(), input),
                HasSubstr("dilation: must be from 1 to 1024"));
  }
  Layer layer = window(Op::kConv2d, 1);
  layer.groups = 0;
  EXPECT_THAT(error_of(layer, PaddingRule::same(), input), HasSubstr("groups: must be from 1"));
  layer.groups = 1;
  layer.ofm.channels = 0;
  EXPECT_THAT(error_of(layer, PaddingRule::same(), input),
              HasSubstr("out_channels: must be from 1"));
}

TEST(ShapeInferenceTest, SizesThatWouldOverflowAreRefused) {
  constexpr std::int64_t kMax = kMaxDimension;
  Layer conv = window(Op::kConv2d, 1);
  conv.ofm.channels = kMax;
  EXPECT_EQ(error_of(conv, PaddingRule::same(), {{1, 4096, 4096}}),
            ": output of 1048576x4096x4096 has more than 4294967296 elements");
  conv.kernel_height = conv.kernel_width = 1024;
  EXPECT_EQ(error_of(conv, PaddingRule::same(), {{kMax, 1, 1}}),
            ": has 1152921504606846976 weights, more than 1099511627776");
  Layer dense = window(Op::kFullyConnected, 1);
  dense.ofm.channels = kMax;
  EXPECT_EQ(error_of(dense, PaddingRule::same(), {{1, 65536, 65536}}),
            ": has 4503599627370496 weights, more than 1099511627776");
  Layer macs = window(Op::kConv2d, 1024);
  macs.ofm.channels = 1024;
  EXPECT_EQ(error_of(macs, PaddingRule::same(), {{1024, 2000, 2000}}),
            ": needs more than 72057594037927936 MACs");
  EXPECT_EQ(error_of(window(Op::kMaxPool, 1024), PaddingRule::explicit_zeros({1023, 0, 1023, 0}),
                     {{1, kMax, 1024}}),
            ": output of 1x1049599x1 exceeds 1048576 in one dimension");
  EXPECT_THAT(error_of(window(Op::kConcat, 1), PaddingRule::same(), {{kMax, 1, 1}, {1, 1, 1}}),
              HasSubstr("exceeds 1048576"));
}

}  // namespace
}  // namespace tilewake
