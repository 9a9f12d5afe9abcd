// SPDX-License-Identifier: Apache-2.0
#include "nas/training/optimizer.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/training/checkpoint.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using Tensors = std::vector<torch::Tensor>;

torch::Tensor scalar(double value) {
  return torch::full({}, value, torch::kDouble).requires_grad_();
}

double value_of(const torch::Tensor& tensor) { return tensor.item<double>(); }

OptimizerOptions options_of(OptimizerKind kind) {
  OptimizerOptions options;
  options.kind = kind;
  options.weight_decay = 0.01;
  return options;
}

const std::vector<OptimizerKind> kKinds = {OptimizerKind::kRmspropTf, OptimizerKind::kSgd,
                                           OptimizerKind::kAdamW};

/// Parameters of some shapes and random values, and copies that another optimizer trains.
struct TwinParameters {
  explicit TwinParameters(std::uint64_t seed) {
    torch::manual_seed(seed);
    for (const std::vector<std::int64_t>& shape :
         std::vector<std::vector<std::int64_t>>{{4, 3, 3, 3}, {7}, {5, 6}, {}}) {
      ours.push_back(torch::randn(shape, torch::kDouble).requires_grad_());
      theirs.push_back(ours.back().detach().clone().requires_grad_());
    }
  }
  void draw_gradients() {
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ours[i].mutable_grad() = torch::randn_like(ours[i]);
      theirs[i].mutable_grad() = ours[i].grad().clone();
    }
  }
  void expect_equal() const {
    for (std::size_t i = 0; i < ours.size(); ++i) {
      EXPECT_TRUE(torch::allclose(ours[i], theirs[i], 1e-9, 1e-9)) << "parameter " << i;
    }
  }
  Tensors ours;
  Tensors theirs;
};

// Three steps of one weight by hand: decay 0.9, momentum 0.9, epsilon 0.14, learning rate 0.6.
//   g =  2: ms = 0.9 x 1    + 0.1 x 4 = 1.3,   mom = 0.6 x 2 / sqrt(1.44) = 1,    w = 5   - 1
//   g =  0: ms = 0.9 x 1.3            = 1.17,  mom = 0.9 x 1              = 0.9,  w = 4   - 0.9
//   g = -3: ms = 0.9 x 1.17 + 0.1 x 9 = 1.953, mom = 0.81 - 1.8 / sqrt(2.093),    w = 3.1 - mom
TEST(RmspropTf, TakesTheStepsComputedByHand) {
  OptimizerOptions options;
  options.kind = OptimizerKind::kRmspropTf;
  options.epsilon = 0.14;
  options.weight_decay = 0.0;
  torch::Tensor weight = scalar(5.0);
  const auto optimizer = make_optimizer(options, {{{weight}}});
  const std::vector<std::pair<double, double>> steps = {
      {2.0, 4.0}, {0.0, 3.1}, {-3.0, 3.1 - (0.81 - 1.8 / std::sqrt(2.093))}};
  for (const auto& [gradient, expected] : steps) {
    weight.mutable_grad() = torch::full({}, gradient, torch::kDouble);
    optimizer->step(0.6);
    EXPECT_NEAR(value_of(weight), expected, 1e-12);
  }
}

/// TensorFlow's rule, one number at a time.
struct ScalarRmsprop {
  double mean_square = 1.0;
  double momentum = 0.0;

  double step(const OptimizerOptions& options, double weight, double gradient, double rate) {
    const double g = gradient + options.weight_decay * weight;
    mean_square = options.decay * mean_square + (1.0 - options.decay) * g * g;
    momentum = options.momentum * momentum + rate * g / std::sqrt(mean_square + options.epsilon);
    return weight - momentum;
  }
};

