// SPDX-License-Identifier: Apache-2.0
#include "latency_model/evaluation.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latency_model/dataset.hpp"
#include "latency_model/evaluation_report.hpp"
#include "tests/latency_model/fake_features.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ErrorSummaryTest, AgreesWithFiguresByHand) {
  // Errors: +10 %, -20 %, 0, +4 %.
  const ErrorSummary s = summarize_errors({110, 160, 50, 26}, {100, 200, 50, 25});
  EXPECT_EQ(s.n, 4);
  EXPECT_NEAR(s.mape, 0.34 / 4, 1e-12);
  EXPECT_NEAR(s.rmspe, std::sqrt((0.01 + 0.04 + 0.0016) / 4), 1e-12);
  EXPECT_NEAR(s.bias, -0.06 / 4, 1e-12);
  EXPECT_NEAR(s.max, 0.2, 1e-12);
  EXPECT_NEAR(s.median, 0.04, 1e-12);
  EXPECT_NEAR(s.p95, 0.2, 1e-12);
  EXPECT_DOUBLE_EQ(s.within_5, 0.5);
}

TEST(ErrorSummaryTest, PercentileIsTheNearestRank) {
  std::vector<double> predicted;
  for (int i = 1; i <= 100; ++i) predicted.push_back(1000.0 + i);
  EXPECT_NEAR(summarize_errors(predicted, std::vector<double>(100, 1000.0)).p95, 0.095, 1e-12);
  EXPECT_NEAR(summarize_errors(predicted, std::vector<double>(100, 1000.0)).median, 0.05, 1e-12);
  predicted.push_back(2000.0);  // ceil(0.95 x 101) = 96
  EXPECT_NEAR(summarize_errors(predicted, std::vector<double>(101, 1000.0)).p95, 0.096, 1e-12);
}

TEST(ErrorSummaryTest, PerfectPredictionHasNoError) {
  const ErrorSummary s = summarize_errors({3, 4}, {3, 4});
  EXPECT_EQ(s, (ErrorSummary{.n = 2, .within_5 = 1.0, .within_10 = 1.0}));
}

TEST(ErrorSummaryTest, NothingGivesZeros) { EXPECT_EQ(summarize_errors({}, {}), ErrorSummary{}); }

LayerFeatures features(int op_class, double compute, double traffic) {
  LayerFeatures f;
  f.op_class = op_class;
  f.values = {compute, traffic, 40};
  return f;
}

/// Two networks of two layers; the roofline is half of everything.
Dataset small_dataset() {
  Dataset dataset;
  dataset.networks = {"first", "second", "empty"};
  dataset.samples = {{0, "a", features(FakeFeatures::kConv, 7, 8), 100, 50},
                     {0, "b", features(FakeFeatures::kJoin, 0, 9), 300, 150},
                     {1, "a", features(FakeFeatures::kConv, 5, 6), 200, 100},
                     {1, "b", features(FakeFeatures::kConv, 3, 4), 400, 200}};
  return dataset;
}

const std::vector<double> kPredicted = {110, 270, 200, 480};  // +10 %, -10 %, 0, +20 %

Evaluation small_evaluation() {
  return evaluate(FakeFeatures().set(), small_dataset(), kPredicted);
}

TEST(EvaluationTest, ClassesAreSummarizedApart) {
  const Evaluation e = small_evaluation();
  EXPECT_THAT(e.op_classes, ElementsAre("conv", "pool", "join"));
  ASSERT_EQ(e.by_class.size(), 3u);
  EXPECT_EQ(e.by_class[0].n, 3);
  EXPECT_NEAR(e.by_class[0].mape, 0.1, 1e-12);
  EXPECT_EQ(e.by_class[1], ErrorSummary{});
  EXPECT_NEAR(e.by_class[2].bias, -0.1, 1e-12);
  EXPECT_EQ(e.layers.n, 4);
  EXPECT_NEAR(e.layers.mape, 0.1, 1e-12);
}

TEST(EvaluationTest, NetworksAreTheSumsOfTheirLayers) {
  const Evaluation e = small_evaluation();
  EXPECT_EQ(e.networks.n, 2);  // the third has no layer that takes cycles
  EXPECT_NEAR(e.networks.max, 80.0 / 600.0, 1e-12);
  EXPECT_NEAR(e.networks.mape, (20.0 / 400.0 + 80.0 / 600.0) / 2, 1e-12);
  EXPECT_EQ(e.kendall_tau, 1.0);
  EXPECT_EQ(e.spearman, 1.0);
}

TEST(EvaluationTest, RooflineIsJudgedOnTheSameLayers) {
  EXPECT_DOUBLE_EQ(small_evaluation().roofline_mape, 0.5);
}

TEST(EvaluationTest, WorstLayersComeFirstWithTheirFeatures) {
  const Evaluation e = small_evaluation();
  ASSERT_EQ(e.worst.size(), 4u);
  EXPECT_EQ(e.worst[0], (Case{"second", "b", FakeFeatures::kConv, 480, 400, {3, 4, 40}}));
  EXPECT_EQ(e.worst[3].layer, "a");
  EXPECT_EQ(e.worst[3].network, "second");
}

TEST(EvaluationTest, NoMoreThanTenAreTheWorst) {
  Dataset dataset;
  dataset.networks = {"n"};
  std::vector<double> predicted;
  for (int i = 0; i < 50; ++i) {
    dataset.samples.push_back(
        {0, std::to_string(i), features(FakeFeatures::kConv, 1, 1), 1000, 500});
    predicted.push_back(1000.0 - i);
  }
  const Evaluation e = evaluate(FakeFeatures().set(), dataset, predicted);
  ASSERT_EQ(e.worst.size(), kNumWorst);
  EXPECT_EQ(e.worst.front().layer, "49");
  EXPECT_EQ(e.worst.back().layer, "40");
}

TEST(EvaluationReportTest, ReadsAsATable) {
  EXPECT_EQ(evaluation_report(small_evaluation(), FakeFeatures().set()),
            R"(errors in %  n   MAPE  median  RMSPE    bias    p95    max  within 5  within 10
conv         3  10.00   10.00  12.91  +10.00  20.00  20.00     33.33      66.67
pool         0      -       -      -       -      -      -         -          -
join         1  10.00   10.00  10.00  -10.00  10.00  10.00      0.00     100.00
all layers   4  10.00   10.00  12.25   +5.00  20.00  20.00     25.00      75.00
networks     2   9.17    5.00  10.07   +4.17  13.33  13.33     50.00      50.00

Order of the networks: Kendall tau 1.0000, Spearman 1.0000
The plain roofline has a MAPE of 50.00 % on the same layers.

worst layers  op class  simulated  predicted  error %
second/b      conv            400        480   +20.00
    compute=3 traffic=4 start=40
first/a       conv            100        110   +10.00
    compute=7 traffic=8 start=40
first/b       join            300        270   -10.00
    traffic=9 start=40
second/a      conv            200        200    +0.00
    compute=5 traffic=6 start=40
)");
}

TEST(EvaluationReportTest, AReportWithoutMeasurementsIsValid) {
  const Evaluation e = evaluate(FakeFeatures().set(), Dataset{}, {});
  EXPECT_THAT(evaluation_report(e, FakeFeatures().set()), HasSubstr("all layers   0"));
}

}  // namespace
}  // namespace tilewake
