// SPDX-License-Identifier: Apache-2.0
#include "nas/search/one_shot.hpp"

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latency_model/rank_correlation.hpp"
#include "nas/report/cost_log.hpp"
#include "nas/search/operator_search.hpp"
#include "simulator/common/error.hpp"
#include "tests/nas/search/operator_world.hpp"

namespace tilewake {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A run of a method to its end, done once for all tests that look at what it left.
struct MethodRun {
  explicit MethodRun(Method method) : config(operators_run(directory, method)) {
    fake.simulated_over_estimated = [](const Network&) { return 1.01; };
    config.num_random = 1;
    config.num_correlated = method == Method::kSpos ? 5 : 0;
    result = run_search(fake.attached(config), Step::kEvaluate);
    files = files_of(config.directory);
  }

  const TargetResult& target() const { return result.targets.at(0); }
  std::string file(const std::string& name) const { return config.directory + "/" + name; }

  TempDir directory;
  RunContext config;
  FakeMachine fake;
  SearchResult result;
  std::map<std::string, std::string> files;
};

const MethodRun& run_of(Method method) {
  static std::map<Method, MethodRun> runs;
  return runs.try_emplace(method, method).first->second;
}

const Method kMethods[] = {Method::kHurricane, Method::kSpos, Method::kRandom, Method::kGuided};

TEST(OneShot, EveryMethodEndsWithATrainedNetworkWithinTheLimit) {
  for (const Method method : kMethods) {
    SCOPED_TRACE(static_cast<int>(method));
    const MethodRun& run = run_of(method);
    std::vector<std::string> names;
    for (const StepRecord& step : run.target().steps) {
      names.push_back(step.step);
      EXPECT_LE(step.simulated_ms.value(), run.config.targets_ms[0]) << step.step;
    }
    EXPECT_THAT(names, ElementsAre("search", "scale", "train", "evaluate"));
    const StepRecord& last = run.target().steps.back();
    EXPECT_GE(last.simulated_ms.value(), 0.9 * run.config.targets_ms[0]);
    EXPECT_GT(last.test_accuracy.value(), 0.0);
    EXPECT_LE(run.target().random.at(0).simulated_ms.value(), run.config.targets_ms[0]);
    EXPECT_EQ(run.files.count("model.onnx"), 1U);
  }
}

TEST(OneShot, NoCandidateOfAnEvolutionExceedsTheLimitOrIsRepeated) {
  for (const auto& [method, file] : std::map<Method, std::vector<std::string>>{
           {Method::kSpos, {"supernet"}},
           {Method::kHurricane, {"supernet-later", "supernet-earlier"}}}) {
    const MethodRun& run = run_of(method);
    FakeMachine machine;
    for (const std::string& stage : file) {
      SCOPED_TRACE(stage);
      std::set<OperatorPath> seen;
      for (const ScoredPath& scored : scored_in(run.file("evolution-" + stage + ".json"))) {
        EXPECT_LE(scored.latency_ms, run.config.targets_ms[0]);
        EXPECT_DOUBLE_EQ(scored.latency_ms, latency_of(machine, run.config.operators, scored.path));
        EXPECT_TRUE(seen.insert(scored.path).second) << "scored twice";
      }
      EXPECT_GE(seen.size(), 4U);
    }
  }
}

TEST(OneShot, StagesFixWhatTheySayAndTheSecondStartsFromTheFirst) {
  const MethodRun& run = run_of(Method::kHurricane);
  const auto later = scored_in(run.file("evolution-supernet-later.json"));
  const auto earlier = scored_in(run.file("evolution-supernet-earlier.json"));
  for (const ScoredPath& scored : later) {
    EXPECT_EQ(scored.path[0], later[0].path[0]);
    EXPECT_EQ(scored.path[1], later[0].path[1]);
  }
  std::set<OperatorPath> tails;
  for (const ScoredPath& scored : later) tails.insert({scored.path[2], scored.path[3]});
  for (const ScoredPath& scored : earlier) {
    EXPECT_EQ(scored.path[2], earlier[0].path[2]);
    EXPECT_EQ(scored.path[3], earlier[0].path[3]);
    EXPECT_EQ(tails.count({scored.path[2], scored.path[3]}), 1U);
  }
}

TEST(OneShot, TwoStagesTrainTheirSharesOfOne) {
  const auto trained = [](Method method) {
    std::int64_t images = 0;
    for (const Cost& cost : CostLog(run_of(method).config.directory).totals()) {
      if (cost.step.rfind("supernet", 0) == 0) images += cost.trained_images;
    }
    return images;
  };
  EXPECT_EQ(trained(Method::kSpos), 10 * 8);
  EXPECT_EQ(trained(Method::kHurricane), (5 + 2) * 8);
  EXPECT_EQ(run_of(Method::kHurricane).target().steps[0].values.at(0), 56.0);
}

TEST(OneShot, WeightsOutsideThePathsOfAStageStayAsTheyWere) {
  const MethodRun& run = run_of(Method::kHurricane);
  PathSupernet later(run.config.operators);
  PathSupernet earlier(run.config.operators);
  load_phase_module(run.file("supernet-later.ckpt"), *later);
  load_phase_module(run.file("supernet-earlier.ckpt"), *earlier);
  const auto fixed = scored_in(run.file("evolution-supernet-earlier.json")).at(0).path;
  int num_stayed = 0;
  const auto before = later->named_parameters();
  for (const auto& item : earlier->named_parameters()) {
    const std::string& key = item.key();
    const bool is_later = key.rfind("block2_", 0) == 0 || key.rfind("block3_", 0) == 0;
    const bool is_fixed = key.rfind(fmt::format("block2_{}.", fixed[2]), 0) == 0 ||
                          key.rfind(fmt::format("block3_{}.", fixed[3]), 0) == 0;
    if (!is_later || is_fixed) continue;
    EXPECT_TRUE(item.value().equal(before[key])) << key;
    ++num_stayed;
  }
  EXPECT_GT(num_stayed, 20);
}

TEST(OneShot, AScoreDependsOnThePathAlone) {
  const MethodRun& run = run_of(Method::kSpos);
  RunContext context = run.config;
  context.split = split_train(*context.data.train, context.recipe.validation_share, context.seed);
  PathSupernet supernet(run.config.operators);
  load_phase_module(supernet_checkpoint(targets_of(context)[0]), *supernet);
  const double first = inherited_accuracy(context, supernet, {0, 1, 2, 3}, 0);
  inherited_accuracy(context, supernet, {3, 2, 1, 0}, 0);
  EXPECT_EQ(inherited_accuracy(context, supernet, {0, 1, 2, 3}, 0), first);
}

TEST(OneShot, ALimitThatNoNetworkKeepsToIsMissedWithTheFastestOne) {
  for (const Method method : kMethods) {
    TempDir directory;
    RunContext config = operators_run(directory, method);
    FakeMachine fake;
    const double fastest_ms = latencies_of(fake, config.operators).front();
    config.targets_ms = {0.5 * fastest_ms};
    try {
      run_search(fake.attached(config), Step::kEvaluate);
      ADD_FAILURE() << "it found a network";
    } catch (const TargetMissed& missed) {
      EXPECT_THAT(std::string(missed.what()), HasSubstr("tiny_operators"));
      EXPECT_GE(missed.least, fastest_ms * (1.0 - 1e-9));
      EXPECT_TRUE(fake.phases.empty()) << "before anything is trained";
    }
  }
}

TEST(OneShot, OfTheBestByInheritedWeightsTrainingChooses) {
  TempDir directory;
  RunContext config = operators_run(directory, Method::kSpos);
  config.recipe.evolution.max_trained = 4;
  FakeMachine fake;
  const SearchResult result = run_search(fake.attached(config), Step::kSearch);
  const auto ranked = records_in(config.directory, "rank-");
  EXPECT_EQ(ranked.size(), 4U);
  double best = 0.0;
  for (const auto& [name, record] : ranked) best = std::max(best, *record.validation_accuracy);
  const StepRecord& found = result.targets[0].steps.back();
  EXPECT_EQ(found.validation_accuracy, best);
  EXPECT_LE(found.simulated_ms.value(), config.targets_ms[0]);
}

TEST(OneShot, WhatTheSimulatorFindsTooSlowIsPassedOver) {
  TempDir directory;
  RunContext config = operators_run(directory, Method::kSpos);
  FakeMachine fake;
  fake.simulated_over_estimated = [](const Network&) { return 1.1; };
  const SearchResult result = run_search(fake.attached(config), Step::kSearch);
  const StepRecord& found = result.targets[0].steps.back();
  EXPECT_LE(found.simulated_ms.value(), config.targets_ms[0]);
  EXPECT_LE(found.estimated_ms.value(), config.targets_ms[0] / 1.1);
}

TEST(OneShot, WhatTheSimulatorCannotHoldIsPassedOver) {
  for (const Method method : {Method::kSpos, Method::kRandom}) {
    const auto search = [method](FakeMachine fake) {
      TempDir directory;
      const RunContext config = operators_run(directory, method);
      return run_search(fake.attached(config), Step::kSearch).targets[0].steps.back();
    };
    const Network best = to_network(search({}).architecture.value());
    FakeMachine fake;
    fake.simulated_over_estimated = [&](const Network& network) {
      if (network.num_params() == best.num_params() && network.num_macs() == best.num_macs())
        throw InputError("does not fit");
      return 1.0;
    };
    const StepRecord found = search(fake);
    EXPECT_NE(to_network(found.architecture.value()).num_macs(), best.num_macs());
    EXPECT_THAT(found.log, Contains(HasSubstr("the machine cannot hold it: does not fit")));
  }
}

TEST(OneShot, SeveralLimitsAreRefused) {
  TempDir directory;
  RunContext config = operators_run(directory, Method::kSpos);
  config.targets_ms.push_back(2.0 * config.targets_ms[0]);
  FakeMachine fake;
  EXPECT_THROW(run_search(fake.attached(config), Step::kEvaluate), InputError);
}

TEST(OneShot, ALimitFarBeyondTheNetworksIsRefused) {
  for (const Method method : {Method::kSpos, Method::kRandom, Method::kMobilenetV2}) {
    TempDir directory;
    RunContext config = operators_run(directory, method);
    config.targets_ms = {1e6};
    FakeMachine fake;
    EXPECT_THROW(run_search(fake.attached(config), Step::kEvaluate), InputError);
    EXPECT_TRUE(fake.phases.empty()) << "before anything is trained";
  }
}

TEST(OneShot, WhatASupernetOfPathsCannotDoIsRefused) {
  TempDir directory;
  FakeMachine fake;
  RunContext config = operators_run(directory, Method::kSpos);
  config.recipe.supernet.ema_decay = 0.9;
  EXPECT_THROW(run_search(fake.attached(config), Step::kEvaluate), InputError);
  config.recipe.supernet.ema_decay = 0.0;
  config.recipe.supernet.drop_connect = 0.1;
  EXPECT_THROW(run_search(fake.attached(config), Step::kEvaluate), InputError);
}

TEST(OneShot, AWholePoolIsDesignedForTheMachineAndKept) {
  TempDir directory;
  RunContext config = operators_run(directory, Method::kSpos);
  for (OperatorStage& stage : config.operators.stages) {
    stage.blocks.assign(stage.blocks.size(), operator_pool());
    std::erase(stage.blocks.front(), kIdentity);  // the first block of a stage cannot be skipped
  }
  config.recipe.space.keep = 3;
  FakeMachine fake;
  run_search(fake.attached(config), Step::kDesign);
  const OperatorSpace kept = read_operator_space(config.directory + "/space.yaml");
  EXPECT_FALSE(kept.has_whole_pool());
  for (const OperatorPosition& position : positions_of(kept)) {
    const auto num_identities =
        std::count(position.operators.begin(), position.operators.end(), kIdentity);
    EXPECT_LE(position.operators.size(), 3U + static_cast<std::size_t>(num_identities));
  }
  EXPECT_THAT(read_file(config.directory + "/operators.csv"), HasSubstr("mbconv6_7_se"));
}

double cost_of(const MethodRun& run, double num_validations) {
  double cost = num_validations * std::ceil(run.config.recipe.validation_share *
                                            static_cast<double>(run.config.data.train->size()));
  for (const Cost& total : CostLog(run.config.directory).totals()) {
    if (total.step == "train" || total.step.rfind("random-", 0) == 0) continue;
    if (run.config.method == Method::kSpos && total.step.rfind("rank-", 0) == 0) continue;
    cost += 3.0 * static_cast<double>(total.trained_images) +
            static_cast<double>(total.evaluated_images);
  }
  return cost;
}

TEST(OneShot, RandomSearchCostsWhatSposCosts) {
  const MethodRun& random = run_of(Method::kRandom);
  int num_ranked = 0;
  for (const auto& [name, record] : records_in(random.config.directory))
    num_ranked += name.rfind("rank-", 0) == 0 ? 1 : 0;
  const double one = cost_of(random, num_ranked) / num_ranked;
  EXPECT_NEAR(cost_of(random, num_ranked), cost_of(run_of(Method::kSpos), 0), 0.51 * one);
}

TEST(OneShot, RandomAndGuidedSearchKeepTheBestTheyRanked) {
  std::map<Method, int> num_ranked;
  for (const Method method : {Method::kRandom, Method::kGuided}) {
    const MethodRun& run = run_of(method);
    const StepRecord& found = run.target().steps.front();
    double best = 0.0;
    for (const auto& [name, record] : records_in(run.config.directory)) {
      if (name.rfind("rank-", 0) != 0) continue;
      best = std::max(best, record.validation_accuracy.value());
      ++num_ranked[method];
    }
    EXPECT_GT(num_ranked[method], 1);
    EXPECT_EQ(found.validation_accuracy.value(), best);
  }
  EXPECT_EQ(num_ranked[Method::kGuided], num_ranked[Method::kRandom]) << "equal cost";
}

TEST(OneShot, CorrelationComparesEveryNetworkWithItself) {
  const StepRecord& record = run_of(Method::kSpos).target().correlation.value();
  ASSERT_EQ(record.values.size(), 1U + 2U * 5U);
  std::vector<double> inherited;
  std::vector<double> alone;
  std::multiset<double> ranked;
  for (std::size_t i = 1; i < record.values.size(); i += 2) {
    inherited.push_back(record.values[i]);
    alone.push_back(record.values[i + 1]);
  }
  for (const auto& [name, ranking] : records_in(run_of(Method::kSpos).config.directory)) {
    if (name.rfind("rank-", 0) == 0) ranked.insert(ranking.validation_accuracy.value());
  }
  EXPECT_EQ(std::multiset<double>(alone.begin(), alone.end()), ranked);
  EXPECT_EQ(record.values[0], kendall_tau(inherited, alone));
  for (std::size_t i = 0; i < alone.size(); ++i) {
    EXPECT_THAT(record.log[i],
                HasSubstr(as_percent(inherited[i]) + " inherited, " + as_percent(alone[i])));
  }
}

/// Interrupted again and again, after so many questions whether it is.
std::map<std::string, std::string> files_of_interrupted(Method method, int patience) {
  TempDir directory;
  RunContext config = operators_run(directory, method);
  config.num_random = 1;
  config.num_correlated = method == Method::kSpos ? 5 : 0;
  for (int process = 0; process < 200; ++process) {
    FakeMachine fake;
    fake.simulated_over_estimated = [](const Network&) { return 1.01; };
    int num_asked = 0;
    fake.is_interrupted = [&] { return ++num_asked >= patience; };
    try {
      run_search(fake.attached(config), Step::kEvaluate);
      return files_of(config.directory);
    } catch (const Interrupted&) {
    }
  }
  ADD_FAILURE() << "it does not come to an end";
  return {};
}

TEST(OneShot, InterruptedAnywhereItLeavesTheSameFiles) {
  for (const Method method : kMethods) {
    for (const int patience : {2, 3, 7}) {
      SCOPED_TRACE(patience);
      const auto files = files_of_interrupted(method, patience);
      for (const auto& [name, text] : run_of(method).files) {
        ASSERT_EQ(files.count(name), 1U) << name << " is missing";
        EXPECT_TRUE(files.at(name) == text) << name << " differs";
      }
      EXPECT_EQ(files.size(), run_of(method).files.size());
    }
  }
}

}  // namespace
}  // namespace tilewake
