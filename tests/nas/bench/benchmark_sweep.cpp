// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "latency_model/rank_correlation.hpp"
#include "nas/bench/benchmark.hpp"
#include "nas/space/architecture.hpp"
#include "simulator/common/regular_file.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

const std::string kNames = "arch,acc1,acc2,acc3,params\n";

const MacroTable& published() {
  static const MacroTable table = MacroTable::parse(
      read_text_file(source_path("nas/bench/nas_bench_macro.csv")), "nas_bench_macro.csv");
  return table;
}

/// MACs in place of a machine: no simulation.
const std::vector<double>& macs_as_latency() {
  static const std::vector<double> latency = [] {
    std::vector<double> values;
    for (const MacroRow& row : published().rows())
      values.push_back(static_cast<double>(row.macs) / 1e6);
    return values;
  }();
  return latency;
}

BenchProblem problem_within(double limit_ms) { return {published(), macs_as_latency(), limit_ms}; }

double median_latency() {
  std::vector<double> sorted = macs_as_latency();
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(MacroTableTest, ThePublishedTableHasEveryNetwork) {
  // 9 ways in the first stage; 3 x 7 in the others, where identities do not count.
  EXPECT_EQ(published().rows().size(), 9U * 21U * 21U);
  for (std::size_t i = 0; i < published().rows().size(); ++i) {
    const MacroRow& row = published().rows()[i];
    EXPECT_EQ(published().row_of(row.path), i);
    EXPECT_EQ(macro_network_path(row.path), row.path);
  }
}

TEST(MacroTableTest, PathsOfOneNetworkHaveOneRow) {
  EXPECT_EQ(published().row_of({0, 1, 0, 0, 2, 1, 0, 2}),
            published().row_of({0, 1, 0, 2, 0, 1, 2, 0}));
  // The first block of a stage has the stride.
  EXPECT_NE(published().row_of({0, 1, 0, 0, 0, 0, 0, 0}),
            published().row_of({1, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(MacroTableTest, ParametersOfTheNetworkAreThePublishedOnes) {
  EXPECT_EQ(num_trained_params(macro_network({0, 0, 0, 0, 0, 0, 0, 0})), 387882);
  EXPECT_EQ(num_trained_params(macro_network({0, 0, 0, 0, 2, 2, 2, 2})),
            num_trained_params(macro_network({0, 0, 0, 2, 0, 2, 2, 2})));
}

TEST(MacroTableTest, BadLinesAreRefusedByNumber) {
  const std::string row = "00000000,45.32,45.33,45.44,387882\n";
  EXPECT_EQ(MacroTable::parse("# source\r\n" + kNames + row, "t").rows().size(), 1U);
  for (const std::string& bad :
       {std::string(), kNames, row, kNames + "0000000,1,2,3,387882\n",
        kNames + "00000003,1,2,3,387882\n", kNames + "00000000,1,2,387882\n",
        kNames + "00000000,nan,2,3,387882\n", kNames + "00000000,101,2,3,387882\n",
        kNames + "00000000,-1,2,3,387882\n", kNames + "00000000,1,2,3,387883\n",
        kNames + "00000000,1,2,3,387882.5\n", kNames + "00000000,1,2,3,1e99\n",
        kNames + row + "00000000,45.32,45.33,45.45,387882\n", kNames + "\"0,1,2,3,4\n"}) {
    EXPECT_NE(input_error_of([&] { MacroTable::parse(bad, "t"); }), "no error") << bad;
  }
}

class BenchMethodTest : public ::testing::TestWithParam<BenchMethod> {};
INSTANTIATE_TEST_SUITE_P(All, BenchMethodTest,
                         ::testing::Values(BenchMethod::kRandom, BenchMethod::kRandomNear,
                                           BenchMethod::kEvolution, BenchMethod::kGuided,
                                           BenchMethod::kProxy, BenchMethod::kCapacity,
                                           BenchMethod::kDepth),
                         [](const auto& test) { return std::string(to_string(test.param)); });

TEST_P(BenchMethodTest, TrainingsAreDistinctWithinTheLimitAndNoMoreThanAllowed) {
  const BenchProblem problem = problem_within(median_latency());
  for (const int trainings : {1, 5, 40}) {
    const auto rows = trained_rows(problem, GetParam(), trainings, 0.3, 1);
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(trainings));
    EXPECT_EQ(std::set<std::size_t>(rows.begin(), rows.end()).size(), rows.size());
    for (const std::size_t row : rows) EXPECT_LE(problem.latency_ms[row], problem.limit_ms);
  }
}

TEST_P(BenchMethodTest, AShorterSearchIsTheBeginningOfALongerOne) {
  const BenchProblem problem = problem_within(median_latency());
  const auto longer = trained_rows(problem, GetParam(), 40, 0.3, 2);
  for (const int trainings : {1, 16, 24}) {  // guided: whole batches
    const auto shorter = trained_rows(problem, GetParam(), trainings, 0.3, 2);
    EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), longer.begin())) << trainings;
  }
}

TEST_P(BenchMethodTest, EverySearchEndsAtTheLatestWhenAllNetworksAreTrained) {
  std::vector<double> latency(published().rows().size(), std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < 5; ++i) latency[100 * i] = 1.0;
  const auto rows = trained_rows({published(), latency, 2.0}, GetParam(), 64, 0.3, 1);
  // Random draws of the evolution need not meet all of them.
  EXPECT_GE(rows.size(), GetParam() == BenchMethod::kEvolution ? 1U : 5U);
  EXPECT_LE(rows.size(), 5U);
}

TEST(NoisyProxyTest, ItsTauIsTheGivenOne) {
  std::vector<std::size_t> rows(published().rows().size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::vector<double> accuracy;
  for (const MacroRow& row : published().rows()) accuracy.push_back(row.mean_accuracy);
  for (const double tau : {0.0, 0.3, 0.7}) {
    std::vector<double> taus;
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
      taus.push_back(kendall_tau(noisy_proxy(published(), rows, tau, seed), accuracy));
    EXPECT_NEAR(mean_of(taus), tau, 0.01);
  }
  EXPECT_GT(kendall_tau(noisy_proxy(published(), rows, 1.0, 1), accuracy), 0.999);
}

BenchOptions options_of(int num_seeds) {
  BenchOptions options;
  options.methods = {BenchMethod::kRandom, BenchMethod::kRandomNear, BenchMethod::kGuided};
  options.trainings = {8, 32};
  options.limits = {0.4, 0.8};
  options.num_seeds = num_seeds;
  return options;
}

TEST(BenchmarkTest, RegretIsNotNegativeAndTheOracleIsTheBestWithinTheLimit) {
  const BenchMachine machine = run_benchmark(published(), "macs", macs_as_latency(), options_of(3));
  ASSERT_EQ(machine.limits.size(), 2U);
  for (const BenchLimit& limit : machine.limits) {
    double best = 0.0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < macs_as_latency().size(); ++i) {
      if (macs_as_latency()[i] > limit.limit_ms) continue;
      best = std::max(best, published().rows()[i].mean_accuracy);
      ++count;
    }
    EXPECT_EQ(limit.oracle, best);
    EXPECT_EQ(limit.num_networks, count);
    EXPECT_NEAR(static_cast<double>(count) / static_cast<double>(published().rows().size()),
                limit.share, 0.02);
    for (const auto& method : limit.regrets) {
      ASSERT_EQ(method.size(), 2U);
      for (const auto& regrets : method) {
        ASSERT_EQ(regrets.size(), 3U);
        for (const double regret : regrets) EXPECT_GE(regret, 0.0);
      }
    }
  }
}

TEST(BenchmarkTest, AllNetworksTrainedLeaveOnlyTheNoiseOfTrainings) {
  std::vector<double> latency(published().rows().size(), std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < 20; ++i) latency[190 * i] = 1.0;
  BenchOptions options = options_of(5);
  options.limits = {1.0};
  const BenchMachine machine = run_benchmark(published(), "few", latency, options);
  for (const auto& method : machine.limits[0].regrets)
    EXPECT_LT(*std::max_element(method[1].begin(), method[1].end()), 0.01);
}

TEST(BenchmarkTest, GuidedSearchBeatsRandomSearchOfAsManyTrainings) {
  const BenchMachine machine =
      run_benchmark(published(), "macs", macs_as_latency(), options_of(40));
  for (const BenchLimit& limit : machine.limits) {
    // By 0.2 points, and 0.05 points where both are near the limit.
    EXPECT_LT(mean_of(limit.regrets[2][1]) + 0.002, mean_of(limit.regrets[0][1]));
    EXPECT_LT(mean_of(limit.regrets[2][1]) + 0.0005, mean_of(limit.regrets[1][1]));
  }
}

TEST(BenchmarkTest, ATextForAnotherProcessKeepsEveryFigure) {
  const BenchOptions options = options_of(2);
  const BenchMachine machine = run_benchmark(published(), "macs", macs_as_latency(), options);
  const BenchMachine read = bench_machine_of(bench_machine_text(machine));
  EXPECT_EQ(bench_csv(options, {read}), bench_csv(options, {machine}));
  EXPECT_EQ(bench_json(options, {read}), bench_json(options, {machine}));
  EXPECT_EQ(bench_table(options, {read}, 0), bench_table(options, {machine}, 0));
  const auto json = nlohmann::json::parse(bench_json(options, {machine}));
  EXPECT_EQ(json.at("machines").size(), 1U);
  EXPECT_EQ(json.at("mean").size(), 6U);
}

TEST(BenchmarkTest, AtEqualMacsTheNumberOfMacsSaysNothingNew) {
  std::vector<double> accuracies;
  for (const MacroRow& row : published().rows()) accuracies.push_back(row.mean_accuracy);
  // Ten bins of equal MACs: far below the tau of all networks.
  std::vector<double> macs;
  for (const MacroRow& row : published().rows()) macs.push_back(static_cast<double>(row.macs));
  const BenchTau tau = latency_free_tau(published(), macs_as_latency());
  EXPECT_LT(tau.log_macs, 0.5 * kendall_tau(macs, accuracies));
  EXPECT_GT(tau.depth, tau.log_macs);
}

TEST(BenchmarkTest, AMachineThatHoldsNoNetworkIsRefused) {
  const std::vector<double> none(published().rows().size(),
                                 std::numeric_limits<double>::infinity());
  EXPECT_NE(input_error_of([&] { run_benchmark(published(), "none", none, options_of(1)); }),
            "no error");
}

}  // namespace
}  // namespace tilewake
