// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "nas/search/supernet_learner.hpp"
#include "nas/training/batch_statistics.hpp"
#include "nas/training/checkpoint.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kNumImages = 64;
constexpr int kAllProbes = 1000;

/// A channel of a branch costs 1 ms.
LatencyTable channel_table(const SearchSpace& space) {
  LatencyTable table;
  std::size_t before = 1;
  for (const BlockSpace& block : blocks_of(space)) {
    std::vector<double> row;
    for (const Outcome& outcome : outcome_table(block).outcomes) {
      row.push_back(0.0);
      for (const MixBranch& branch : outcome) row.back() += branch.expansion_ratio;
    }
    table.given.emplace_back(before, row);
    before = row.size();
  }
  return table;
}

/// A supernet, its gates, and images that a test labels.
struct GateWorld {
  GateWorld(double limit_share, int probes, std::size_t space_index = 0)
      : space(small_spaces().at(space_index)),
        supernet(space, GateOptions()),
        images(small_images(kNumImages)),
        labels(torch::arange(kNumImages).remainder(5)) {
    const GateSearch full(space, channel_table(space), 1.0, 1.0);
    PhaseRecipe phase;
    phase.label_smoothing = 0.0;
    phase.dropout = 0.0;
    SearchOptions options;
    options.probes = probes;
    learner = std::make_unique<GateLearner>(
        supernet, GateSearch(space, channel_table(space), 1.0, limit_share * full.latency_ms()),
        phase, options);
    supernet->train();
  }

  double loss(const torch::Tensor& logits) const {
    return torch::nn::functional::cross_entropy(logits, labels).item<double>();
  }

  /// The loss of the network of these outcomes, built without the supernet, on batch statistics.
  double discrete_loss(const std::vector<int>& choices) {
    std::vector<Outcome> outcomes;
    for (std::size_t b = 0; b < choices.size(); ++b) {
      outcomes.push_back(
          supernet->blocks[b]->outcomes.outcomes[static_cast<std::size_t>(choices[b])]);
    }
    BlockNetwork network = discrete_network(supernet, outcomes);
    network->train();
    const torch::NoGradGuard no_grad;
    return loss(network->forward(images));
  }

  void step(std::int64_t step, std::int64_t num_steps) {
    StepContext context;
    context.step = step;
    context.num_steps = num_steps;
    learner->forward(images, labels, context);
    learner->after_step(context);
  }

  SearchSpace space;
  Supernet supernet;
  torch::Tensor images;
  torch::Tensor labels;
  std::unique_ptr<GateLearner> learner;
};

using GateLearnerTest = TorchTest;

TEST_F(GateLearnerTest, AProbeIsTheChangeByReallyClosingTheGate) {
  // One branch: every outcome has one combination of choices, and thus one set of weights.
  GateWorld world(0.5, kAllProbes, 1);
  randomize_batch_norms(*world.supernet);
  StepContext context;
  context.num_steps = 100;
  world.learner->forward(world.images, world.labels, context);
  const GateSearch& search = world.learner->search();
  const GateSearch::State state = search.state();
  const double before = world.discrete_loss(search.outcomes());
  int num_probed = 0;
  double greatest = 0.0;
  for (std::size_t i = 0; i < search.moves().size(); ++i) {
    if (state.counts[i] == 0) continue;
    std::vector<int> changed = search.outcomes();
    changed[search.moves()[i].block] = search.moves()[i].outcome;
    const double expected = world.discrete_loss(changed) - before;
    EXPECT_NEAR(state.means[i], expected, 1e-4) << i;
    greatest = std::max(greatest, std::abs(expected));
    ++num_probed;
  }
  EXPECT_GE(num_probed, 10);
  EXPECT_GT(greatest, 0.01);
}

TEST_F(GateLearnerTest, TheChangesOfABlocksGatesDoNotCancel) {
  GateWorld world(0.5, kAllProbes);
  randomize_batch_norms(*world.supernet);
  StepContext context;
  context.num_steps = 100;
  world.learner->forward(world.images, world.labels, context);
  const GateSearch& search = world.learner->search();
  const GateSearch::State state = search.state();
  for (std::size_t b = 0; b < world.supernet->blocks.size(); ++b) {
    double sum = 0.0;
    double greatest = 0.0;
    for (std::size_t i = 0; i < search.moves().size(); ++i) {
      if (search.moves()[i].block != b) continue;
      sum += state.means[i];
      greatest = std::max(greatest, std::abs(state.means[i]));
    }
    EXPECT_GT(std::abs(sum), 1e-2 * greatest) << b;
  }
}

