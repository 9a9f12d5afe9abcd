// SPDX-License-Identifier: Apache-2.0
#include "latency_model/calibration.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "tests/latency_model/fake_features.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;

constexpr std::size_t kNumFeatures = 3;

Calibration fit(const Dataset& dataset, const CalibrationOptions& options = {}) {
  Provenance provenance;
  provenance.set = "fake";
  provenance.seed = 9;
  return calibrate(shipped_machine("midap"), FakeFeatures(), dataset, provenance, options);
}

/// `dataset` with cycles by exactly the planted law: no rounding to whole cycles.
Dataset exact(Dataset dataset) {
  const Coefficients planted(kPlanted);
  for (Sample& sample : dataset.samples) sample.cycles = planted.cycles(sample.features);
  return dataset;
}

template <typename Keep>
Dataset filtered(Dataset dataset, Keep keep) {
  std::erase_if(dataset.samples, [&](const Sample& sample) { return !keep(sample); });
  return dataset;
}

TEST(CalibrationTest, PlantedCoefficientsAreFound) {
  const Calibration c = fit(exact(fake_dataset(30, 1)));
  ASSERT_EQ(c.model.coefficients.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < kNumFeatures; ++j) {
      EXPECT_NEAR(c.model.coefficients[i][j], kPlanted[i][j], 1e-4 * kPlanted[i][j])
          << "class " << i << " feature " << j;
    }
  }
  EXPECT_LT(c.train.layers.max, 1e-4);
  EXPECT_LT(c.model.holdout.layers.max, 1e-4);
  EXPECT_EQ(c.model.holdout.kendall_tau, 1.0);
  EXPECT_THAT(c.warnings, IsEmpty());
}

TEST(CalibrationTest, NoiseInTheMeasurementsShowsInTheHoldoutError) {
  const Calibration c = fit(fake_dataset(60, 2, 0.04));
  EXPECT_NEAR(c.model.holdout.layers.mape, 0.02, 0.002);  // mean |error| of uniform noise
  EXPECT_LT(c.model.holdout.layers.max, 0.07);
  EXPECT_LT(c.model.holdout.networks.p95, 0.04);
  EXPECT_LE(c.train.layers.rmspe, c.model.holdout.layers.rmspe);
  EXPECT_GT(c.model.holdout.roofline_mape, 0.2);
}

TEST(CalibrationTest, AFifthOfGrossOutliersChangesNothing) {
  Dataset dataset = exact(fake_dataset(60, 15));
  Random random(15);
  std::size_t num_spoiled = 0;
  for (Sample& sample : dataset.samples) {
    if (!random.one_in(5)) continue;
    sample.cycles *= random.one_in(2) ? 0.1 : 3.0;  // leverage, and large errors
    ++num_spoiled;
  }
  const Calibration c = fit(dataset);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < kNumFeatures; ++j) {
      EXPECT_NEAR(c.model.coefficients[i][j], kPlanted[i][j], 1e-3 * kPlanted[i][j])
          << "class " << i << " feature " << j;
    }
  }
  // They count in the evaluation, held out or not.
  const double share = static_cast<double>(num_spoiled) / static_cast<double>(c.train.layers.n);
  EXPECT_NEAR(c.train.layers.within_5, 1.0 - share, 1e-9);
  EXPECT_NEAR(c.model.holdout.layers.within_5, 1.0 - share, 1e-9);
  EXPECT_NEAR(c.model.holdout.layers.max, 9.0, 0.01);
  EXPECT_LT(c.model.holdout.layers.median, 1e-3);
}

TEST(CalibrationTest, HeldOutNetworksAreNotSeenByTheirFold) {
  // Two networks have pools. With one held out, no other network confirms the feature, so both are
  // predicted by the formulas.
  const Dataset dataset = filtered(exact(fake_dataset(20, 3)), [](const Sample& sample) {
    return sample.features.op_class != FakeFeatures::kPool || sample.network == 4 ||
           sample.network == 7;
  });
  const Calibration c = fit(dataset);
  std::vector<double> expected;
  std::vector<double> measured;
  for (const Sample& sample : dataset.samples) {
    if (sample.features.op_class != FakeFeatures::kPool) continue;
    expected.push_back(sample.features.values[FakeFeatures::kTraffic] +
                       sample.features.values[FakeFeatures::kStart]);
    measured.push_back(sample.cycles);
  }
  EXPECT_NEAR(c.model.holdout.by_class[FakeFeatures::kPool].mape,
              summarize_errors(expected, measured).mape, 1e-9);
  EXPECT_LT(c.train.by_class[FakeFeatures::kPool].max, 1e-4);  // here both are seen
}

TEST(CalibrationTest, AFeatureOfOneNetworkOnlyIsNotFitted) {
  Dataset dataset = filtered(exact(fake_dataset(20, 3)), [](const Sample& sample) {
    return sample.features.op_class != FakeFeatures::kPool || sample.network == 4;
  });
  for (Sample& sample : dataset.samples)
    if (sample.features.op_class == FakeFeatures::kPool) sample.cycles *= 50.0;
  const Calibration c = fit(dataset);
  for (const double coefficient : c.model.coefficients[FakeFeatures::kPool])
    EXPECT_NEAR(coefficient, 1.0, 1e-6);
}

TEST(CalibrationTest, ErrorsAreRelative) {
  // Twenty small layers against one that is a million times larger: the many win.
  Dataset dataset = exact(fake_dataset(10, 4));
  Sample huge = dataset.samples.front();
  for (double& value : huge.features.values) value *= 1e6;
  huge.cycles *= 2e6;
  dataset.samples.push_back(huge);
  const Calibration c = fit(dataset);
  EXPECT_LT(c.train.layers.p95, 0.05);
  EXPECT_NEAR(c.train.layers.max, 0.5, 0.05);
}