TEST(RmspropTf, EqualsAScalarModelOverRandomSequences) {
  Random random(11);
  const auto draw = [&random] { return static_cast<double>(random.between(-1000, 1000)) / 250.0; };
  for (int sequence = 0; sequence < 20; ++sequence) {
    OptimizerOptions options = options_of(OptimizerKind::kRmspropTf);
    options.decay = static_cast<double>(random.between(0, 99)) / 100.0;
    options.momentum = static_cast<double>(random.between(0, 99)) / 100.0;
    double expected = draw();
    torch::Tensor weight = scalar(expected);
    const auto optimizer = make_optimizer(options, {{{weight}}});
    ScalarRmsprop model;
    for (int step = 0; step < 30; ++step) {
      const double gradient = draw();
      const double rate = 0.01 * (1.0 + std::abs(draw()));
      weight.mutable_grad() = torch::full({}, gradient, torch::kDouble);
      optimizer->step(rate);
      expected = model.step(options, expected, gradient, rate);
      ASSERT_NEAR(value_of(weight), expected, 1e-9 * (1.0 + std::abs(expected)));
    }
  }
}

// Why there is an own class: LibTorch's mean square starts at 0, so its first step of a gradient of
// 1 is 1 / sqrt(0.1) learning rates long and ours 1.
TEST(RmspropTf, IsNotWhatLibTorchCallsRmsprop) {
  OptimizerOptions options;
  options.kind = OptimizerKind::kRmspropTf;
  options.weight_decay = 0.0;
  torch::Tensor ours = scalar(0.0);
  torch::Tensor theirs = scalar(0.0);
  const auto optimizer = make_optimizer(options, {{{ours}}});
  torch::optim::RMSprop library(
      {theirs}, torch::optim::RMSpropOptions(0.01).alpha(0.9).momentum(0.9).eps(1e-3));
  ours.mutable_grad() = torch::ones({}, torch::kDouble);
  theirs.mutable_grad() = torch::ones({}, torch::kDouble);
  optimizer->step(0.01);
  library.step();
  EXPECT_NEAR(value_of(ours), -0.01 / std::sqrt(1.001), 1e-12);
  EXPECT_NEAR(value_of(theirs), -0.01 / (std::sqrt(0.1) + 1e-3), 1e-12);
}

TEST(Sgd, EqualsLibTorchsOver50RandomSteps) {
  for (const bool nesterov : {false, true}) {
    TwinParameters parameters(3);
    OptimizerOptions options = options_of(OptimizerKind::kSgd);
    options.nesterov = nesterov;
    const auto optimizer = make_optimizer(options, {{parameters.ours}});
    auto library_options = torch::optim::SGDOptions(0.1);
    library_options.momentum(0.9).nesterov(nesterov).weight_decay(0.01);
    torch::optim::SGD library(parameters.theirs, library_options);
    for (int step = 0; step < 50; ++step) {
      const double rate = 0.1 / (1 + step);
      parameters.draw_gradients();
      optimizer->step(rate);
      static_cast<torch::optim::SGDOptions&>(library.param_groups()[0].options()).lr(rate);
      library.step();
      parameters.expect_equal();
    }
  }
}

TEST(AdamW, EqualsLibTorchsOver50RandomSteps) {
  TwinParameters parameters(4);
  const OptimizerOptions options = options_of(OptimizerKind::kAdamW);
  const auto optimizer = make_optimizer(options, {{parameters.ours}});
  auto library_options = torch::optim::AdamWOptions(0.1);
  library_options.betas({0.9, 0.999}).eps(1e-3).weight_decay(0.01);
  torch::optim::AdamW library(parameters.theirs, library_options);
  for (int step = 0; step < 50; ++step) {
    const double rate = 0.1 / (1 + step);
    parameters.draw_gradients();
    optimizer->step(rate);
    static_cast<torch::optim::AdamWOptions&>(library.param_groups()[0].options()).lr(rate);
    library.step();
    parameters.expect_equal();
  }
}

TEST(Optimizer, AnUndefinedGradientCountsAsZero) {
  for (const OptimizerKind kind : kKinds) {
    TwinParameters parameters(5);
    const auto ours = make_optimizer(options_of(kind), {{parameters.ours}});
    const auto theirs = make_optimizer(options_of(kind), {{parameters.theirs}});
    for (int step = 0; step < 4; ++step) {
      parameters.draw_gradients();
      if (step % 2 == 1) {
        parameters.ours[2].mutable_grad().reset();
        parameters.theirs[2].mutable_grad().zero_();
      }
      ours->step(0.1);
      theirs->step(0.1);
      for (std::size_t i = 0; i < parameters.ours.size(); ++i) {
        EXPECT_TRUE(torch::equal(parameters.ours[i], parameters.theirs[i]));
      }
    }
  }
}

