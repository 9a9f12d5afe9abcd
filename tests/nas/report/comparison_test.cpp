// SPDX-License-Identifier: Apache-2.0
#include "nas/report/comparison.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/csv_fields.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

ComparedRun run_of(const std::string& method, double target_ms, std::uint64_t seed,
                   double accuracy) {
  ComparedRun run;
  run.method = method;
  run.target_ms = target_ms;
  run.seed = seed;
  run.simulated_ms = 0.9 * target_ms;
  run.validation_accuracy = accuracy;
  run.test_accuracy = accuracy - 0.01;
  run.params = 250'000;
  run.macs = 12'500'000;
  run.trained_images = 60'000;
  run.evaluated_images = 5'000;
  run.search_seconds = 42.0;
  return run;
}

/// By hand: 0.90, 0.92, 0.94 have the mean 0.92, the standard deviation 0.02 and the standard error
/// 0.02 / sqrt(3) = 0.01155; b is below by 0.02, 0.01 and 0.03: 0.02, 0.01 and 0.00577.
std::vector<ComparedRun> three_seeds() {
  return {run_of("a", 2.0, 1, 0.90), run_of("a", 2.0, 2, 0.92), run_of("a", 2.0, 3, 0.94),
          run_of("b", 2.0, 1, 0.88), run_of("b", 2.0, 2, 0.91), run_of("b", 2.0, 3, 0.91)};
}

std::string line_with(const std::string& text, const std::string& what) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(what) != std::string::npos) return line;
  }
  return "no line";
}

TEST(ComparisonTest, TableHasMeanStandardErrorAndDeviationOverSeeds) {
  const std::string text = comparison_table(three_seeds());
  EXPECT_THAT(text, HasSubstr("limit 2 ms\n"));
  const std::string row = line_with(text, "  a  ");
  EXPECT_THAT(row, AllOf(HasSubstr("92.00 +-1.15 (sd 2.00)"), HasSubstr("91.00 +-1.15 (sd 2.00)"),
                         HasSubstr("1.8000"), HasSubstr("250.0"), HasSubstr("12.50"),
                         HasSubstr("60.0"), HasSubstr("5.0"), HasSubstr("42")));
  EXPECT_THAT(line_with(text, "  b  "), HasSubstr("90.00 +-1.00 (sd 1.73)"));
}

TEST(ComparisonTest, DifferencesArePairedBySeed) {
  EXPECT_THAT(comparison_table(three_seeds()),
              HasSubstr("  a - b: +2.00 +-0.58 points over 3 seeds: no clear difference "
                        "(validation +2.00 +-0.58; 95 %: -0.48 to +4.48; 0.5 points need 34 "
                        "seeds)\n"))
      << "3.5 standard errors, of 4.3; a deviation of 1 point: an effect of 0.5";
  EXPECT_THAT(comparison_table(three_seeds(), /*shown_points=*/1.0),
              HasSubstr("; 1 points need 10 seeds)"));
  EXPECT_THAT(comparison_table(three_seeds(), /*shown_points=*/0.01),
              HasSubstr("; 0.01 points need at least 1000 seeds)"));
  std::vector<ComparedRun> runs = three_seeds();
  runs[4].test_accuracy = 0.98;  // differences 0.02, -0.07 and 0.03
  EXPECT_THAT(comparison_table(runs),
              HasSubstr("  a - b: -0.67 +-3.18 points over 3 seeds: no clear difference "
                        "(validation +2.00 +-0.58; 95 %: "));
  for (ComparedRun& run : runs) run.test_accuracy = run.method == "a" ? 0.5 : 0.6;
  EXPECT_THAT(
      comparison_table(runs),
      HasSubstr("  a - b: -10.00 +-0.00 points over 3 seeds: a is less accurate (validation"));
  for (ComparedRun& run : runs) run.test_accuracy = 0.5;
  EXPECT_THAT(comparison_table(runs), HasSubstr("over 3 seeds: no clear difference"));
  runs = three_seeds();
  for (ComparedRun& run : runs) run.test_accuracy = run.method == "a" ? 0.9 : 0.8;
  runs[0].test_accuracy = 0.91;  // differences 0.11, 0.1 and 0.1: 31 standard errors
  EXPECT_THAT(
      comparison_table(runs),
      HasSubstr("  a - b: +10.33 +-0.33 points over 3 seeds: b is less accurate (validation"));
}

