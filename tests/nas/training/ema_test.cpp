// SPDX-License-Identifier: Apache-2.0
#include "nas/training/ema.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "nas/training/checkpoint.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

/// One value of each sort: trained, floating buffer, counter.
struct ValuesImpl : torch::nn::Module {
  ValuesImpl() {
    weight = register_parameter("weight", torch::zeros({3}, torch::kDouble));
    statistic = register_buffer("statistic", torch::zeros({2}, torch::kDouble));
    constant = register_buffer("constant", torch::full({2}, 1.0 / 3.0));
    counter = register_buffer("counter", torch::zeros({}, torch::kLong));
  }
  void set(double value) {
    const torch::NoGradGuard no_grad;
    weight.fill_(value);
    statistic.fill_(-value);
    counter.add_(1);
  }
  double weight_value() const { return weight[1].item<double>(); }
  double statistic_value() const { return statistic[1].item<double>(); }

  torch::Tensor weight, statistic, constant, counter;
};
TORCH_MODULE(Values);

// After updates with v_0 .. v_n the average is sum_i v_i (1 - d_i) prod_(j > i) d_j, plus the first
// value, here 0, times all d_j.
TEST(Ema, IsTheWeightedSumOfAllValuesWithTensorFlowsDecay) {
  for (const double decay : {0.05, 0.5, 0.9999}) {
    Values module;
    Ema ema(*module, decay);
    std::vector<double> values;
    for (int n = 0; n < 40; ++n) {
      values.push_back(static_cast<double>(n * n % 17) - 5.0);
      module->set(values.back());
      ema.update();
    }
    double expected = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      double share = 1.0;
      for (std::size_t j = i; j < values.size(); ++j) {
        const auto n = static_cast<double>(j);
        const double d = std::min(decay, (1.0 + n) / (10.0 + n));
        share *= j == i ? 1.0 - d : d;
      }
      expected += share * values[i];
    }
    ema.swap();
    EXPECT_NEAR(module->weight_value(), expected, 1e-12);
    EXPECT_NEAR(module->statistic_value(), -expected, 1e-12);
  }
}

TEST(Ema, LeavesCountersAloneAndConstantsExactlyWhatTheyAre) {
  Values module;
  const torch::Tensor constant = module->constant.clone();
  Ema ema(*module, 0.9999);
  for (int n = 0; n < 25; ++n) {
    module->set(1.0);
    ema.update();
  }
  ema.swap();
  EXPECT_EQ(module->counter.item<std::int64_t>(), 25);
  EXPECT_TRUE(torch::equal(module->constant, constant));
}

TEST(Ema, SwappedTwiceTheModuleIsWhatItWas) {
  torch::manual_seed(1);
  torch::nn::Sequential module(torch::nn::Conv2d(2, 3, 3), torch::nn::BatchNorm2d(3));
  Ema ema(*module, 0.9);
  for (torch::Tensor& parameter : module->parameters()) parameter.data().add_(0.1);
  ema.update();
  std::vector<torch::Tensor> before;
  for (const torch::Tensor& parameter : module->parameters()) {
    before.push_back(parameter.detach().clone());
  }
  ema.swap();
  EXPECT_FALSE(torch::equal(module->parameters()[0], before[0]));
  ema.swap();
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(module->parameters()[i], before[i]));
  }
}

TEST(Ema, WithDecayZeroTheAverageIsTheModule) {
  Values module;
  Ema ema(*module, 0.0);
  module->set(4.0);
  ema.update();
  ema.swap();
  EXPECT_EQ(module->weight_value(), 4.0);
}

TEST(Ema, SavedAndLoadedResumesBitIdentically) {
  const TempDir directory;
  const std::string path = directory.file("ema");
  Values module;
  Ema ema(*module, 0.7);
  for (int n = 0; n < 5; ++n) {
    module->set(0.1 * n);
    ema.update();
  }
  write_checkpoint(path, [&](StateArchive& archive) { ema.save(archive); });
  Ema resumed(*module, 0.7);
  const auto load = [&path](Ema& to) {
    read_checkpoint(path, [&](const StateArchive& archive) { to.load(archive); });
  };
  load(resumed);
  module->set(3.0);
  ema.update();
  resumed.update();
  ema.swap();
  const double expected = module->weight_value();
  ema.swap();
  resumed.swap();
  EXPECT_EQ(module->weight_value(), expected);

  Ema other(*module, 0.8);
  EXPECT_EQ(input_error_of([&] { load(other); }), path + ": ema_decay is 0.7, this run has 0.8");
}

}  // namespace
}  // namespace tilewake
