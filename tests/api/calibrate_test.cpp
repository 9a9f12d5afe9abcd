// SPDX-License-Identifier: Apache-2.0
#include "latency_model/api/calibrate.hpp"

#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "latency_model/api/predict.hpp"
#include "latency_model/model_yaml.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

CalibrateOptions few() {
  CalibrateOptions options;
  options.num_networks = 60;
  return options;
}

TEST(CalibrateTest, MachinesCanBeCalibratedOneAfterAnother) {
  const std::string first = model_yaml(calibrate(read_machine("midap"), few()).calibration.model);
  for (const char* name : {"tpu_like_128", "dsp_like"}) {
    const CalibrationResult result = calibrate(read_machine(name), few());
    EXPECT_EQ(result.calibration.model.hardware.name, name);
    EXPECT_EQ(result.num_networks, 60);
    EXPECT_LT(result.left_out.size(), 30U);
    EXPECT_GT(result.calibration.model.provenance.num_layers, 60);
  }
  EXPECT_EQ(model_yaml(calibrate(read_machine("midap"), few()).calibration.model), first);
}

TEST(CalibrateTest, StoppedCalibrationThrowsAfterTheNetworkAtHand) {
  const Machine machine = read_machine("midap");
  CalibrateOptions options = few();
  int num_asked = 0;
  options.keep_going = [&num_asked](int done, int total) {
    EXPECT_EQ(total, 60);
    EXPECT_EQ(done, num_asked++);
    return done < 25;
  };
  EXPECT_THROW(calibrate(machine, options), Interrupted);
  EXPECT_EQ(num_asked, 26);
}

TEST(CalibrateTest, PredictedLayersAddUpToTheTotal) {
  const LatencyModel model = calibrate(read_machine("midap"), few()).calibration.model;
  const NetworkPrediction prediction = predict(model, read_workload("resnet50"));
  const std::int64_t sum = std::accumulate(
      prediction.layers.begin(), prediction.layers.end(), std::int64_t{0},
      [](std::int64_t total, const PredictedLayer& layer) { return total + layer.cycles; });
  EXPECT_EQ(sum, prediction.total_cycles);
  EXPECT_GT(prediction.latency_ms, 0.0);
  EXPECT_EQ(prediction.layers.size(), read_workload("resnet50").network().layers.size());
}

}  // namespace
}  // namespace tilewake
