// SPDX-License-Identifier: Apache-2.0
#include "nas/search/search_run.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/search/network_training.hpp"
#include "nas/space/depth_design.hpp"
#include "nas/space/supernet_size.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/nas/search/search_world.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const std::vector<StepRecord>& records) {
  std::vector<std::string> names;
  for (const StepRecord& record : records) names.push_back(record.step);
  return names;
}

std::int64_t count(const std::vector<std::string>& words, const std::string& word) {
  return std::count(words.begin(), words.end(), word);
}

/// A run to its end, done once for all tests that look at what it left.
struct WholeRun {
  WholeRun() : config(tiny_run(directory)) {
    fake.simulated_over_estimated = [](const Network&) { return 1.02; };
    config.num_random = 1;
    result = run_search(fake.attached(config), Step::kEvaluate);
    files = files_of(config.directory);
  }

  TempDir directory;
  RunContext config;
  FakeMachine fake;
  SearchResult result;
  std::map<std::string, std::string> files;
};

const WholeRun& whole_run() {
  static const WholeRun run;
  return run;
}

const TargetResult& whole_target() { return whole_run().result.targets.at(0); }

/// What run_search misses.
std::optional<TargetMissed> miss_of(const RunContext& config, FakeMachine& fake) {
  try {
    run_search(fake.attached(config), Step::kEvaluate);
  } catch (const TargetMissed& missed) {
    return missed;
  }
  return {};
}

TEST(SearchRun, DoesItsStepsInOrder) {
  EXPECT_THAT(names_of(whole_target().steps),
              ElementsAre("search", "scale", "postprocess", "train", "evaluate"));
  EXPECT_THAT(names_of(whole_target().random), ElementsAre("random-0"));
  const std::string& decisions = whole_run().files.at("decisions.log");
  std::size_t at = 0;
  for (const char* step :
       {"design", "search", "scale", "postprocess", "train", "evaluate", "random-0"}) {
    const std::size_t found = decisions.find(std::string("== ") + step + "\n");
    ASSERT_NE(found, std::string::npos) << step;
    EXPECT_GE(found, at) << step;
    at = found;
  }
}

TEST(SearchRun, WhatItScalesAndTrainsIsSimulatedWithinTheTarget) {
  const double target_ms = whole_run().config.targets_ms[0];
  FakeMachine fake;
  for (const StepRecord& record : whole_target().steps) {
    ASSERT_TRUE(record.architecture && record.estimated_ms && record.simulated_ms);
    EXPECT_DOUBLE_EQ(*record.estimated_ms, fake.estimate(*record.architecture)) << record.step;
    EXPECT_DOUBLE_EQ(*record.simulated_ms, 1.02 * *record.estimated_ms) << record.step;
    EXPECT_LE(*record.simulated_ms, target_ms) << record.step;
  }
}

TEST(SearchRun, TheSearchKeepsToItsShareOfTheTarget) {
  const StepRecord& search = whole_target().steps.at(0);
  EXPECT_LE(*search.estimated_ms, 0.9 * whole_run().config.targets_ms[0]);
  FakeMachine fake;
  EXPECT_LT(*search.estimated_ms, full_network_ms(fake, tiny_space()));
}

TEST(SearchRun, WinnersNetworkFileReadsBackAsTheNetworkThatWasMeasured) {
  const StepRecord& winner = whole_target().steps.back();
  const Network network =
      read_network_text(whole_run().files.at("architecture.yaml"), "architecture.yaml");
  EXPECT_EQ(network.name, "run") << "the directory's";
  FakeMachine fake;
  EXPECT_EQ(fake.estimate(network), *winner.estimated_ms);
  EXPECT_THAT(whole_run().files.at("architecture.yaml"),
              HasSubstr(as_percent(*winner.test_accuracy)));
}

TEST(SearchRun, WinnersWeightsHaveTheAccuraciesThatItReports) {
  const StepRecord& winner = whole_target().steps.back();
  const RunContext& config = whole_run().config;
  BlockNetwork network(*winner.architecture);
  read_checkpoint(config.directory + "/weights.ckpt",
                  [&](const StateArchive& archive) { load_module(archive, *network); });
  const auto predict = [&](const torch::Tensor& images) {
    network->eval();
    return network->forward(images);
  };
  RunContext context = config;
  context.split = split_train(*config.data.train, config.recipe.validation_share, config.seed);
  const int side = static_cast<int>(winner.architecture->input.height);
  EXPECT_EQ(evaluate(predict, *validation_loader(context, side), torch::kCPU).share(),
            *winner.validation_accuracy);
  EXPECT_EQ(evaluate(predict, *test_loader(context, side), torch::kCPU).share(),
            *winner.test_accuracy);
}

