// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tilewake {
namespace {

using ::testing::ElementsAre;

TEST(OperatorTest, ThePoolHasEveryBlockWithAndWithoutSqueezeAndExcitationAndTheIdentity) {
  std::set<std::string> names;
  for (const Operator& op : operator_pool()) names.insert(to_string(op));
  EXPECT_EQ(names.size(), operator_pool().size());
  const std::size_t num_blocks = (operator_pool().size() - 1) / 2;
  EXPECT_EQ(operator_pool().size(), 2 * num_blocks + 1);
  for (std::size_t i = 0; i < num_blocks; ++i) {
    Operator op = operator_pool()[i];
    EXPECT_FALSE(op.squeeze_excite);
    op.squeeze_excite = true;
    EXPECT_EQ(op, operator_pool()[i + num_blocks]);
  }
  EXPECT_EQ(operator_pool().back(), kIdentity);
}

TEST(OperatorTest, NamesGiveTheirOperatorsBack) {
  for (const Operator& op : operator_pool()) EXPECT_EQ(operator_named(to_string(op)), op);
  for (const char* name :
       {"", "shuffle", "shuffle_9", "shuffle_3_", "shuffle_3_se_se", "mbconv2_3", "mbconv_3",
        "xception_5", "Shuffle_3", " shuffle_3", "conv3_3", "fused_3", "identity_se"})
    EXPECT_FALSE(operator_named(name)) << name;
}

// Guo et al., "Single Path One-Shot", ECCV 2020.
TEST(OperatorTest, TheFirstFourAreThoseOfSpos) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 4; ++i) names.push_back(to_string(operator_pool()[i]));
  EXPECT_THAT(names, ElementsAre("shuffle_3", "shuffle_5", "shuffle_7", "xception_3"));
}

TEST(OperatorTest, NamesDescribeTheBlock) {
  EXPECT_EQ(block_of(*operator_named("mbconv6_5_se"), Activation::kSwish),
            (ArchitectureBlock{{{5, 6}}, Activation::kSwish, true, BlockOp::kMixConv}));
  EXPECT_EQ(block_of(*operator_named("fused3_5"), Activation::kRelu),
            (ArchitectureBlock{{{5, 3}}, Activation::kRelu, false, BlockOp::kFused}));
  EXPECT_EQ(block_of(*operator_named("conv_3_se"), Activation::kRelu),
            (ArchitectureBlock{{{3, 1}}, Activation::kRelu, true, BlockOp::kConv}));
  EXPECT_TRUE(operator_named("identity")->is_identity());
  EXPECT_EQ(block_of(*operator_named("separable_7"), Activation::kRelu),
            (ArchitectureBlock{{{7, 1}}, Activation::kRelu, false, BlockOp::kSeparable}));
  EXPECT_EQ(block_of(*operator_named("shuffle_3_se"), Activation::kRelu),
            (ArchitectureBlock{{{3, 1}}, Activation::kRelu, true, BlockOp::kShuffleUnit}));
  EXPECT_EQ(block_of(*operator_named("xception_3"), Activation::kRelu6),
            (ArchitectureBlock{{{3, 1}}, Activation::kRelu6, false, BlockOp::kXceptionUnit}));
}

/// Behind a stem of 8 channels, at a width.
Architecture network_of(const Operator& op, int width) {
  Architecture a;
  a.name = "one";
  a.input = {3, 8, 8};
  a.num_classes = 2;
  a.stem_width = 8;
  a.head_width = 8;
  a.stages = {{width, 1, {block_of(op, Activation::kRelu)}}};
  return a;
}

TEST(OperatorTest, ThoseThatNeedAnEvenWidthAreRefusedAtAnOddOneAndNoOthers) {
  for (const Operator& op : operator_pool()) {
    if (op.is_identity()) continue;
    EXPECT_NO_THROW(to_network(network_of(op, 8))) << to_string(op);
    if (needs_even_width(op)) {
      EXPECT_ANY_THROW(to_network(network_of(op, 9))) << to_string(op);
    } else {
      EXPECT_NO_THROW(to_network(network_of(op, 9))) << to_string(op);
    }
  }
}

TEST(OperatorTest, ThoseWithAResidualAddTheirInputWhereShapesAreEqualAndNoOthersDo) {
  for (const Operator& op : operator_pool()) {
    if (op.is_identity()) continue;
    for (const int width : {8, 10}) {
      const Network network = to_network(network_of(op, width));
      bool adds = false;
      for (const Layer& layer : network.layers) adds = adds || layer.op == Op::kAdd;
      EXPECT_EQ(adds, has_residual(op) && width == 8) << to_string(op);
    }
  }
  EXPECT_FALSE(has_residual(kIdentity));
}

// The trained parameters of dense blocks in closed form: weights, and two per normalised channel.
TEST(OperatorTest, DenseBlocksHaveTheParametersOfTheirConvolutions) {
  for (const int in : {8, 10}) {
    for (const int out : {8, 12}) {
      for (const int kernel : {3, 5}) {
        const auto params = [&](const Operator& op) {
          return num_block_params(block_of(op, Activation::kRelu), in, out, 0.25);
        };
        EXPECT_EQ(params({BlockOp::kConv, kernel, 1, false}), kernel * kernel * in * out + 2 * out);
        for (const int ratio : {1, 3, 6}) {
          const int channels = ratio * in;
          EXPECT_EQ(params({BlockOp::kFused, kernel, ratio, false}),
                    kernel * kernel * in * channels + 2 * channels + channels * out + 2 * out);
          EXPECT_EQ(params({BlockOp::kBasic, kernel, ratio, false}),
                    (kernel * kernel * in + 2 + 3 * 3 * out) * ratio * out + 2 * out);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tilewake
