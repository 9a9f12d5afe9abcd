// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/int8_model.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/steps.hpp"
#include "nas/space/random_architecture.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<ArchitectureBlock> blocks_of_network(const Architecture& architecture) {
  std::vector<ArchitectureBlock> blocks;
  for (const ArchitectureStage& stage : architecture.stages)
    blocks.insert(blocks.end(), stage.blocks.begin(), stage.blocks.end());
  return blocks;
}

std::vector<bool> squeezed(const Architecture& architecture) {
  std::vector<bool> result;
  for (const ArchitectureBlock& block : blocks_of_network(architecture))
    result.push_back(block.squeeze_excite);
  return result;
}

std::ptrdiff_t num_squeezed(const Architecture& architecture) {
  const std::vector<bool> blocks = squeezed(architecture);
  return std::count(blocks.begin(), blocks.end(), true);
}

bool is_hswish(const Architecture& architecture) {
  return architecture.activation == Activation::kHswish;
}

/// A block of one branch.
ArchitectureBlock block_of(int kernel) {
  ArchitectureBlock block;
  block.branches = {{kernel, 2}};
  return block;
}

/// Post-processing of a scaled network of accuracy 0.5, where a test decides what trainings come
/// to: networks are ranked once, and their records then rewritten.
class PostprocessTest : public ::testing::Test {
 protected:
  PostprocessTest() {
    search_.step = "search";
    search_.fingerprint = "search=1\n";
    search_.architecture = random_architecture(world_.run.space, 3);
    scaled_.step = "scale";
    scaled_.fingerprint = "scale=1\n";
    scaled_.architecture = search_.architecture;
    scaled_.architecture->name = "scaled";
    scaled_.estimated_ms = scaled_.simulated_ms = world_.fake.estimate(*search_.architecture);
    scaled_.validation_accuracy = 0.5;
    scaled_.values = {1.0, 1.0, 1.4142135623730951};  // resolution alone
  }

  /// The result if ranking gives these accuracies. What is kept decides what is ranked next, so
  /// this is repeated until no record changes.
  StepRecord result(
      const std::function<double(const Architecture& network)>& accuracy,
      const std::function<std::vector<double>(const Architecture& network)>& scores = {}) {
    StepRecord record;
    bool is_changed = true;
    while (is_changed) {
      std::filesystem::remove(step_path(world_.target.directory, "postprocess"));
      record = postprocess_step(world_.run, world_.target, search_, scaled_);
      is_changed = false;
      for (auto& [name, ranked] : records_in(world_.run.directory, "rank-")) {
        const double is_to_be = accuracy(*ranked.architecture);
        const std::vector<double> gates =
            scores && !ranked.values.empty() ? scores(*ranked.architecture) : ranked.values;
        if (ranked.validation_accuracy == is_to_be && ranked.values == gates) continue;
        is_changed = true;
        ranked.validation_accuracy = is_to_be;
        ranked.values = gates;
        write_step_record(step_path(world_.run.directory, name), ranked);
      }
    }
    return record;
  }

  StepWorld world_;
  StepRecord search_;
  StepRecord scaled_;
};

TEST_F(PostprocessTest, WhatGainsNothingIsLeftOut) {
  const StepRecord record = result([](const Architecture&) { return 0.5; });
  EXPECT_EQ(record.validation_accuracy, 0.5);
  EXPECT_EQ(record.simulated_ms, scaled_.simulated_ms);
  EXPECT_EQ(record.architecture->stages, scaled_.architecture->stages);
  EXPECT_FALSE(is_hswish(*record.architecture));
}

TEST_F(PostprocessTest, OnlyAGainOfMoreThanAStandardErrorIsKept) {
  // sqrt(0.54 x 0.46 / 100) is 0.0498: of 100 images four more are chance, six more are not.
  EXPECT_FALSE(is_hswish(
      *result([](const Architecture& a) { return is_hswish(a) ? 0.54 : 0.5; }).architecture));
  const StepRecord kept = result([](const Architecture& a) { return is_hswish(a) ? 0.56 : 0.5; });
  EXPECT_TRUE(is_hswish(*kept.architecture));
  for (const ArchitectureBlock& block : blocks_of_network(*kept.architecture))
    EXPECT_EQ(block.activation, Activation::kHswish);
  EXPECT_EQ(kept.validation_accuracy, 0.56);
  EXPECT_LE(*kept.simulated_ms, world_.target.limit);
}

TEST_F(PostprocessTest, WhatIsKeptIsWhatTheNextTrialAddsTo) {
  const StepRecord record = result([](const Architecture& a) {
    return 0.5 + (is_hswish(a) ? 0.1 : 0.0) + (num_squeezed(a) > 0 ? 0.1 : 0.0);
  });
  EXPECT_TRUE(is_hswish(*record.architecture));
  EXPECT_GT(num_squeezed(*record.architecture), 0);
  EXPECT_DOUBLE_EQ(*record.validation_accuracy, 0.7);
  EXPECT_DOUBLE_EQ(*record.estimated_ms, world_.fake.estimate(*record.architecture));
}