TEST(SearchRun, OfSeveralTrainingsTheBestByValidationIsKept) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.recipe.train_trainings = 3;
  FakeMachine fake;
  fake.simulated_over_estimated = [](const Network&) { return 1.02; };
  const TargetResult target = run_search(fake.attached(config), Step::kEvaluate).targets.at(0);
  const TrainingSpread spread = training_spread(target).value();
  ASSERT_EQ(spread.validation_accuracies.size(), 3U);
  ASSERT_EQ(spread.test_accuracies.size(), 3U);
  // The first training is the one that a single training is.
  EXPECT_EQ(spread.validation_accuracies[0], whole_target().steps.back().validation_accuracy);
  EXPECT_EQ(spread.test_accuracies[0], whole_target().steps.back().test_accuracy);
  EXPECT_FALSE(training_spread(whole_target()));

  const auto best =
      std::max_element(spread.validation_accuracies.begin(), spread.validation_accuracies.end());
  const auto kept = static_cast<std::size_t>(best - spread.validation_accuracies.begin());
  EXPECT_EQ(target.steps.back().validation_accuracy, *best);
  EXPECT_EQ(target.steps.back().test_accuracy, spread.test_accuracies[kept]);

  const auto weights_in = [&](const std::string& file) {
    BlockNetwork network(*target.steps.back().architecture);
    read_checkpoint(config.directory + "/" + file,
                    [&](const StateArchive& archive) { load_module(archive, *network); });
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& tensor : network->parameters()) all.push_back(tensor.flatten());
    return torch::cat(all);
  };
  const torch::Tensor kept_weights = weights_in("weights.ckpt");
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(torch::equal(weights_in(fmt::format("weights-{}.ckpt", i + 1)), kept_weights),
              i == kept)
        << i;

  FakeMachine again;  // nothing is trained again
  const SearchResult resumed = run_search(again.attached(config), Step::kEvaluate);
  EXPECT_TRUE(again.phases.empty());
  EXPECT_EQ(training_spread(resumed.targets.at(0))->test_accuracies, spread.test_accuracies);
}

TEST(SearchRun, MetricsFollowThePhases) {
  std::vector<std::string> phases;  // without repetitions
  for (const std::string& phase : whole_run().fake.phases)
    if (phases.empty() || phases.back() != phase) phases.push_back(phase);
  EXPECT_THAT(std::vector(phases.begin(), phases.begin() + 2), ElementsAre("supergraph", "search"));
  EXPECT_THAT(std::vector(phases.end() - 2, phases.end()), ElementsAre("train", "random-0"));
  std::size_t at = 0;
  for (const std::string& phase : phases) {
    at = whole_run().files.at("metrics.csv").find("\n" + phase + ",", at);
    ASSERT_NE(at, std::string::npos) << phase;
  }
  for (const auto& [phase, num_steps] : {std::pair<std::string, int>{"supergraph", 4},
                                         {"search", 10},
                                         {"train", 4},
                                         {"random-0", 4}})
    EXPECT_EQ(count(whole_run().fake.phases, phase), num_steps);
}

TEST(SearchRun, RandomNetworksAreScaledToTheLimitAndTrainedLikeTheWinner) {
  const StepRecord& random = whole_target().random.at(0);
  ASSERT_TRUE(random.architecture) << "no random network of this latency: choose another target";
  EXPECT_LE(*random.simulated_ms, whole_target().target_ms.value());
  EXPECT_GE(*random.simulated_ms, 0.95 * whole_target().target_ms.value());
  EXPECT_TRUE(random.validation_accuracy);
  EXPECT_FALSE(random.test_accuracy);
}

TEST(SearchRun, OnlyCheckpointsThatMayBeNeededAgainAreLeft) {
  for (const auto& [name, text] : whole_run().files) {
    if (name.find(".ckpt") == std::string::npos) continue;
    EXPECT_THAT(name,
                ::testing::AnyOf("supergraph.ckpt", "search.ckpt", "train.ckpt", "weights.ckpt"));
  }
}