TEST(CalibrationTest, ClassThatWasNotMeasuredFollowsTheFormulas) {
  const Calibration c = fit(filtered(fake_dataset(20, 5), [](const Sample& sample) {
    return sample.features.op_class != FakeFeatures::kPool;
  }));
  for (const double coefficient : c.model.coefficients[FakeFeatures::kPool])
    EXPECT_NEAR(coefficient, 1.0, 1e-12);
  EXPECT_EQ(c.model.holdout.by_class[FakeFeatures::kPool].n, 0);
  EXPECT_THAT(c.warnings, ElementsAre(::testing::StartsWith("pool: ")));
}

TEST(CalibrationTest, FeatureThatIsAlwaysZeroFollowsTheFormula) {
  const Calibration c = fit(fake_dataset(20, 6));  // pools and joins have no MACs
  EXPECT_NEAR(c.model.coefficients[FakeFeatures::kPool][FakeFeatures::kCompute], 1.0, 1e-12);
  EXPECT_NEAR(c.model.coefficients[FakeFeatures::kJoin][FakeFeatures::kCompute], 1.0, 1e-12);
}

TEST(CalibrationTest, FeaturesThatGrowTogetherShareTheDeviation) {
  Dataset dataset = exact(fake_dataset(20, 7));
  for (Sample& sample : dataset.samples) {
    auto& values = sample.features.values;
    values = {100.0, 100.0, 40.0};
    sample.cycles = 1.1 * 100.0 + 1.3 * 100.0 + 40.0;
  }
  const Calibration c = fit(dataset);
  const std::vector<double>& conv = c.model.coefficients[FakeFeatures::kConv];
  EXPECT_NEAR(conv[0], conv[1], 1e-6);
  EXPECT_LT(c.train.layers.max, 1e-5);
}

TEST(CalibrationTest, ImplausibleCoefficientIsReported) {
  Dataset dataset = exact(fake_dataset(20, 8));
  for (Sample& sample : dataset.samples) {
    if (sample.features.op_class == FakeFeatures::kConv)
      sample.cycles += 0.3 * sample.features.values[FakeFeatures::kCompute];
  }
  EXPECT_THAT(fit(dataset).warnings, ElementsAre(StartsWith("conv: compute is 1.32 ")));
}

TEST(CalibrationTest, ModelHasItsProvenance) {
  const Dataset dataset = fake_dataset(20, 9);
  const Provenance from = fit(dataset).model.provenance;
  EXPECT_EQ(from, (Provenance{.version = std::string(kVersion),
                              .machine = machine_id(shipped_machine("midap")),
                              .set = "fake",
                              .seed = 9,
                              .num_networks = 20,
                              .num_layers = static_cast<std::int64_t>(dataset.samples.size())}));
}

TEST(CalibrationTest, SameMeasurementsGiveTheSameModel) {
  const Calibration a = fit(fake_dataset(20, 10, 0.1));
  const Calibration b = fit(fake_dataset(20, 10, 0.1));
  EXPECT_EQ(a.model.coefficients, b.model.coefficients);
  EXPECT_EQ(a.model.holdout, b.model.holdout);
}

TEST(CalibrationTest, TwoNetworksAreEnough) {
  Dataset dataset = exact(fake_dataset(2, 11));
  dataset.networks.push_back("nothing measured");  // must not take the place of one in its fold
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Calibration c = fit(dataset, {.seed = seed});
    EXPECT_EQ(c.model.holdout.networks.n, 2);
    EXPECT_LT(c.model.holdout.networks.max, 0.01);
  }
}

TEST(CalibrationTest, OneNetworkIsRefused) {
  EXPECT_THAT(input_error_of([] { fit(fake_dataset(1, 11)); }),
              HasSubstr("at least 2 networks of different names, to fit to some and test on "
                        "others; there are 1"));
  Dataset same_name = fake_dataset(20, 11);
  for (std::string& name : same_name.networks) name = "net";
  EXPECT_THAT(input_error_of([&] { fit(same_name); }), HasSubstr("there are 1"));
  EXPECT_THAT(input_error_of([] { fit(Dataset{}); }), HasSubstr("there are 0"));
}

TEST(CalibrationTest, TooFewLayersAreRefused) {
  const Dataset dataset =
      filtered(fake_dataset(19, 12), [](const Sample& sample) { return sample.layer == "stem"; });
  EXPECT_THAT(input_error_of([&] { fit(dataset); }), HasSubstr("19"));
}

TEST(CalibrationTest, ClassOfFewerLayersThanCoefficientsFollowsTheFormulas) {
  const Calibration c = fit(filtered(fake_dataset(20, 13), [](const Sample& sample) {
    return sample.features.op_class != FakeFeatures::kJoin ||
           (sample.network == 0 && sample.layer == "add0");
  }));
  EXPECT_THAT(c.model.coefficients[FakeFeatures::kJoin], ElementsAre(1.0, 1.0, 1.0));
  EXPECT_THAT(c.warnings, ElementsAre(StartsWith("join: ")));
}

TEST(CalibrationTest, CoefficientsFitIntoAModelWhateverWasMeasured) {
  for (double factor = 1e-12; factor < 1e13; factor *= 10.0) {
    Dataset dataset = fake_dataset(10, 14, 0.1);
    for (Sample& sample : dataset.samples) sample.cycles *= factor;
    for (const std::vector<double>& row : fit(dataset).model.coefficients) {
      EXPECT_THAT(row, Each(AllOf(Ge(0.0), Le(1e-3 * kMaxCoefficient)))) << "factor " << factor;
    }
  }
}

}  // namespace
}  // namespace tilewake
