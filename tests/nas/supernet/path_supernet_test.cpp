// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/path_supernet.hpp"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "nas/training/batch_statistics.hpp"
#include "nas/training/optimizer.hpp"
#include "tests/nas/supernet/small_path_space.hpp"
#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using PathSupernetTest = TorchTest;

/// Copies of all parameters and buffers, by name.
std::map<std::string, Tensor> state_of(const torch::nn::Module& module) {
  std::map<std::string, Tensor> state;
  for (const auto& item : module.named_parameters())
    state[item.key()] = item.value().detach().clone();
  for (const auto& item : module.named_buffers()) state[item.key()] = item.value().clone();
  return state;
}

/// Values that no module has when it is made.
void randomize(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : module.parameters()) parameter.add_(torch::randn_like(parameter), 0.1);
  randomize_batch_norms(module);
}

bool is_batch_statistic(const std::string& key) {
  return key.find("running_") != std::string::npos;
}

TEST_F(PathSupernetTest, EveryPathIsTheNetworkThatInheritsIt) {
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  randomize(*supernet);
  supernet->eval();
  const torch::NoGradGuard no_grad;
  const Tensor images = random_images(space.input, 3);
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      // Each candidate of each position, in 16 of the 256 paths.
      const std::vector<int> path = {a, b, (a + b) % 4, (a + 2 * b + 1) % 4};
      const Architecture architecture = architecture_of(space, path);
      SCOPED_TRACE(architecture_text(architecture));
      BlockNetwork network = inherit(supernet, path);
      EXPECT_EQ(network->architecture, architecture);
      EXPECT_FALSE(network->is_training());
      EXPECT_TRUE(network(images).equal(supernet->forward(images, path)));
    }
  }
}

TEST_F(PathSupernetTest, InheritedWeightsAndStatisticsAreBitEqualCopies) {
  Random random(4);
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  randomize(*supernet);
  supernet->dropout = 0.3;
  const auto before = state_of(*supernet);
  for (int n = 0; n < 10; ++n) {
    const std::vector<int> path = random_path(space, random);
    BlockNetwork network = inherit(supernet, path);
    EXPECT_TRUE(network->is_training());
    EXPECT_EQ(network->dropout, 0.3);
    for (const auto& [key, value] : state_of(*network)) {
      std::string in_supernet = key;  // "block2.x" is "block2_<candidate>.x" there
      if (key.rfind("block", 0) == 0)
        in_supernet.insert(6, "_" + std::to_string(path[static_cast<std::size_t>(key[5] - '0')]));
      ASSERT_EQ(before.count(in_supernet), 1U) << in_supernet;
      EXPECT_TRUE(value.equal(before.at(in_supernet))) << key;
    }
    const torch::NoGradGuard no_grad;
    for (Tensor& parameter : network->parameters()) {
      EXPECT_TRUE(parameter.requires_grad());
      parameter.zero_();
    }
  }
  for (const auto& [key, value] : state_of(*supernet)) EXPECT_TRUE(value.equal(before.at(key)));
}

TEST_F(PathSupernetTest, TheIdentityChangesNothing) {
  OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  randomize(*supernet);
  supernet->eval();
  const torch::NoGradGuard no_grad;
  const Tensor images = random_images(space.input, 3);
  const Tensor skipped = supernet->forward(images, {1, 2, 0, 3});
  // The same network without the position.
  OperatorSpace shorter = space;
  shorter.stages.back().blocks.pop_back();
  PathSupernet without(shorter);
  without->eval();
  const auto values = state_of(*supernet);
  for (auto& item : without->named_parameters()) item.value().copy_(values.at(item.key()));
  for (auto& item : without->named_buffers()) item.value().copy_(values.at(item.key()));
  EXPECT_TRUE(without->forward(images, {1, 2, 0}).equal(skipped));
  EXPECT_EQ(inherit(supernet, {1, 2, 0, 3})->blocks.size(), 3U);
}

TEST_F(PathSupernetTest, GradientsReachEveryParameterOfThePathAndNoOther) {
  Random random(5);
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  for (int n = 0; n < 12; ++n) {
    const std::vector<int> path = random_path(space, random);
    for (Tensor& parameter : supernet->parameters()) parameter.mutable_grad().reset();
    const Tensor labels = torch::arange(4, torch::kLong);
    torch::nn::functional::cross_entropy(supernet->forward(random_images(space.input, 4), path),
                                         labels)
        .backward();
    for (const auto& item : supernet->named_parameters())
      EXPECT_EQ(item.value().grad().defined(), is_of_path(item.key(), path)) << item.key();
  }
}

