// SPDX-License-Identifier: Apache-2.0
#include "nas/training/batch_statistics.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tilewake {
namespace {

struct Layers : torch::nn::Module {
  Layers() {
    torch::nn::BatchNorm2dOptions options(1);
    options.momentum(0.01);
    layer = register_module("layer", torch::nn::BatchNorm2d(options));
  }
  torch::nn::BatchNorm2d layer{nullptr};
};

// Batches whose mean is 3: the running mean, 0 at first, is off by the product of all shares that
// the old value kept.
TEST(BatchStatistics, FollowAsAnAverageOfWeightsBegins) {
  Layers layers;
  BatchStatistics statistics(layers);
  layers.train();
  double off = 1.0;
  for (int step = 0; step < 1000; ++step) {
    statistics.begin_step(step);
    layers.layer(torch::full({2, 1, 3, 3}, 3.0));
    off *= 1.0 - std::max(0.01, 9.0 / (10.0 + step));
    ASSERT_NEAR(layers.layer->running_mean.item<double>(), 3.0 * (1.0 - off), 1e-5) << step;
  }
  EXPECT_LT(off, 1e-9);
}

TEST(BatchStatistics, LeaveTheLayersTheirOwnMomentum) {
  Layers layers;
  {
    BatchStatistics statistics(layers);
    statistics.begin_step(0);
    EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.9);
    statistics.begin_step(10'000);
    EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.01);
    statistics.begin_step(5);
  }
  EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.01);
}

}  // namespace
}  // namespace tilewake