TEST(SearchRun, GoneOnWithWhenCompleteItDoesNothingAgain) {
  FakeMachine fake;
  const SearchResult again = run_search(fake.attached(whole_run().config), Step::kEvaluate);
  EXPECT_THAT(fake.phases, ElementsAre());
  EXPECT_EQ(files_of(whole_run().config.directory), whole_run().files);
  ASSERT_EQ(again.targets.size(), 1U);
  EXPECT_EQ(again.targets[0].steps.back().architecture, whole_target().steps.back().architecture);
  EXPECT_EQ(again.targets[0].random.size(), 1U);
}

TEST(SearchRun, GoneOnWithOtherSettingsIsRefused) {
  const auto error_of = [](auto change) {
    RunContext config = whole_run().config;
    change(config);
    FakeMachine fake;
    const std::string error =
        input_error_of([&] { run_search(fake.attached(config), Step::kEvaluate); });
    EXPECT_THAT(fake.phases, ElementsAre());
    return error;
  };
  const std::string directory = whole_run().config.directory;
  EXPECT_THAT(error_of([](RunContext& c) { c.seed = 2; }), HasSubstr(directory));
  EXPECT_THAT(error_of([](RunContext& c) { c.machine = "other"; }), HasSubstr(directory));
  EXPECT_THAT(error_of([](RunContext& c) { c.recipe.supergraph.dropout = 0.0; }),
              HasSubstr("supergraph.ckpt"));
  EXPECT_THAT(error_of([](RunContext& c) { c.targets_ms[0] *= 1.5; }), HasSubstr("search"));
  EXPECT_THAT(error_of([](RunContext& c) { c.recipe.options.latency_weight = 2.0; }),
              HasSubstr("search"));
  EXPECT_THAT(error_of([](RunContext& c) { c.recipe.max_ranked = 1; }), HasSubstr("scale.json"));
  EXPECT_THAT(error_of([](RunContext& c) { c.recipe.hswish = false; }),
              HasSubstr("postprocess.json"));
  EXPECT_THAT(error_of([](RunContext& c) { c.recipe.train.dropout = 0.0; }),
              HasSubstr("train.json"));
  EXPECT_EQ(files_of(directory).at("supergraph.ckpt"), whole_run().files.at("supergraph.ckpt"));
}

TEST(SearchRun, EndsWithTheStepThatItIsAskedFor) {
  const TempDir directory;
  const RunContext config = tiny_run(directory);
  const auto last_step = [&](Step last) {
    FakeMachine fake;
    const SearchResult result = run_search(fake.attached(config), last);
    return result.targets.empty() ? "" : result.targets[0].steps.back().step;
  };
  EXPECT_EQ(last_step(Step::kDesign), "");
  EXPECT_FALSE(std::filesystem::exists(config.directory + "/supergraph.ckpt"));
  EXPECT_EQ(last_step(Step::kSupergraph), "");
  EXPECT_TRUE(std::filesystem::exists(config.directory + "/supergraph.ckpt"));
  EXPECT_EQ(last_step(Step::kSearch), "search");
  EXPECT_EQ(last_step(Step::kScale), "scale");
}

TEST(SearchRun, DesignedDepthsAreThoseOfTheMachine) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.space = shipped_space("synthetic");
  ASSERT_FALSE(config.space.has_depths());
  config.recipe.options.supernet_ratio = 0.0;
  FakeMachine fake;
  const SearchSpace designed = with_depths(
      config.space,
      design_depths(config.space, [&](const Network& network) { return fake.estimate(network); }));
  config.targets_ms = {full_network_ms(fake, designed)};
  EXPECT_EQ(run_search(fake.attached(config), Step::kDesign).space, designed);
  EXPECT_EQ(read_search_space(config.directory + "/space.yaml"), designed);
}

