// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "tests/latency_model/fake_model.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

// A model read from a damaged file has finite predictions.
TEST(MutatedModelsSweep, AreReadOrExplained) {
  const Network network = read_network_text(
      "name: n\ninput: {channels: 8, height: 8, width: 8}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 16, kernel: 3}\n"
      "  - {name: b, op: max_pool, kernel: 2, stride: 2}\n",
      "n.yaml");
  int num_read = 0;
  expect_mutants_parse_or_explain(
      fake_model_yaml(), 1, 20'000, [&](const std::string& text, const std::string& name) {
        const LatencyModel model = read_latency_model_text(text, name, make_fake_features);
        const Prediction p = Predictor(model, make_fake_features).predict(network);
        EXPECT_TRUE(std::isfinite(p.total_cycles) && p.total_cycles >= 0.0) << text;
        EXPECT_TRUE(std::isfinite(p.band) && p.band >= 0.0) << text;
        ++num_read;
      });
  EXPECT_GT(num_read, 100);
}

}  // namespace
}  // namespace tilewake