TEST(ComparisonTest, NetworksThatLeaveMoreOfTheLimitAreNotAtEqualLatency) {
  std::vector<ComparedRun> runs = {run_of("a", 2.0, 1, 0.9), run_of("b", 2.0, 2, 0.8)};
  runs[0].simulated_ms = 1.9;
  runs[1].simulated_ms = 1.88;
  const std::string text = comparison_table(runs);
  EXPECT_THAT(text, HasSubstr("  b, seed 2: 94.0 % of the limit only, not at equal latency\n"));
  EXPECT_THAT(text, Not(HasSubstr("  a, seed 1")));
}

TEST(ComparisonTest, DifferencesAreOverTheSeedsThatBothHave) {
  std::vector<ComparedRun> runs = three_seeds();
  runs.erase(runs.begin() + 2);  // a has seeds 1 and 2: differences 0.02 and 0.01
  EXPECT_THAT(comparison_table(runs),
              HasSubstr("  a - b: +1.50 +-0.50 points over 2 seeds: no clear difference"));
  runs = {run_of("a", 2.0, 1, 0.9), run_of("b", 2.0, 2, 0.8)};
  EXPECT_THAT(comparison_table(runs), Not(HasSubstr("a - b")));
  EXPECT_THAT(comparison_table(runs), Not(HasSubstr("differences")));
}

TEST(ComparisonTest, OneSeedHasNoSpread) {
  const std::string text = comparison_table({run_of("a", 2.0, 1, 0.90), run_of("b", 2.0, 1, 0.89)});
  EXPECT_THAT(line_with(text, "  a  "), AllOf(HasSubstr(" 90.00 "), Not(HasSubstr("+-"))));
  EXPECT_THAT(text, HasSubstr("  a - b: +1.00 points over one seed: no standard error "
                              "(validation +1.00)\n"));
  EXPECT_THAT(text, Not(HasSubstr("less accurate")));
}

TEST(ComparisonTest, RunsWithoutANetworkAreCountedNowhereAndNamed) {
  std::vector<ComparedRun> runs = three_seeds();
  runs[0].missed = "no network within 2 ms";
  runs[0].validation_accuracy = 0.0;
  std::string text = comparison_table(runs);
  EXPECT_THAT(text, HasSubstr("  a, seed 1: no network within 2 ms\n"));
  EXPECT_THAT(line_with(text, "  a  "), HasSubstr("93.00 +-1.00 (sd 1.41)"));
  EXPECT_THAT(text, HasSubstr("over 2 seeds"));
  for (ComparedRun& run : runs) run.missed = "none";
  text = comparison_table(runs);
  EXPECT_THAT(line_with(text, "  a  "), AllOf(HasSubstr("    0  "), HasSubstr(" - ")));
  EXPECT_THAT(text, Not(HasSubstr("a - b")));
}

TEST(ComparisonTest, EveryLimitHasATable) {
  std::vector<ComparedRun> runs = three_seeds();
  for (const ComparedRun& run : three_seeds()) {
    runs.push_back(run);
    runs.back().target_ms = 1.0;
    runs.back().simulated_ms = 0.9;
    runs.back().validation_accuracy -= 0.1;
  }
  const std::string text = comparison_table(runs);
  EXPECT_LT(text.find("limit 1 ms\n"), text.find("limit 2 ms\n"));
  EXPECT_THAT(text, HasSubstr("82.00 +-1.15"));
  // From 80 % at 0.9 ms to 90 % at 1.8 ms, b reaches the 82 % of a at 1.08 ms, and never its 92 %.
  EXPECT_THAT(text, HasSubstr("  82.00 %: a 0.9000 ms, b 1.0800 ms (+20.0 %)\n"
                              "  92.00 %: a 1.8000 ms, b not within these limits\n"));
  EXPECT_THAT(comparison_table(three_seeds()), Not(HasSubstr("equal accuracy")));
}

TEST(ComparisonTest, RandomNetworksAndCorrelationAreShownWhereTheyAre) {
  std::vector<ComparedRun> runs = three_seeds();
  EXPECT_THAT(comparison_table(runs),
              AllOf(Not(HasSubstr("random network")), Not(HasSubstr("tau"))));
  runs[0].random_accuracies = {0.80, 0.82};
  runs[1].random_accuracies = {0.84};
  runs[1].kendall_tau = 0.625;
  runs[1].num_correlated = 24;
  EXPECT_THAT(
      comparison_table(runs),
      AllOf(HasSubstr("  a: one random network of its space, trained alike: 82.00 +-1.15 "
                      "(sd 2.00) (3 of them)\n"),
            HasSubstr("  a, seed 2: Kendall's tau of supernet and short training 0.625 over 24 "
                      "networks\n")));
}