TEST(SearchRun, EveryTargetHasASupernetOfItsSize) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.space = shipped_space("synthetic");
  FakeMachine fake;
  const LatencyEstimate estimate = [&](const Network& network) { return fake.estimate(network); };
  const double ratio = config.recipe.options.supernet_ratio;
  const double share = config.recipe.options.target_share;
  const double given_ms =
      full_network_ms(fake, with_depths(config.space, design_depths(config.space, estimate)));
  config.targets_ms = {0.6 * given_ms, 1.2 * given_ms};
  run_search(fake.attached(config), Step::kDesign);
  for (const Target& target : targets_of(config)) {
    const SearchSpace designed = read_search_space(target.directory + "/space.yaml");
    const SupernetSize size = size_supernet(config.space, estimate, share * target.limit, ratio);
    EXPECT_EQ(designed, size.space);
    EXPECT_DOUBLE_EQ(full_network_ms(fake, designed), size.full_ms);
  }
}

TEST(SearchRun, ASupernetThatCannotBeSmallerRaisesTheLimitOfTheSearch) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.space = shipped_space("synthetic");
  config.recipe.options.gates = GateKind::kDifferences;
  config.recipe.options.target_share = 0.6;
  const double ratio = config.recipe.options.supernet_ratio;
  FakeMachine fake;
  const LatencyEstimate estimate = [&](const Network& network) { return fake.estimate(network); };
  const double smallest_ms = size_supernet(config.space, estimate, 1e-9, ratio).full_ms;
  const double target_ms = smallest_ms / ratio / 0.8;  // the search has 80 % instead of 60 %
  config.targets_ms = {target_ms};
  const SearchResult result = run_search(fake.attached(config), Step::kSearch);
  EXPECT_DOUBLE_EQ(full_network_ms(fake, result.space), smallest_ms);
  const double found_ms = result.targets.at(0).steps.at(0).estimated_ms.value();
  EXPECT_LE(found_ms, 0.8 * target_ms);
  EXPECT_GT(found_ms, 0.6 * target_ms);
}

TEST(SearchRun, AnImpossibleTargetIsMissedByTheFastestNetworkOfTheSpace) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.targets_ms = {1e-6, 1.0};
  FakeMachine fake;
  const std::optional<TargetMissed> missed = miss_of(config, fake);
  ASSERT_TRUE(missed);
  EXPECT_EQ(missed->limit, 1e-6);
  EXPECT_GT(missed->least, 1e-6);
  EXPECT_EQ(missed->least, fake.estimate(missed->fastest));
  EXPECT_THAT(fake.phases, ElementsAre()) << "known before anything is trained";
  // All networks of the space, one after the other.
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::vector<Outcome>> outcomes;
  for (const BlockSpace& block : blocks_of(config.space))
    outcomes.push_back(outcome_table(block).outcomes);
  ASSERT_EQ(outcomes.size(), 4U);
  for (const Outcome& a : outcomes[0]) {
    for (const Outcome& b : outcomes[1]) {
      for (const Outcome& c : outcomes[2]) {
        for (const Outcome& d : outcomes[3])
          least = std::min(least, fake.estimate(architecture_of(config.space, {a, b, c, d})));
      }
    }
  }
  EXPECT_NEAR(missed->least, least, 1e-3 * least);
}

TEST(SearchRun, ATargetThatTheSearchNeverMetNamesTheFastestNetworkMet) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.recipe.options.gates = GateKind::kThresholds;
  config.recipe.options.threshold_rate = 0.0;  // no gate ever closes
  FakeMachine fake;
  const std::optional<TargetMissed> missed = miss_of(config, fake);
  ASSERT_TRUE(missed);
  EXPECT_THAT(std::string(missed->what()), HasSubstr("no step of the search met"));
  EXPECT_DOUBLE_EQ(missed->limit, config.targets_ms[0]);
  EXPECT_EQ(missed->fastest, architecture_of(config.space, full_outcomes(config.space)));
  EXPECT_NEAR(missed->least, full_network_ms(fake, config.space), 1e-6);
}

TEST(SearchRun, ASearchThatOnlyMeetsTheWholeTargetGoesOnWithTheFastestNetworkMet) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  config.recipe.options.gates = GateKind::kThresholds;
  config.recipe.options.threshold_rate = 0.0;  // no gate ever closes
  config.recipe.options.target_share = 0.5;
  FakeMachine fake;
  config.targets_ms = {1.01 * full_network_ms(fake, config.space)};
  const SearchResult result = run_search(fake.attached(config), Step::kSearch);
  const StepRecord& search = result.targets.at(0).steps.at(0);
  EXPECT_LE(*search.estimated_ms, config.targets_ms[0]);
  EXPECT_THAT(search.log.at(0), HasSubstr("within the whole"));
}

