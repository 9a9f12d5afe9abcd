// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator_features.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

OperatorSpace two_stages() {
  OperatorSpace space;
  std::vector<Operator> operators;
  for (const char* name : {"separable_5", "mbconv3_3", "mbconv6_7_se"})
    operators.push_back(operator_named(name).value());
  space.stages.push_back({8, 1, {operators, operators}});
  space.stages.push_back({16, 2, {operators}});
  return space;
}

TEST(OperatorFeatures, AreSumsByStageAndCountsByKind) {
  // Kernels, ratios and squeeze-and-excitation of both stages, then MixConv and separable blocks.
  EXPECT_EQ(operator_features(two_stages(), {0, 2, 1}),
            (std::vector<double>{12.0, 7.0, 1.0, 3.0, 3.0, 0.0, 2.0, 1.0}));
}

TEST(OperatorFeatures, EveryPathHasAsMany) {
  const std::size_t size = operator_features(two_stages(), {0, 0, 0}).size();
  for (int i = 0; i < 27; ++i)
    EXPECT_EQ(operator_features(two_stages(), {i / 9, i / 3 % 3, i % 3}).size(), size);
}

TEST(OperatorFeatures, TheOrderWithinAStageDoesNotMatter) {
  EXPECT_EQ(operator_features(two_stages(), {0, 2, 1}), operator_features(two_stages(), {2, 0, 1}));
  EXPECT_NE(operator_features(two_stages(), {0, 2, 1}), operator_features(two_stages(), {0, 1, 2}));
}

TEST(OperatorFeatures, ASkippedPositionCountsNothing) {
  OperatorSpace space = two_stages();
  space.stages[0].blocks[1].push_back(kIdentity);
  OperatorSpace shorter = two_stages();
  shorter.stages[0].blocks.pop_back();
  EXPECT_EQ(operator_features(space, {0, 3, 1}), operator_features(shorter, {0, 1}));
}

}  // namespace
}  // namespace tilewake