TEST(ComparisonTest, WithoutRunsTheTableIsEmpty) {
  EXPECT_EQ(comparison_table({}), "");
  EXPECT_EQ(Json::parse(comparison_json({})).at("runs").size(), 0U);
}

TEST(ComparisonTest, EveryLineOfTheCsvHasEveryField) {
  Random random(42);
  std::vector<ComparedRun> runs;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    runs.push_back(run_of(random.pick<std::string>({"spos", "hurricane@space", "spos@a, b"}), 2.0,
                          seed, 0.001 * static_cast<double>(random.below(1000))));
    if (random.one_in(3)) runs.back().missed = "none, because of \"that\"";
    if (random.one_in(2)) runs.back().random_accuracies = {0.5, 0.75};
    if (random.one_in(2)) runs.back().kendall_tau = -0.25;
    runs.back().num_correlated = 20;
    runs.back().is_refused = random.one_in(2);
    if (random.one_in(2)) {
      runs.back().int8_test_accuracy = 0.25;
      runs.back().int8_validation_accuracy = 0.125;
    }
  }
  std::istringstream lines(comparison_csv(runs));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "# tilewake-comparison v1");
  std::getline(lines, line);
  const std::vector<std::string> names = fields_of(line);
  const auto index_of = [&](const char* name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  for (const ComparedRun& run : runs) {
    ASSERT_TRUE(std::getline(lines, line));
    const std::vector<std::string> fields = fields_of(line);
    ASSERT_EQ(fields.size(), names.size()) << line;
    EXPECT_EQ(fields[0], run.method);
    EXPECT_EQ(fields[index_of("seed")], std::to_string(run.seed));
    EXPECT_EQ(fields[index_of("macs")], run.missed.empty() ? "12500000" : "");
    EXPECT_EQ(fields[index_of("trained_images")], "60000");
    EXPECT_EQ(fields[index_of("random_accuracy")], run.random_accuracies.empty() ? "" : "0.625");
    EXPECT_EQ(fields[index_of("kendall_tau")], run.kendall_tau ? "-0.25" : "");
    EXPECT_EQ(fields[index_of("num_correlated")], run.kendall_tau ? "20" : "");
    EXPECT_EQ(fields[index_of("missed")],
              run.missed.empty() ? "" : (run.is_refused ? "refused" : "missed"));
    const bool has_int8 = run.missed.empty() && run.int8_test_accuracy;
    EXPECT_EQ(fields[index_of("int8_accuracy")], has_int8 ? "0.25" : "");
    EXPECT_EQ(fields[index_of("int8_validation_accuracy")], has_int8 ? "0.125" : "");
    if (run.missed.empty()) {
      EXPECT_EQ(std::stod(fields[index_of("validation_accuracy")]), run.validation_accuracy);
      EXPECT_EQ(std::stod(fields[index_of("accuracy")]), run.test_accuracy);
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(ComparisonTest, TableHasAccuraciesInInt8OfTheNetworksThatHaveThem) {
  std::vector<ComparedRun> runs = three_seeds();
  EXPECT_THAT(line_with(comparison_table(runs), "method"), HasSubstr("int8 test %"));
  runs[0].int8_test_accuracy = 0.80;
  runs[1].int8_test_accuracy = 0.84;
  // 0.82, deviation 0.0283, error 0.02; of b none.
  EXPECT_THAT(line_with(comparison_table(runs), "  a  "), HasSubstr("82.00 +-2.00 (sd 2.83)"));
  EXPECT_THAT(line_with(comparison_table(runs), "  b  "), HasSubstr("  -  "));
}

TEST(ComparisonTest, JsonHasRunsAndDifferences) {
  std::vector<ComparedRun> runs = three_seeds();
  runs[0].int8_test_accuracy = 0.80;
  runs[3].missed = "none";
  runs[4].kendall_tau = 0.5;
  const Json json = Json::parse(comparison_json(runs));
  ASSERT_EQ(json.at("runs").size(), 6U);
  EXPECT_EQ(json["runs"][0]["accuracy"], runs[0].test_accuracy);
  EXPECT_EQ(json["runs"][0]["int8_accuracy"], 0.80);
  EXPECT_FALSE(json["runs"][1].contains("int8_accuracy"));
  EXPECT_EQ(json["runs"][3]["missed"], "none");
  EXPECT_FALSE(json["runs"][3].contains("accuracy"));
  EXPECT_EQ(json["runs"][3]["trained_images"], 60'000);
  EXPECT_EQ(json["runs"][4]["kendall_tau"], 0.5);
  ASSERT_EQ(json.at("differences").size(), 1U);
  const Json& difference = json["differences"][0];
  EXPECT_EQ(difference["methods"], (Json{"a", "b"}));
  EXPECT_EQ(difference["seeds"], 2);
  EXPECT_EQ(difference["verdict"], "no clear difference");
  // 0.5 points are the deviation of 1 and 3 points times 0.354: 65 by tables of the power of t.
  EXPECT_EQ(difference["required_seeds"]["points"], 0.5);
  EXPECT_EQ(difference["required_seeds"]["seeds"], 65);
  for (const char* images : {"test", "validation"}) {
    EXPECT_NEAR(difference[images]["mean"].get<double>(), 0.02, 1e-12);
    EXPECT_NEAR(difference[images]["standard_error"].get<double>(), 0.01, 1e-12);
    // 12.706 standard errors for two values
    EXPECT_NEAR(difference[images]["confidence_interval"][0].get<double>(), -0.10706, 1e-5);
    EXPECT_NEAR(difference[images]["confidence_interval"][1].get<double>(), 0.14706, 1e-5);
  }
}

TEST(LatencyAtTest, IsInterpolatedBetweenTwoPoints) {
  EXPECT_DOUBLE_EQ(latency_at({{1.0, 0.8}, {2.0, 0.9}}, 0.85).value(), 1.5);
  EXPECT_DOUBLE_EQ(latency_at({{2.0, 0.9}, {1.0, 0.8}}, 0.85).value(), 1.5);  // in any order
  EXPECT_DOUBLE_EQ(latency_at({{1.0, 0.8}, {2.0, 0.9}, {4.0, 0.92}}, 0.91).value(), 3.0);
}

TEST(LatencyAtTest, PointsThemselvesAreReached) {
  const std::vector<std::pair<double, double>> points = {{1.0, 0.8}, {2.0, 0.9}, {4.0, 0.92}};
  for (const auto& [ms, accuracy] : points) EXPECT_EQ(latency_at(points, accuracy), ms);
  EXPECT_EQ(latency_at({{3.0, 0.7}}, 0.7), 3.0);
}

TEST(LatencyAtTest, NothingIsExtrapolated) {
  EXPECT_FALSE(latency_at({}, 0.5));
  EXPECT_FALSE(latency_at({{1.0, 0.8}}, 0.79));
  EXPECT_FALSE(latency_at({{1.0, 0.8}}, 0.81));
  EXPECT_FALSE(latency_at({{1.0, 0.8}, {2.0, 0.9}}, 0.79));
  EXPECT_FALSE(latency_at({{1.0, 0.8}, {2.0, 0.9}}, 0.91));
}

TEST(LatencyAtTest, TheFirstCrossingCountsForNonMonotonicAccuracy) {
  EXPECT_DOUBLE_EQ(latency_at({{1.0, 0.8}, {2.0, 0.9}, {3.0, 0.8}, {4.0, 0.9}}, 0.85).value(), 1.5);
  // Reached somewhere before the first point, so not where the curve comes back to it.
  EXPECT_FALSE(latency_at({{1.0, 0.9}, {2.0, 0.8}, {3.0, 0.9}}, 0.85));
  EXPECT_EQ(latency_at({{1.0, 0.8}, {2.0, 0.8}, {3.0, 0.9}}, 0.8), 1.0);
  EXPECT_EQ(latency_at({{1.0, 0.8}, {1.0, 0.9}}, 0.85), 1.0);
}

TEST(LatencyAtTest, MoreAccuracyNeverTakesLess) {
  Random random(43);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::pair<double, double>> points;
    for (std::int64_t n = random.between(1, 6); n > 0; --n) {
      points.emplace_back(static_cast<double>(random.between(1, 20)),
                          0.01 * static_cast<double>(random.between(50, 99)));
    }
    double before = 0.0;
    for (double accuracy = 0.5; accuracy < 1.0; accuracy += 0.005) {
      const std::optional<double> ms = latency_at(points, accuracy);
      if (!ms) continue;
      EXPECT_GE(*ms, before - 1e-12);
      before = *ms;
    }
  }
}

}  // namespace
}  // namespace tilewake
