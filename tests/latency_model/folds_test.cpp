// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latency_model/dataset.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names(int count) {
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i) result.push_back("net" + std::to_string(i));
  return result;
}

TEST(FoldsTest, EveryFoldGetsItsShare) {
  for (const int count : {5, 7, 23, 100}) {
    std::map<int, int> sizes;
    for (const int fold : network_folds(names(count), 5, 1)) ++sizes[fold];
    ASSERT_EQ(sizes.size(), 5u);
    for (const auto& [fold, size] : sizes) {
      EXPECT_GE(fold, 0);
      EXPECT_LT(fold, 5);
      EXPECT_GE(size, count / 5);
      EXPECT_LE(size, count / 5 + 1);
    }
  }
}

TEST(FoldsTest, NetworkTracedTwiceIsInOneFold) {
  std::vector<std::string> twice = names(40);
  const std::vector<std::string> again = names(40);
  twice.insert(twice.end(), again.rbegin(), again.rend());
  const std::vector<int> folds = network_folds(twice, 5, 7);
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(folds[i], folds[79 - i]);
}

TEST(FoldsTest, OrderOfTheTracesDoesNotMatter) {
  std::vector<std::string> networks = names(30);
  std::vector<int> folds = network_folds(networks, 5, 3);
  std::reverse(networks.begin(), networks.end());
  std::reverse(folds.begin(), folds.end());
  EXPECT_EQ(network_folds(networks, 5, 3), folds);
}

TEST(FoldsTest, SeedDecides) {
  EXPECT_EQ(network_folds(names(30), 5, 1), network_folds(names(30), 5, 1));
  EXPECT_NE(network_folds(names(30), 5, 1), network_folds(names(30), 5, 2));
}

TEST(FoldsTest, SameOnEveryPlatform) {
  // mt19937_64 is fixed by the standard, so these are as well.
  EXPECT_THAT(network_folds(names(10), 3, 1), ElementsAre(2, 0, 1, 2, 1, 0, 2, 1, 0, 0));
}

}  // namespace
}  // namespace tilewake