TEST_F(PathSupernetTest, AStepOfSkippingGroupsMovesThePathAlone) {
  const OperatorSpace space = small_path_space();
  for (const OptimizerKind kind :
       {OptimizerKind::kSgd, OptimizerKind::kRmspropTf, OptimizerKind::kAdamW}) {
    Random random(6);
    PathSupernet supernet(space);
    OptimizerOptions options;
    options.kind = kind;
    options.weight_decay = 0.1;
    std::vector<ParameterGroup> groups = parameter_groups(*supernet);
    for (ParameterGroup& group : groups) group.skip_without_gradient = true;
    const auto optimizer = make_optimizer(options, groups);
    for (int step = 0; step < 8; ++step) {
      const std::vector<int> path = random_path(space, random);
      const auto before = state_of(*supernet);
      supernet->forward(random_images(space.input, 4), path).square().sum().backward();
      optimizer->step(0.01);
      optimizer->zero_grad();
      for (const auto& item : supernet->named_parameters()) {
        // A bias before a closed ReLU may stay.
        if (is_of_path(item.key(), path) && item.value().dim() < 2) continue;
        EXPECT_EQ(item.value().equal(before.at(item.key())), !is_of_path(item.key(), path))
            << item.key();
      }
      for (const auto& item : supernet->named_buffers()) {
        EXPECT_EQ(item.value().equal(before.at(item.key())), !is_of_path(item.key(), path))
            << item.key();
      }
    }
  }
}

TEST_F(PathSupernetTest, RecalibrationChangesTheStatisticsOfThePathAlone) {
  Random random(7);
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  randomize(*supernet);
  supernet->dropout = 0.5;  // must not affect the measurement
  for (int n = 0; n < 6; ++n) {
    const std::vector<int> path = random_path(space, random);
    const std::vector<Tensor> batches = {random_images(space.input, 16),
                                         random_images(space.input, 8)};
    const auto before = state_of(*supernet);
    const bool is_training = n % 2 == 0;
    supernet->train(is_training);
    const auto recalibrate = [&] {
      recalibrate_batch_statistics(
          *supernet, [&](const Tensor& images) { supernet->forward(images, path); }, batches);
    };
    recalibrate();
    const auto after = state_of(*supernet);
    for (const auto& [key, value] : after) {
      EXPECT_EQ(value.equal(before.at(key)), !is_batch_statistic(key) || !is_of_path(key, path))
          << key;
    }
    for (const auto& part : supernet->modules()) {
      EXPECT_EQ(part->is_training(), is_training);
      const auto* bn = part->as<torch::nn::BatchNorm2dImpl>();
      if (bn == nullptr) continue;
      EXPECT_NEAR(bn->options.momentum().value(), 0.01, 1e-12);
    }
    for (const Tensor& parameter : supernet->parameters()) EXPECT_FALSE(parameter.grad().defined());
    recalibrate();  // from other statistics to the same ones
    for (const auto& [key, value] : state_of(*supernet)) EXPECT_TRUE(value.equal(after.at(key)));
  }
}

TEST_F(PathSupernetTest, ARecalibratedPathIsItsRecalibratedNetwork) {
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  randomize(*supernet);
  supernet->eval();
  const std::vector<int> path = {3, 2, 1, 0};
  const std::vector<Tensor> batches = {random_images(space.input, 16),
                                       random_images(space.input, 16)};
  BlockNetwork network = inherit(supernet, path);
  recalibrate_batch_statistics(
      *supernet, [&](const Tensor& images) { supernet->forward(images, path); }, batches);
  recalibrate_batch_statistics(
      *network, [&](const Tensor& images) { network->forward(images); }, batches);
  const Tensor images = random_images(space.input, 4);
  EXPECT_TRUE(network(images).equal(supernet->forward(images, path)));
}

TEST_F(PathSupernetTest, PathsThatDoNotExistAreRefused) {
  const OperatorSpace space = small_path_space();
  PathSupernet supernet(space);
  const Tensor images = random_images(space.input, 1);
  EXPECT_THROW(supernet->forward(images, {0, 0, 0}), c10::Error);
  EXPECT_THROW(supernet->forward(images, {0, 0, 0, 4}), c10::Error);
  EXPECT_THROW(supernet->forward(images, {0, -1, 0, 0}), c10::Error);
}

}  // namespace
}  // namespace tilewake
