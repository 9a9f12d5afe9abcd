// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator.hpp"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tilewake {
namespace {

using ::testing::ElementsAre;

TEST(OperatorTest, ThePoolHasThirtyTwoHalfOfThemWithSqueezeAndExcitation) {
  std::set<std::string> names;
  for (const Operator& op : operator_pool()) names.insert(to_string(op));
  EXPECT_EQ(operator_pool().size(), 32U);
  EXPECT_EQ(names.size(), 32U);
  for (std::size_t i = 0; i < 16; ++i) {
    Operator op = operator_pool()[i];
    EXPECT_FALSE(op.squeeze_excite);
    op.squeeze_excite = true;
    EXPECT_EQ(op, operator_pool()[i + 16]);
  }
}

TEST(OperatorTest, NamesGiveTheirOperatorsBack) {
  for (const Operator& op : operator_pool()) EXPECT_EQ(operator_named(to_string(op)), op);
  for (const char* name : {"", "shuffle", "shuffle_9", "shuffle_3_", "shuffle_3_se_se", "mbconv2_3",
                           "mbconv_3", "xception_5", "Shuffle_3", " shuffle_3"})
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
    EXPECT_NO_THROW(to_network(network_of(op, 8))) << to_string(op);
    if (needs_even_width(op)) {
      EXPECT_ANY_THROW(to_network(network_of(op, 9))) << to_string(op);
    } else {
      EXPECT_NO_THROW(to_network(network_of(op, 9))) << to_string(op);
    }
  }
}

}  // namespace
}  // namespace tilewake
