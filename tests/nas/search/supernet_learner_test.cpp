// SPDX-License-Identifier: Apache-2.0
#include "nas/search/supernet_learner.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "nas/training/checkpoint.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

constexpr double kTableToMs = 1e-3;
constexpr std::int64_t kNumPhaseSteps = 20;
constexpr double kGrowth = 50.0;

/// The next step's network is the largest one or the smallest one of its space.
enum class Size { kLargest, kSmallest };

/// A search whose gates a test opens and closes, on the same images at every step.
class SearchWorld {
 public:
  explicit SearchWorld(double target_ms, double growth = kGrowth)
      : supernet_(small_spaces().front(), GateOptions()),
        learner_(supernet_, LatencyLoss(table(), kTableToMs, target_ms, kWeight, kSlope), phase(),
                 options(growth)),
        target_ms_(target_ms),
        images_(small_images(6)),
        labels_(torch::arange(6).remainder(5)) {
    for (const torch::Tensor& parameter : supernet_->parameters())
      parameter.set_requires_grad(false);
  }

  /// The latency's part of the loss of one more step.
  double step(Size size) {
    for (torch::Tensor thresholds : supernet_->thresholds())
      thresholds.fill_(size == Size::kLargest ? -1.0 : 1e3);
    const torch::Tensor logits = supernet_->forward(images_).logits;
    const double cross_entropy =
        torch::nn::functional::cross_entropy(
            logits, labels_, torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1))
            .item<double>();
    StepContext context;
    context.step = num_steps_++;
    context.num_steps = kNumPhaseSteps;
    const Learner::Result result = learner_.forward(images_, labels_, context);
    EXPECT_EQ(result.latency_ms, latency_ms(size));
    EXPECT_TRUE(torch::equal(result.logits, logits));
    return result.loss.item<double>() - cross_entropy;
  }

  /// Milliseconds are the channels of all branches.
  double latency_ms(Size size) const {
    double sum = 0.0;
    for (const SuperBlock& block : supernet_->blocks) {
      double channels = 0.0;
      for (const BranchSpace& branch : block->space.branches)
        if (size == Size::kLargest) channels += branch.max_expansion_ratio();
      // One branch of the first block of a stage stays.
      sum += block->space.can_skip || size == Size::kLargest ? channels : 2.0;
    }
    return sum;
  }

  /// What the latency costs while its weight has not grown.
  double first_loss(Size size) const {
    const double over = std::max(0.0, latency_ms(size) / target_ms_ - 1.0);
    return kWeight * std::log1p(kSlope * over);
  }

  std::vector<int> choices(Size size) const {
    std::vector<int> choices;
    for (const SuperBlock& block : supernet_->blocks) {
      int choice = 0;
      for (int i = 0; i < static_cast<int>(block->outcomes.outcomes.size()); ++i) {
        const Outcome& outcome = block->outcomes.outcomes[static_cast<std::size_t>(i)];
        if (outcome == expected_outcome(*block, size)) choice = i;
      }
      choices.push_back(choice);
    }
    return choices;
  }

  SearchLearner& learner() { return learner_; }

 private:
  static constexpr double kWeight = 3.0;
  static constexpr double kSlope = 4.0;

  static PhaseRecipe phase() {
    PhaseRecipe recipe;
    recipe.label_smoothing = 0.1;
    recipe.dropout = 0.0;
    return recipe;
  }
  static SearchOptions options(double growth) {
    SearchOptions options;
    options.latency_growth = growth;
    return options;
  }
  static Outcome expected_outcome(const SuperBlockImpl& block, Size size) {
    std::vector<BranchChoice> choices;
    for (const BranchSpace& branch : block.space.branches) {
      BranchChoice choice;
      if (size == Size::kLargest) {
        choice.kernel = static_cast<int>(branch.kernels.size()) - 1;
        choice.expansion_ratio = static_cast<int>(branch.expansion_ratios.size()) - 1;
      }
      choices.push_back(choice);
    }
    return merge(block.space.branches, choices);
  }
  LatencyTable table() {
    LatencyTable table;
    std::size_t before = 1;
    for (const SuperBlock& block : supernet_->blocks) {
      std::vector<double> row;
      for (const Outcome& outcome : block->outcomes.outcomes) {
        row.push_back(0.0);
        for (const MixBranch& branch : outcome) row.back() += branch.expansion_ratio / kTableToMs;
      }
      table.given.emplace_back(before, row);
      before = row.size();
    }
    return table;
  }

  Supernet supernet_;
  SearchLearner learner_;
  double target_ms_;
  torch::Tensor images_;
  torch::Tensor labels_;
  std::int64_t num_steps_ = 0;
};

