// SPDX-License-Identifier: Apache-2.0
#include "latency_model/latency_model.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/latency_model/fake_features.hpp"

namespace tilewake {
namespace {

Network small() {
  return read_network_text(
      "name: small\n"
      "input: {channels: 8, height: 8, width: 8}\n"
      "layers:\n"
      "  - {name: left, op: conv2d, out_channels: 16, kernel: 3}\n"
      "  - {name: join, op: concat, inputs: [left, input]}\n"
      "  - {name: pool, op: max_pool, kernel: 2, stride: 2}\n",
      "small.yaml");
}

LatencyModel planted_model() {
  LatencyModel model;
  model.hardware = shipped_machine("midap");
  model.coefficients = kPlanted;
  model.holdout.networks.p95 = 0.007;
  return model;
}

TEST(PredictorTest, LayerTakesTheSumOfCoefficientTimesValue) {
  const Prediction p = Predictor(planted_model(), make_fake_features).predict(small());
  // 9 x 8 x 16 x 64 MACs; 512 bytes in, 1152 of weights.
  const double conv = 1.02 * 72.0 + 0.75 * (512.0 + 1152.0) / 8.0 + 3.0 * 40.0;
  const double pool = 1.25 * (24.0 * 64.0) / 8.0 + 2.0 * 40.0;
  ASSERT_EQ(p.layer_cycles.size(), 3u);
  EXPECT_DOUBLE_EQ(p.layer_cycles[0], conv);
  EXPECT_DOUBLE_EQ(p.layer_cycles[2], pool);
  EXPECT_DOUBLE_EQ(p.total_cycles, conv + pool);
}

TEST(PredictorTest, FusedLayerTakesNoCycles) {
  EXPECT_EQ(Predictor(planted_model(), make_fake_features).predict(small()).layer_cycles[1], 0.0);
}

TEST(PredictorTest, BandIsThatOfHeldOutNetworks) {
  EXPECT_EQ(Predictor(planted_model(), make_fake_features).predict(small()).band, 0.007);
}

TEST(PredictorTest, OutlivesItsModel) {
  auto model = std::make_unique<LatencyModel>(planted_model());
  const Predictor predictor(*model, make_fake_features);
  const double before = predictor.predict(small()).total_cycles;
  model.reset();
  EXPECT_EQ(predictor.predict(small()).total_cycles, before);
}

}  // namespace
}  // namespace tilewake