TEST(Optimizer, AGroupsRateScaleMultipliesTheLearningRate) {
  for (const OptimizerKind kind : kKinds) {
    TwinParameters parameters(6);
    const auto ours = make_optimizer(options_of(kind), {{parameters.ours, true, 5.0}});
    const auto theirs = make_optimizer(options_of(kind), {{parameters.theirs}});
    for (int step = 0; step < 3; ++step) {
      parameters.draw_gradients();
      ours->step(0.02);
      theirs->step(0.1);
    }
    parameters.expect_equal();
  }
}

TEST(Optimizer, AGroupWithoutDecayIsTrainedAsIfDecayWereZero) {
  for (const OptimizerKind kind : kKinds) {
    TwinParameters parameters(7);
    OptimizerOptions without = options_of(kind);
    without.weight_decay = 0.0;
    const auto ours = make_optimizer(options_of(kind), {{parameters.ours, false}});
    const auto theirs = make_optimizer(without, {{parameters.theirs}});
    for (int step = 0; step < 3; ++step) {
      parameters.draw_gradients();
      ours->step(0.1);
      theirs->step(0.1);
    }
    parameters.expect_equal();
  }
}

TEST(Optimizer, ZeroGradLeavesNoGradientAndAnEmptyGroupIsFine) {
  torch::Tensor weight = scalar(1.0);
  const auto optimizer =
      make_optimizer(options_of(OptimizerKind::kSgd), {{{weight}}, ParameterGroup{}});
  (weight * 3.0).backward();
  optimizer->step(0.1);
  optimizer->zero_grad();
  EXPECT_FALSE(weight.grad().defined());
}

TEST(ParameterGroups, DecayWeightsOfSeveralDimensionsAlone) {
  torch::nn::Sequential module(torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).bias(false)),
                               torch::nn::BatchNorm2d(8), torch::nn::Linear(8, 4));
  module->ptr(2)->named_parameters()["bias"].set_requires_grad(false);  // frozen: in no group
  const std::vector<ParameterGroup> groups = parameter_groups(*module);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_TRUE(groups[0].weight_decay);
  EXPECT_EQ(groups[0].parameters.size(), 2U);  // of Conv2d and Linear
  EXPECT_FALSE(groups[1].weight_decay);
  EXPECT_EQ(groups[1].parameters.size(), 2U);  // of BatchNorm2d
  for (const torch::Tensor& parameter : groups[1].parameters) EXPECT_EQ(parameter.dim(), 1);
}

void save(const std::string& path, const Optimizer& optimizer) {
  write_checkpoint(path, [&](StateArchive& archive) { optimizer.save(archive); });
}

void load(const std::string& path, Optimizer& optimizer) {
  read_checkpoint(path, [&](const StateArchive& archive) { optimizer.load(archive); });
}

bool adopt(const std::string& path, Optimizer& optimizer) {
  bool is_taken = false;
  read_checkpoint(path, [&](const StateArchive& archive) { is_taken = optimizer.adopt(archive); });
  return is_taken;
}

TEST(OptimizerState, SavedAndLoadedResumesBitIdentically) {
  const TempDir directory;
  for (const OptimizerKind kind : kKinds) {
    TwinParameters parameters(8);
    const auto ours = make_optimizer(options_of(kind), {{parameters.ours}});
    for (int step = 0; step < 5; ++step) {
      parameters.draw_gradients();
      ours->step(0.1);
    }
    save(directory.file("state"), *ours);
    {
      const torch::NoGradGuard no_grad;
      for (std::size_t i = 0; i < parameters.ours.size(); ++i) {
        parameters.theirs[i].copy_(parameters.ours[i]);
      }
    }
    const auto theirs = make_optimizer(options_of(kind), {{parameters.theirs}});
    load(directory.file("state"), *theirs);
    for (int step = 0; step < 5; ++step) {
      parameters.draw_gradients();
      ours->step(0.1);
      theirs->step(0.1);
      for (std::size_t i = 0; i < parameters.ours.size(); ++i) {
        EXPECT_TRUE(torch::equal(parameters.ours[i], parameters.theirs[i]));
      }
    }
  }
}