TEST_F(PostprocessTest, AllBlocksButTheFirstAndItsCopiesGetSqueezeAndExcitation) {
  const StepRecord record = result([](const Architecture& a) {
    return num_squeezed(a) == 0 ? 0.5 : 0.7;  // the half of them gains nothing over all
  });
  const std::vector<bool> blocks = squeezed(*record.architecture);
  EXPECT_FALSE(blocks.front());
  EXPECT_TRUE(blocks.back());
  EXPECT_TRUE(std::is_sorted(blocks.begin(), blocks.end())) << "copies stand behind the first";
}

// Depth scaling repeats blocks on the spot: here the 7x7 ones, which have the most parameters, so
// that a block's place in the scaled stage is not in proportion to its place before.
TEST_F(PostprocessTest, SqueezeAndExcitationStaysWhereGatesVaryMost) {
  Architecture& network = *search_.architecture;
  network.stages.resize(1);
  network.stages[0].blocks = {block_of(3), block_of(5), block_of(3), block_of(5), block_of(7)};
  scaled_.values = {2.0, 1.0, 1.0};  // depth alone
  world_.run.recipe.hswish = false;
  world_.target.limit = 2.0 * world_.fake.estimate(network);
  // Wherever the 3x3 block behind the first and the 7x7 block are, their gates vary most.
  const auto score = [](const ArchitectureBlock& block) {
    return block.branches[0].kernel == 5 ? 0.01 : 0.2;
  };
  bool is_deeper = false;
  const StepRecord record = result(
      [&](const Architecture& a) {
        is_deeper = is_deeper || blocks_of_network(a).size() > 5;
        const auto n = num_squeezed(a);
        bool has_five = false;
        for (const ArchitectureBlock& block : blocks_of_network(a))
          has_five = has_five || (block.squeeze_excite && block.branches[0].kernel == 5);
        return n == 0 ? 0.5 : has_five ? 0.6 : 0.7;
      },
      [&](const Architecture& a) {
        std::vector<double> scores;
        for (const ArchitectureBlock& block : blocks_of_network(a))
          if (block.squeeze_excite) scores.push_back(score(block));
        return scores;
      });
  EXPECT_TRUE(is_deeper);
  EXPECT_EQ(record.validation_accuracy, 0.7);
  for (const ArchitectureBlock& block : blocks_of_network(*record.architecture)) {
    EXPECT_FALSE(block.branches[0].kernel == 5 && block.squeeze_excite);
    EXPECT_FALSE(block.branches[0].kernel == 7 && !block.squeeze_excite);
  }
}

TEST_F(PostprocessTest, WhatTheRecipeLeavesOutIsNotTried) {
  world_.run.recipe.hswish = world_.run.recipe.squeeze_excite = false;
  const StepRecord record = postprocess_step(world_.run, world_.target, search_, scaled_);
  EXPECT_TRUE(world_.fake.phases.empty());
  EXPECT_EQ(record.architecture->stages, scaled_.architecture->stages);
  EXPECT_EQ(record.validation_accuracy, scaled_.validation_accuracy);
}

// Trained again, the network of each record has that accuracy once it is quantized.
TEST_F(PostprocessTest, InInt8TheAccuraciesAreThoseOfTheIntegers) {
  world_.run.recipe.postprocess_int8 = true;
  world_.run.recipe.squeeze_excite = false;
  const StepRecord record = postprocess_step(world_.run, world_.target, search_, scaled_);
  EXPECT_THAT(record.log, Contains(HasSubstr("h-swish in all blocks: accuracy in int8")));
  int num_records = 0;
  for (const auto& [name, ranked] : records_in(world_.run.directory, "rank-")) {
    SCOPED_TRACE(name);
    TrainedNetwork again =
        train_network(world_.run, *ranked.architecture, world_.run.recipe.ranking, name,
                      {world_.target.directory, "", "", ""});
    EXPECT_THAT(ranked.log,
                Contains(HasSubstr(as_percent(again.result.validation->share()) + " in floats")));
    const Accuracy integers =
        int8_accuracy(world_.run, to_network(*ranked.architecture), folded_weights(again.network));
    EXPECT_EQ(ranked.validation_accuracy, integers.share());
    ++num_records;
  }
  EXPECT_EQ(num_records, 2);
  // Those of floats are other trainings.
  world_.run.recipe.postprocess_int8 = false;
  std::filesystem::remove(step_path(world_.target.directory, "postprocess"));
  postprocess_step(world_.run, world_.target, search_, scaled_);
  EXPECT_EQ(records_in(world_.run.directory, "rank-").size(), 4U);
}

}  // namespace
}  // namespace tilewake
