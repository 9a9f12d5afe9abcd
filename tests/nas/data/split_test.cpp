// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/data/image_source.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

class Labels final : public ImageSource {
 public:
  explicit Labels(std::vector<int> labels) : labels_(std::move(labels)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  int label(std::int64_t index) const override { return labels_[static_cast<std::size_t>(index)]; }
  void read(std::int64_t, Image&) const override { FAIL() << "a split needs no pixels"; }

 private:
  std::vector<int> labels_;
};

Labels random_labels(std::uint64_t seed, int count) {
  Random random(seed);
  std::vector<int> labels;
  for (int i = 0; i < count; ++i)
    labels.push_back(static_cast<int>(random.below(1 + random.below(6))));  // uneven classes
  return Labels(std::move(labels));
}

std::int64_t count(const Labels& labels, const std::vector<std::int64_t>& indices, int label) {
  return std::count_if(indices.begin(), indices.end(),
                       [&](std::int64_t index) { return labels.label(index) == label; });
}

TEST(SplitTrain, EveryImageIsOnExactlyOneSide) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Labels labels = random_labels(seed, 200);
    const Split split = split_train(labels, 1.0 / 6.0, seed);
    EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
    EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
    std::vector<std::int64_t> all = split.train;
    all.insert(all.end(), split.validation.begin(), split.validation.end());
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all.size(), 200U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<std::int64_t>(i));
  }
}

TEST(SplitTrain, TheFirstFewAreOfAllClassesForImagesOrderedByClass) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<int> sorted;
    for (const int label : {3, 0, 4, 1, 2, 3, 0, 4, 1, 2})  // two directories, one after the other
      sorted.insert(sorted.end(), 100, label);
    const Labels labels(sorted);
    const Split split = split_train(labels, 0.25, seed);
    EXPECT_EQ(split_train(labels, 0.25, seed).train, split.train);
    for (std::vector<std::int64_t> indices : {split.train, split.validation}) {
      indices.resize(50);
      for (int label = 0; label < 5; ++label) EXPECT_GT(count(labels, indices, label), 0);
    }
  }
}

TEST(SplitTrain, EachClassGivesItsShareRounded) {
  for (const double share : {0.1, 1.0 / 6.0, 0.5, 0.9}) {
    const Labels labels = random_labels(7, 1000);
    const Split split = split_train(labels, share, 3);
    for (int label = 0; label < 6; ++label) {
      const std::int64_t in_validation = count(labels, split.validation, label);
      const std::int64_t in_all = in_validation + count(labels, split.train, label);
      EXPECT_LE(std::abs(static_cast<double>(in_validation) - share * static_cast<double>(in_all)),
                0.5);
    }
  }
}

TEST(SplitTrain, ClassOfTwoIsOnBothSidesAndClassOfOneIsTrainedOn) {
  const Labels labels({0, 0, 1, 2, 2, 2});
  for (const double share : {0.01, 0.5, 0.99}) {
    const Split split = split_train(labels, share, 1);
    EXPECT_EQ(count(labels, split.validation, 0), 1);
    EXPECT_EQ(count(labels, split.train, 0), 1);
    EXPECT_EQ(count(labels, split.train, 1), 1);
    EXPECT_GE(count(labels, split.validation, 2), 1);
    EXPECT_GE(count(labels, split.train, 2), 1);
  }
}

TEST(SplitTrain, SeedDecides) {
  const Labels labels = random_labels(1, 500);
  EXPECT_EQ(split_train(labels, 0.2, 4).validation, split_train(labels, 0.2, 4).validation);
  EXPECT_NE(split_train(labels, 0.2, 4).validation, split_train(labels, 0.2, 5).validation);
}

// 2,000 seeds leave each of 12 images out 500 times on average (standard deviation 19.4).
TEST(SplitTrain, EachImageIsLeftOutEquallyOften) {
  const Labels labels({0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2});
  std::vector<int> counts(12);
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    for (const std::int64_t index : split_train(labels, 0.25, seed).validation)
      ++counts[static_cast<std::size_t>(index)];
  for (const int times : counts) EXPECT_NEAR(times, 500, 4 * 19.4);
}

TEST(SplitTrain, BadSharesAreRefused) {
  const Labels labels({0, 0, 1, 1});
  EXPECT_EQ(input_error_of([&] { split_train(labels, 0.0, 1); }),
            "validation_share: must be between 0 and 1, not 0");
  EXPECT_EQ(input_error_of([&] { split_train(labels, 1.0, 1); }),
            "validation_share: must be between 0 and 1, not 1");
  EXPECT_NE(
      input_error_of([&] { split_train(labels, std::numeric_limits<double>::quiet_NaN(), 1); }),
      "no error");
  EXPECT_THAT(input_error_of([] {
                split_train(Labels({0, 1}), 0.5, 1);
              }),
              ::testing::StartsWith("validation_share: "));
}

}  // namespace
}  // namespace tilewake