using SearchLearnerTest = TorchTest;

TEST_F(SearchLearnerTest, EveryStepAboveTheTargetMultipliesTheLatencysWeight) {
  SearchWorld world(20.0);
  ASSERT_GT(world.latency_ms(Size::kLargest), 20.0);
  for (std::int64_t excess = 0; excess < kNumPhaseSteps; ++excess) {
    const double factor = std::pow(kGrowth, static_cast<double>(excess) / kNumPhaseSteps);
    const double expected = factor * world.first_loss(Size::kLargest);
    EXPECT_NEAR(world.step(Size::kLargest), expected, 1e-5 * expected) << excess;
  }
}

TEST_F(SearchLearnerTest, StepsWithinTakeItBackButNeverBelowItsStart) {
  SearchWorld world(20.0);
  Random random(2);
  int excess = 0;
  for (int n = 0; n < 60; ++n) {
    const Size size = random.one_in(2) ? Size::kLargest : Size::kSmallest;
    const double factor = std::pow(kGrowth, static_cast<double>(excess) / kNumPhaseSteps);
    const double expected = factor * world.first_loss(size);
    EXPECT_NEAR(world.step(size), expected, 1e-5 * (1.0 + expected)) << n;
    excess = size == Size::kLargest ? excess + 1 : std::max(excess - 1, 0);
  }
}

TEST_F(SearchLearnerTest, AGrowthOfOneLeavesTheWeightAsItIs) {
  SearchWorld world(20.0, 1.0);
  for (int n = 0; n < 10; ++n) {
    const double expected = world.first_loss(Size::kLargest);
    EXPECT_NEAR(world.step(Size::kLargest), expected, 1e-5 * expected);
  }
}

TEST_F(SearchLearnerTest, TheLastNetworkWithinAndTheFastestOneAreKept) {
  SearchWorld world(20.0);
  EXPECT_FALSE(world.learner().last_within());
  EXPECT_FALSE(world.learner().fastest());
  const auto expect_point = [&](const std::optional<SearchPoint>& point, Size size,
                                std::int64_t step) {
    ASSERT_TRUE(point);
    EXPECT_EQ(point->choices, world.choices(size));
    EXPECT_EQ(point->latency_ms, world.latency_ms(size));
    EXPECT_EQ(point->step, step);
  };
  world.step(Size::kLargest);
  EXPECT_FALSE(world.learner().last_within());
  expect_point(world.learner().fastest(), Size::kLargest, 0);
  for (int n = 0; n < 2; ++n) world.step(Size::kSmallest);
  world.step(Size::kLargest);
  expect_point(world.learner().last_within(), Size::kSmallest, 2);
  expect_point(world.learner().fastest(), Size::kSmallest, 1);  // the first of equals
}

TEST_F(SearchLearnerTest, ALatencyOfExactlyTheTargetIsWithin) {
  SearchWorld world(4.0);
  ASSERT_EQ(world.latency_ms(Size::kSmallest), 4.0);
  world.step(Size::kSmallest);
  EXPECT_TRUE(world.learner().last_within());
}

