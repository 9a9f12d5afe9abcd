// SPDX-License-Identifier: Apache-2.0
#include "nas/space/depth_design.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/space/outcome.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

struct StageTime {
  double first_ms = 0.0;
  double block_ms = 0.0;
};

/// A machine on which all blocks of a stage take the same time, and the rest of the network 0.5 ms.
LatencyEstimate additive_estimate(const std::vector<StageTime>& stages) {
  return [stages](const Network& network) {
    double ms = 0.5;
    std::string last;
    for (const Layer& layer : network.layers) {
      if (layer.block.empty() || layer.block == last) continue;
      last = layer.block;  // "stageS.B"
      const StageTime& stage = stages.at(std::stoul(last.substr(5)) - 1);
      ms += last.substr(last.find('.')) == ".0" ? stage.first_ms : stage.block_ms;
    }
    return ms;
  };
}

SearchSpace space_of(std::size_t num_stages, int num_blocks) {
  SearchSpace space = shipped_space("imagenet");
  space.stages.assign(num_stages, {16, 1, 0, BlockOp::kMixConv, {}});
  space.num_blocks = num_blocks;
  return space;
}

std::vector<int> depths_of(const DepthDesign& design) {
  std::vector<int> depths;
  for (const DepthDesign::Stage& stage : design.stages) depths.push_back(stage.depth);
  return depths;
}

struct Times {
  double spread = 0.0;
  double total = 0.0;
};

Times times_of(const std::vector<StageTime>& stages, const std::vector<int>& depths) {
  double low = std::numeric_limits<double>::max();
  double high = 0.0;
  Times times;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const double ms = stages[s].first_ms + (depths[s] - 1) * stages[s].block_ms;
    low = std::min(low, ms);
    high = std::max(high, ms);
    times.total += ms;
  }
  times.spread = high / low;
  return times;
}

/// All depths from 2 that add up to `num_blocks`.
void for_each_depths(std::size_t num_stages, int num_blocks, std::vector<int>& depths,
                     const std::function<void(const std::vector<int>&)>& visit) {
  if (num_stages == 1) {
    depths.push_back(num_blocks);
    if (num_blocks >= 2 && num_blocks <= 64) visit(depths);
    depths.pop_back();
    return;
  }
  for (int depth = 2; depth <= num_blocks - 2; ++depth) {
    depths.push_back(depth);
    for_each_depths(num_stages - 1, num_blocks - depth, depths, visit);
    depths.pop_back();
  }
}

TEST(DepthDesignTest, SpreadAndThenTimeAreTheLeastOfAllDepths) {
  Random random(1);
  for (int i = 0; i < num_cases(300); ++i) {
    std::vector<StageTime> stages;
    for (std::int64_t s = random.between(1, 4); s > 0; --s) {
      // Small integers, so that equal times occur.
      stages.push_back({0.125 * static_cast<double>(random.between(1, 12)),
                        0.125 * static_cast<double>(random.between(1, 12))});
    }
    const int num_blocks =
        static_cast<int>(random.between(2 * static_cast<std::int64_t>(stages.size()), 16));
    const DepthDesign design =
        design_depths(space_of(stages.size(), num_blocks), additive_estimate(stages));
    const std::vector<int> chosen = depths_of(design);
    EXPECT_EQ(std::accumulate(chosen.begin(), chosen.end(), 0), num_blocks);
    const Times times = times_of(stages, chosen);
    EXPECT_NEAR(design.spread, times.spread, 1e-9);
    std::vector<int> depths;
    for_each_depths(stages.size(), num_blocks, depths, [&](const std::vector<int>& other) {
      const Times others = times_of(stages, other);
      EXPECT_LE(times.spread, others.spread + 1e-9);
      if (others.spread <= times.spread + 1e-9) {
        EXPECT_LE(times.total, others.total + 1e-9);
      }
    });
  }
}

TEST(DepthDesignTest, TimesAreThoseOfTheEstimate) {
  const std::vector<StageTime> stages = {{0.4, 0.3}, {0.1, 0.15}, {0.05, 0.09}};
  const DepthDesign design = design_depths(space_of(3, 14), additive_estimate(stages));
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const DepthDesign::Stage& stage = design.stages[s];
    EXPECT_NEAR(stage.first_block_ms, stages[s].first_ms, 1e-12);
    EXPECT_NEAR(stage.block_ms, stages[s].block_ms, 1e-12);
    EXPECT_NEAR(stage.stage_ms, stage.first_block_ms + (stage.depth - 1) * stage.block_ms, 1e-12);
  }
}

// Latencies of a 5x5 block of expansion 6 on MIDAP, in ms, which follow from the authors' tables
// for the supernets 4-4-4-4-4, 2-3-5-2-8 and 3-4-7-4-11: a first block and further ones of each
// stage.
const std::vector<StageTime> kPublished = {
    {0.411, 0.293}, {0.102, 0.148}, {0.055, 0.0883}, {0.092, 0.128}, {0.0634, 0.0609}};