TEST(OptimizerState, OfOtherOptionsKindOrShapesIsRefused) {
  const TempDir directory;
  const std::string path = directory.file("state");
  const OptimizerOptions options = options_of(OptimizerKind::kSgd);
  save(path, *make_optimizer(options, {{TwinParameters(1).ours}}));
  const auto error_with = [&](const OptimizerOptions& other, Tensors parameters) {
    const auto optimizer = make_optimizer(other, {{std::move(parameters)}});
    return input_error_of([&] { load(path, *optimizer); });
  };
  const Tensors parameters = TwinParameters(2).ours;
  EXPECT_EQ(error_with(options, parameters), "no error");

  OptimizerOptions other = options;
  other.momentum = 0.8;
  EXPECT_EQ(error_with(other, parameters),
            path + ": optimizer sgd: momentum is 0.9, this run has 0.8");
  other = options;
  other.nesterov = false;
  EXPECT_EQ(error_with(other, parameters), path + ": optimizer sgd: nesterov is 1, this run has 0");
  EXPECT_EQ(error_with(options_of(OptimizerKind::kAdamW), parameters),
            path + ": the optimizer is sgd, this run has adamw");
  EXPECT_EQ(error_with(options, {parameters[0]}), path + ": 'states' has 4 tensors, expected 1");
  EXPECT_EQ(error_with(options, {parameters[0], parameters[1], parameters[1], parameters[3]}),
            path + ": 'states': tensor 2 is [5, 6] Double, expected [7] Double");
}

TEST(OptimizerState, IsAdoptedWithAnyOptionsButNotByAnotherKind) {
  const TempDir directory;
  const std::string path = directory.file("state");
  torch::Tensor first = scalar(0.0);
  OptimizerOptions options = options_of(OptimizerKind::kSgd);
  options.nesterov = false;
  options.weight_decay = 0.0;
  const auto optimizer = make_optimizer(options, {{{first}}});
  first.mutable_grad() = torch::ones({}, torch::kDouble);
  optimizer->step(0.1);  // velocity 1
  save(path, *optimizer);

  torch::Tensor second = scalar(0.0);
  options.momentum = 0.5;
  const auto next = make_optimizer(options, {{{second}}});
  EXPECT_TRUE(adopt(path, *next));
  next->step(1.0);  // no gradient: velocity 0.5 x 1
  EXPECT_DOUBLE_EQ(value_of(second), -0.5);

  const auto other = make_optimizer(options_of(OptimizerKind::kAdamW), {{{second}}});
  EXPECT_FALSE(adopt(path, *other));
}

/// Parameters that have gradients in some steps only, as those of a supernet's paths.
void draw_some_gradients(Random& random, const Tensors& parameters) {
  for (const torch::Tensor& parameter : parameters) {
    parameter.mutable_grad() =
        random.one_in(2) ? torch::randn_like(parameter.detach()) : torch::Tensor();
  }
}

std::vector<ParameterGroup> skipping(const Tensors& parameters) {
  ParameterGroup group{parameters};
  group.skip_without_gradient = true;
  return {group};
}

TEST(SkippingWithoutGradient, EachParameterIsAsIfItHadAnOptimizerOfItsOwn) {
  for (const OptimizerKind kind : kKinds) {
    Random random(9);
    TwinParameters parameters(9);
    const auto optimizer = make_optimizer(options_of(kind), skipping(parameters.ours));
    std::vector<std::unique_ptr<Optimizer>> alone;
    for (const torch::Tensor& parameter : parameters.theirs)
      alone.push_back(make_optimizer(options_of(kind), {{{parameter}}}));
    for (int step = 0; step < 20; ++step) {
      draw_some_gradients(random, parameters.ours);
      optimizer->step(0.1);
      for (std::size_t i = 0; i < alone.size(); ++i) {
        const torch::Tensor& gradient = parameters.ours[i].grad();
        if (!gradient.defined()) continue;  // no step at all
        parameters.theirs[i].mutable_grad() = gradient.clone();
        alone[i]->step(0.1);
      }
      parameters.expect_equal();
    }
  }
}