TEST_F(SearchLearnerTest, SavedAndLoadedItGoesOnTheSame) {
  const TempDir directory;
  const auto save = [&](SearchWorld& world) {
    write_checkpoint(directory.file("learner"),
                     [&](StateArchive& archive) { world.learner().save(archive); });
  };
  for (const std::vector<Size>& steps :
       {std::vector<Size>{}, std::vector<Size>{Size::kLargest, Size::kLargest},
        std::vector<Size>{Size::kLargest, Size::kLargest, Size::kSmallest}}) {
    torch::manual_seed(4);
    SearchWorld world(20.0);
    for (const Size size : steps) world.step(size);
    save(world);
    torch::manual_seed(4);
    SearchWorld again(20.0);
    again.step(Size::kSmallest);  // forgotten with load()
    read_checkpoint(directory.file("learner"),
                    [&](const StateArchive& archive) { again.learner().load(archive); });
    const auto expect_same = [](const std::optional<SearchPoint>& a,
                                const std::optional<SearchPoint>& b) {
      ASSERT_EQ(a.has_value(), b.has_value());
      if (!a) return;
      EXPECT_EQ(a->choices, b->choices);
      EXPECT_EQ(a->latency_ms, b->latency_ms);
      EXPECT_EQ(a->step, b->step);
    };
    expect_same(world.learner().last_within(), again.learner().last_within());
    expect_same(world.learner().fastest(), again.learner().fastest());
    EXPECT_EQ(world.step(Size::kLargest), again.step(Size::kLargest));
    EXPECT_EQ(world.step(Size::kLargest), again.step(Size::kLargest));
  }
}

/// The groups of both phases' learners.
class LearnerGroups : public TorchTest {
 protected:
  LearnerGroups() : supernet_(small_spaces().front(), GateOptions()) {
    options_.threshold_rate = 7.0;
    options_.supergraph_threshold_rate = 0.25;
  }

  /// All parameters are in one group, and thresholds in one of their own with this rate.
  void expect_thresholds_apart(Learner& learner, double rate) {
    std::set<const void*> thresholds;
    for (const torch::Tensor& t : supernet_->thresholds())
      thresholds.insert(t.unsafeGetTensorImpl());
    ASSERT_FALSE(thresholds.empty());
    std::multiset<const void*> seen;
    for (const ParameterGroup& group : learner.groups()) {
      std::size_t num_thresholds = 0;
      for (const torch::Tensor& parameter : group.parameters) {
        seen.insert(parameter.unsafeGetTensorImpl());
        num_thresholds += thresholds.count(parameter.unsafeGetTensorImpl());
      }
      if (num_thresholds == 0) {
        EXPECT_EQ(group.rate_scale, 1.0);
        continue;
      }
      EXPECT_EQ(num_thresholds, thresholds.size());
      EXPECT_EQ(num_thresholds, group.parameters.size());
      EXPECT_FALSE(group.weight_decay) << "decay would pull closed gates open";
      EXPECT_EQ(group.rate_scale, rate);
    }
    std::multiset<const void*> all;
    for (const torch::Tensor& p : supernet_->parameters()) all.insert(p.unsafeGetTensorImpl());
    EXPECT_EQ(seen, all);
  }

  Supernet supernet_;
  SearchOptions options_;
};

TEST_F(LearnerGroups, ThresholdsHaveTheirOwnRateInTheSupergraphPhase) {
  SupergraphLearner learner(supernet_, PhaseRecipe(), options_);
  expect_thresholds_apart(learner, 0.25);
}

TEST_F(LearnerGroups, ThresholdsHaveTheirOwnRateInTheSearchPhase) {
  LatencyTable table;
  SearchLearner learner(supernet_, LatencyLoss(table, 1.0, 1.0, 1.0, 1.0), PhaseRecipe(), options_);
  expect_thresholds_apart(learner, 7.0);
}

TEST_F(LearnerGroups, TheSupergraphsDropoutFollowsFromTheStepsSeed) {
  SupergraphLearner learner(supernet_, PhaseRecipe(), options_);
  const torch::Tensor images = small_images(6);
  const torch::Tensor labels = torch::arange(6).remainder(5);
  const auto loss_of = [&](std::uint64_t seed) {
    StepContext context;
    context.seed = seed;
    torch::manual_seed(1);  // the classifier's dropout
    return learner.forward(images, labels, context).loss.item<double>();
  };
  std::set<double> losses;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    EXPECT_EQ(loss_of(seed), loss_of(seed));
    losses.insert(loss_of(seed));
  }
  EXPECT_GT(losses.size(), 4U) << "networks of the space that are drawn differ";
}

}  // namespace
}  // namespace tilewake
