// SPDX-License-Identifier: Apache-2.0
#include "nas/training/batch_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "tests/nas/training/phase_world.hpp"

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

/// Means over batches, weighted by images, of the statistics of the only channel.
struct Measured {
  explicit Measured(const std::vector<torch::Tensor>& batches) {
    double num_images = 0.0;
    for (const torch::Tensor& images : batches) {
      const auto count = static_cast<double>(images.size(0));
      const torch::Tensor values = images.to(torch::kDouble);
      mean += count * values.mean().item<double>();
      variance += count * values.var(/*unbiased=*/true).item<double>();
      num_images += count;
    }
    mean /= num_images;
    variance /= num_images;
  }
  double mean = 0.0;
  double variance = 0.0;
};

TEST(Recalibration, GivesTheMeansOfWhatBatchesMeasure) {
  torch::manual_seed(3);
  for (const bool is_training : {false, true}) {
    Layers layers;
    layers.train(is_training);
    layers.layer->running_mean.fill_(NAN);  // the old values count for nothing
    const std::vector<torch::Tensor> batches = {torch::randn({7, 1, 4, 4}) * 3.0 + 2.0,
                                                torch::randn({2, 1, 4, 4}) - 1.0,
                                                torch::randn({5, 1, 4, 4}) * 0.5};
    recalibrate_batch_statistics(
        layers, [&](const torch::Tensor& images) { layers.layer(images); }, batches);
    const Measured measured(batches);
    EXPECT_NEAR(layers.layer->running_mean.item<double>(), measured.mean, 1e-6);
    EXPECT_NEAR(layers.layer->running_var.item<double>(), measured.variance, 1e-5);
    EXPECT_EQ(layers.layer->is_training(), is_training);
    EXPECT_EQ(layers.is_training(), is_training);
    EXPECT_EQ(layers.layer->num_batches_tracked.item<std::int64_t>(), 0);
    EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.01);
  }
}

TEST(Recalibration, SeesTheFirstImagesOfALoader) {
  const auto loader = tiny_loader(30, 8, /*is_training=*/false);
  for (const std::int64_t num_images : {1, 8, 13, 30, 100}) {
    Layers layers;
    const std::vector<torch::Tensor> batches = first_images(*loader, num_images, torch::kCPU);
    std::int64_t num_seen = 0;
    for (const torch::Tensor& images : batches) num_seen += images.size(0);
    EXPECT_EQ(num_seen, std::min<std::int64_t>(num_images, 30));
    const auto forward = [&](const torch::Tensor& images) { layers.layer(images); };
    EXPECT_EQ(recalibrate_batch_statistics(layers, forward, *loader, num_images, torch::kCPU),
              num_seen);
    const Measured measured(batches);
    EXPECT_NEAR(layers.layer->running_mean.item<double>(), measured.mean, 1e-5);
    EXPECT_NEAR(layers.layer->running_var.item<double>(), measured.variance, 1e-5);
  }
}

TEST(Recalibration, ChangesNothingButStatistics) {
  TinyNet net(4, /*dropout=*/0.5);
  net->classifier->eval();  // separate modes stay, too
  const auto loader = tiny_loader(32, 8, /*is_training=*/true);
  std::vector<torch::Tensor> before = values_of(*net);
  const torch::Tensor random = at::detail::getDefaultCPUGenerator().get_state();
  recalibrate_batch_statistics(
      *net, [&](const torch::Tensor& images) { net->forward(images); }, *loader, 16, torch::kCPU);
  EXPECT_TRUE(at::detail::getDefaultCPUGenerator().get_state().equal(random));
  EXPECT_FALSE(net->classifier->is_training());
  EXPECT_TRUE(net->is_training());
  EXPECT_TRUE(net->drop->is_training());
  EXPECT_TRUE(net->bn->is_training());
  std::size_t num_changed = 0;
  const std::vector<torch::Tensor> after = values_of(*net);
  for (std::size_t i = 0; i < after.size(); ++i) num_changed += after[i].equal(before[i]) ? 0 : 1;
  EXPECT_EQ(num_changed, 2U);
  EXPECT_FALSE(net->bn->running_mean.equal(torch::zeros({6})));
  EXPECT_FALSE(net->bn->running_var.equal(torch::ones({6})));
}

TEST(Recalibration, KeepsTheMomentumThatAPhaseHasSet) {
  Layers layers;
  BatchStatistics statistics(layers);
  statistics.begin_step(20);
  recalibrate_batch_statistics(layers, [&](const torch::Tensor& images) { layers.layer(images); },
                               {torch::randn({4, 1, 3, 3})});
  EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.3);
}

TEST(Recalibration, LeavesEverythingWhereTheForwardPassThrows) {
  Layers layers;
  layers.eval();
  int num_batches = 0;
  const auto forward = [&](const torch::Tensor& images) {
    layers.layer(images);
    if (++num_batches == 2) throw std::runtime_error("stop");
  };
  const torch::Tensor images = torch::randn({4, 1, 3, 3});
  EXPECT_THROW(recalibrate_batch_statistics(layers, forward, {images, images}), std::runtime_error);
  EXPECT_EQ(layers.layer->running_mean.item<double>(), 0.0);
  EXPECT_EQ(layers.layer->running_var.item<double>(), 1.0);
  EXPECT_FALSE(layers.layer->is_training());
  EXPECT_DOUBLE_EQ(layers.layer->options.momentum().value(), 0.01);
}

}  // namespace
}  // namespace tilewake