TEST(DepthDesignTest, MovesBlocksFromSlowStagesToCheapOnesAsThePublishedSupernets) {
  for (const std::vector<int>& published :
       {std::vector<int>{4, 4, 4, 4, 4}, {2, 3, 5, 2, 8}, {3, 4, 7, 4, 11}}) {
    const int num_blocks = std::accumulate(published.begin(), published.end(), 0);
    const DepthDesign design =
        design_depths(space_of(5, num_blocks), additive_estimate(kPublished));
    EXPECT_LE(design.spread, times_of(kPublished, published).spread);
    const std::vector<int> depths = depths_of(design);
    EXPECT_EQ(depths[0], 2);
    EXPECT_EQ(*std::max_element(depths.begin(), depths.end()), depths[4]);
    EXPECT_GT(depths[2], depths[1]);
    if (num_blocks == 29) {
      EXPECT_LT(design.spread, 1.4);
    }
  }
}

TEST(DepthDesignTest, NoMoveOfOneBlockLowersTheSpread) {
  const std::vector<int> depths =
      depths_of(design_depths(space_of(5, 29), additive_estimate(kPublished)));
  const double spread = times_of(kPublished, depths).spread;
  for (std::size_t from = 0; from < depths.size(); ++from) {
    for (std::size_t to = 0; to < depths.size(); ++to) {
      std::vector<int> moved = depths;
      if (--moved[from] < 2) continue;
      ++moved[to];
      EXPECT_GE(times_of(kPublished, moved).spread, spread);
    }
  }
}

TEST(DepthDesignTest, StagesHaveSimilarLatencyOnMidap) {
  const LatencyEstimate estimate = midap_estimate();
  const SearchSpace space = shipped_space("imagenet");
  const DepthDesign design = design_depths(space, estimate);
  EXPECT_LT(design.spread, 1.6);
  // Equal with the authors' latencies: model and tables agree.
  EXPECT_EQ(depths_of(design),
            depths_of(design_depths(space_of(5, 29), additive_estimate(kPublished))));
  const SearchSpace designed = with_depths(space, design);
  EXPECT_TRUE(designed.has_depths());
  EXPECT_EQ(designed.num_blocks, 0);
  EXPECT_EQ(blocks_of(designed).size(), 29U);
  EXPECT_EQ(read_search_space_text(search_space_yaml(designed), "s.yaml"), designed);
  // The parts sum up to the whole, except stem and head.
  double stages_ms = 0.0;
  for (const DepthDesign::Stage& stage : design.stages) stages_ms += stage.stage_ms;
  const double ms = estimate(to_network(architecture_of(designed, full_outcomes(designed))));
  EXPECT_LT(stages_ms, ms);
  EXPECT_GT(stages_ms, 0.8 * ms);
}

TEST(DepthDesignTest, NoStageOfAShippedSpaceTakesTwiceAsLongOnMidapAsAnother) {
  const LatencyEstimate estimate = midap_estimate();
  for (const char* name : {"fashion", "cifar", "imagenet"})
    EXPECT_LT(design_depths(shipped_space(name), estimate).spread, 2.0) << name;
}

TEST(DepthDesignTest, LongestStagesHaveTheirLimit) {
  const std::vector<StageTime> stages = {{1.0, 0.9}, {1e-3, 1e-3}};
  EXPECT_EQ(depths_of(design_depths(space_of(2, 80), additive_estimate(stages))),
            (std::vector<int>{16, 64}));
  EXPECT_EQ(depths_of(design_depths(space_of(2, 128), additive_estimate(stages))),
            (std::vector<int>{64, 64}));
  EXPECT_EQ(depths_of(design_depths(space_of(2, 4), additive_estimate(stages))),
            (std::vector<int>{2, 2}));
}

TEST(DepthDesignTest, RefusesImpossibleNumbersOfBlocks) {
  const std::vector<StageTime> stages = {{1.0, 1.0}, {1.0, 1.0}};
  const auto error_of = [&](int num_blocks) {
    return input_error_of(
        [&] { design_depths(space_of(2, num_blocks), additive_estimate(stages)); });
  };
  EXPECT_THAT(error_of(3), ::testing::StartsWith("space 'imagenet': 3 blocks for 2 stages"));
  EXPECT_THAT(error_of(129), HasSubstr("129 blocks"));
  EXPECT_THAT(error_of(0), HasSubstr("0 blocks"));
}

TEST(DepthDesignTest, RefusesEstimatesThatAreNotPositive) {
  const auto error_of = [&](const std::vector<StageTime>& stages) {
    return input_error_of([&] { design_depths(space_of(2, 6), additive_estimate(stages)); });
  };
  EXPECT_THAT(error_of({{1.0, 1.0}, {1.0, 0.0}}), HasSubstr("stage 2: "));
  EXPECT_THAT(error_of({{-1.0, 1.0}, {1.0, 1.0}}), HasSubstr("stage 1: "));
}

}  // namespace
}  // namespace tilewake