TEST(SkippingWithoutGradient, IsTheSameAsNotWhereAllHaveGradients) {
  for (const OptimizerKind kind : kKinds) {
    TwinParameters parameters(10);
    const auto ours = make_optimizer(options_of(kind), skipping(parameters.ours));
    const auto theirs = make_optimizer(options_of(kind), {{parameters.theirs}});
    for (int step = 0; step < 5; ++step) {
      parameters.draw_gradients();
      ours->step(0.1);
      theirs->step(0.1);
      for (std::size_t i = 0; i < parameters.ours.size(); ++i)
        EXPECT_TRUE(torch::equal(parameters.ours[i], parameters.theirs[i]));
    }
  }
}

TEST(SkippingWithoutGradient, SavedAndLoadedResumesBitIdentically) {
  const TempDir directory;
  for (const OptimizerKind kind : kKinds) {
    Random random(12);
    TwinParameters parameters(12);
    const auto ours = make_optimizer(options_of(kind), skipping(parameters.ours));
    for (int step = 0; step < 5; ++step) {
      draw_some_gradients(random, parameters.ours);
      ours->step(0.1);
    }
    save(directory.file("state"), *ours);
    {
      const torch::NoGradGuard no_grad;
      for (std::size_t i = 0; i < parameters.ours.size(); ++i)
        parameters.theirs[i].copy_(parameters.ours[i]);
    }
    const auto theirs = make_optimizer(options_of(kind), skipping(parameters.theirs));
    load(directory.file("state"), *theirs);
    for (int step = 0; step < 5; ++step) {
      draw_some_gradients(random, parameters.ours);
      for (std::size_t i = 0; i < parameters.ours.size(); ++i)
        parameters.theirs[i].mutable_grad() = parameters.ours[i].grad();
      ours->step(0.1);
      theirs->step(0.1);
      for (std::size_t i = 0; i < parameters.ours.size(); ++i)
        EXPECT_TRUE(torch::equal(parameters.ours[i], parameters.theirs[i]));
    }
  }
}

TEST(ClipGradients, ScalesToTheNormWhereItIsAboveAndLeavesTheRest) {
  torch::Tensor a = torch::zeros({2}, torch::kDouble).requires_grad_();
  torch::Tensor b = scalar(0.0);
  torch::Tensor c = scalar(0.0);  // has no gradient
  a.mutable_grad() = torch::tensor({3.0, 4.0}, torch::kDouble);
  b.mutable_grad() = torch::full({}, 12.0, torch::kDouble);
  EXPECT_DOUBLE_EQ(clip_gradients({a, b, c}, 13.0), 13.0);
  EXPECT_TRUE(torch::equal(a.grad(), torch::tensor({3.0, 4.0}, torch::kDouble)));
  EXPECT_DOUBLE_EQ(clip_gradients({a, b, c}, 1.3), 13.0);
  EXPECT_TRUE(torch::allclose(a.grad(), torch::tensor({0.3, 0.4}, torch::kDouble)));
  EXPECT_NEAR(value_of(b.grad()), 1.2, 1e-12);
  EXPECT_FALSE(c.grad().defined());
  EXPECT_EQ(clip_gradients({c}, 1.0), 0.0);
}

TEST(ClipGradients, ReportsANonFiniteGradientAndChangesNothing) {
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    torch::Tensor a = torch::zeros({2}, torch::kDouble).requires_grad_();
    a.mutable_grad() = torch::tensor({3.0, bad}, torch::kDouble);
    EXPECT_FALSE(std::isfinite(clip_gradients({a}, 1.0)));
    EXPECT_EQ(value_of(a.grad()[0]), 3.0);
  }
}

}  // namespace
}  // namespace tilewake