TEST_F(GateLearnerTest, ProbesChangeNeitherStatisticsNorGradients) {
  const auto state_after = [](int probes) {
    torch::manual_seed(3);
    GateWorld world(0.5, probes);
    StepContext context;
    context.num_steps = 100;
    const Learner::Result result = world.learner->forward(world.images, world.labels, context);
    result.loss.backward();
    std::vector<torch::Tensor> state = {result.loss.detach(), result.logits.detach()};
    for (const torch::Tensor& buffer : world.supernet->buffers()) state.push_back(buffer.clone());
    for (const torch::Tensor& parameter : world.supernet->parameters()) {
      if (parameter.grad().defined()) state.push_back(parameter.grad());
    }
    return state;
  };
  const std::vector<torch::Tensor> few = state_after(1);
  const std::vector<torch::Tensor> many = state_after(kAllProbes);
  ASSERT_EQ(few.size(), many.size());
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_TRUE(torch::equal(few[i], many[i])) << i;
}

/// The channels that are kept of each block that can be skipped. The labels are what the supernet
/// itself computes, where only the needed blocks change much.
std::vector<int> kept_channels(std::uint64_t seed, const std::vector<std::size_t>& needed,
                               bool shuffles_labels) {
  torch::manual_seed(seed);
  GateWorld world(0.6, 8);
  const torch::NoGradGuard no_grad;
  for (std::size_t b = 0; b < world.supernet->blocks.size(); ++b) {
    const bool is_needed = std::find(needed.begin(), needed.end(), b) != needed.end();
    const bool can_skip = world.supernet->blocks[b]->space.can_skip;
    world.supernet->blocks[b]->project_bn->weight.fill_(is_needed ? 10.0 : can_skip ? 0.01 : 0.3);
  }
  world.supernet->classifier->weight.mul_(100.0);  // certain of its labels
  {
    const FrozenBatchStatistics frozen(*world.supernet);
    // No class is more frequent than another by a constant.
    world.supernet->classifier->bias.sub_(world.supernet->forward(world.images).logits.mean(0));
    world.labels = world.supernet->forward(world.images).logits.argmax(1);
  }
  if (shuffles_labels) world.labels = world.labels.index_select(0, torch::randperm(kNumImages));
  for (std::int64_t i = 0; i < 24; ++i) world.step(i, 24);
  std::vector<int> kept;
  for (const std::size_t b : {1U, 2U, 4U, 5U}) {
    const auto outcome = static_cast<std::size_t>(world.learner->search().outcomes()[b]);
    kept.push_back(0);
    for (const MixBranch& branch : world.supernet->blocks[b]->outcomes.outcomes[outcome])
      kept.back() += branch.expansion_ratio;
  }
  return kept;
}

TEST_F(GateLearnerTest, KeptBlocksFollowTheNeedOfTheLabelsInEverySeed) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::vector<int> first = kept_channels(seed, {1, 4}, false);
    EXPECT_GT(std::min(first[0], first[2]), 0) << seed;
    EXPECT_GT(first[0] + first[2], first[1] + first[3]) << seed;
    const std::vector<int> second = kept_channels(seed, {2, 5}, false);
    EXPECT_GT(std::min(second[1], second[3]), 0) << seed;
    EXPECT_GT(second[1] + second[3], second[0] + second[2]) << seed;
  }
}

TEST_F(GateLearnerTest, ShuffledLabelsChangeTheResult) {
  int num_same = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    num_same += kept_channels(seed, {1, 4}, true) == kept_channels(seed, {1, 4}, false) ? 1 : 0;
  EXPECT_LT(num_same, 3);
}

TEST_F(GateLearnerTest, ContinuesFromItsCheckpointAsIfItHadNotStopped) {
  const TempDir directory;
  constexpr std::int64_t kNumSteps = 12;
  for (const std::int64_t stop : {0, 4, 8, 11}) {
    torch::manual_seed(5);
    GateWorld whole(0.6, 6);
    torch::manual_seed(5);
    GateWorld resumed(0.6, 6);
    for (std::int64_t i = 0; i < kNumSteps; ++i) {
      if (i == stop) {
        write_checkpoint(directory.file("learner"),
                         [&](StateArchive& archive) { whole.learner->save(archive); });
        read_checkpoint(directory.file("learner"),
                        [&](const StateArchive& archive) { resumed.learner->load(archive); });
      }
      whole.step(i, kNumSteps);
      if (i >= stop) resumed.step(i, kNumSteps);
    }
    EXPECT_EQ(resumed.learner->gates(), whole.learner->gates());
    EXPECT_EQ(resumed.learner->search().state().means, whole.learner->search().state().means);
  }
}

}  // namespace
}  // namespace tilewake