TEST(SearchRun, ALimitFarBeyondTheSpaceIsRefusedBeforeAnythingIsTrained) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  FakeMachine fake;
  config.targets_ms.push_back(8.1 * full_network_ms(fake, config.space));
  EXPECT_THAT(input_error_of([&] { run_search(fake.attached(config), Step::kEvaluate); }),
              HasSubstr("more than 8 times what the largest network of the space"));
  EXPECT_TRUE(fake.phases.empty());
}

TEST(SearchRun, ABatchThatTheImagesDoNotFillIsRefusedWithItsKey) {
  const TempDir directory;
  for (const double share : {0.1, 0.9}) {
    RunContext config = tiny_run(directory);
    check_data_fits(config);
    config.recipe.validation_share = share;
    config.recipe.train.batch_size = static_cast<int>(config.data.train->size());
    const std::string error = input_error_of([&] { check_data_fits(config); });
    EXPECT_THAT(error, HasSubstr("train.batch_size " + std::to_string(config.data.train->size())));
    EXPECT_THAT(error, HasSubstr("validation_share"));
  }
}

TEST(SearchRun, SeveralTargetsShareOneSupergraphAndAreEachLikeARunOfTheirOwn) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  const double near = whole_run().config.targets_ms[0];
  config.targets_ms = {near, 2.0 * near};
  config.num_random = 1;
  FakeMachine fake;
  fake.simulated_over_estimated = [](const Network&) { return 1.02; };
  const SearchResult result = run_search(fake.attached(config), Step::kEvaluate);
  EXPECT_EQ(count(fake.phases, "supergraph"), 4);
  EXPECT_EQ(count(fake.phases, "search"), 2 * 10);
  ASSERT_EQ(result.targets.size(), 2U);
  double before = 0.0;
  for (std::size_t i = 0; i < 2; ++i) {
    const TargetResult& target = result.targets[i];
    EXPECT_EQ(target.directory, targets_of(config)[i].directory);
    EXPECT_THAT(target.directory, HasSubstr(config.directory + "/target-"));
    for (const char* file : {"architecture.yaml", "model.onnx", "weights.ckpt", "decisions.log",
                             "metrics.csv", "steps/evaluate.json"})
      EXPECT_TRUE(std::filesystem::exists(target.directory + "/" + file)) << file;
    EXPECT_GT(*target.steps.back().simulated_ms, before);
    EXPECT_LE(*target.steps.back().simulated_ms, config.targets_ms[i]);
    before = *target.steps.back().simulated_ms;
  }
  EXPECT_TRUE(read_file(config.directory + "/supergraph.ckpt") ==
              whole_run().files.at("supergraph.ckpt"));
  EXPECT_TRUE(read_file(result.targets[0].directory + "/weights.ckpt") ==
              whole_run().files.at("weights.ckpt"));
  EXPECT_EQ(read_file(result.targets[0].directory + "/decisions.log"),
            whole_run().files.at("decisions.log"));
}

TEST(SearchRun, ADirectorysNameThatNoNetworkCanHaveIsNoObstacle) {
  for (const char* name : {"/", "/.hidden", "/a \"quoted\" one"}) {
    const TempDir directory;
    RunContext config = tiny_run(directory);
    config.recipe.hswish = config.recipe.squeeze_excite = false;
    config.directory += name;
    FakeMachine fake;
    run_search(fake.attached(config), Step::kEvaluate);
    const Network network = read_network(config.directory + "/architecture.yaml");
    EXPECT_EQ(network.name, std::string(name) == "/" ? "run" : "found");
  }
}

TEST(SearchRun, DataThatDoNotFitTheSpaceAreRefused) {
  const TempDir directory;
  RunContext config = tiny_run(directory);
  FakeMachine fake;
  config.space.num_classes = 11;
  EXPECT_EQ(input_error_of([&] { run_search(fake.attached(config), Step::kEvaluate); }),
            "space tiny has 11 classes, data synthetic has 10");
  config.space.input.channels = 3;
  EXPECT_EQ(input_error_of([&] { run_search(fake.attached(config), Step::kEvaluate); }),
            "space tiny takes images of 3 channels, data synthetic has 1");
}

}  // namespace
}  // namespace tilewake
