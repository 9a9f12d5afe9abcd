// SPDX-License-Identifier: Apache-2.0
#include "nas/network/block_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/network/normalization.hpp"
#include "tests/nas/export/reference_executor.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

using BlockNetworkTest = TorchTest;

/// Two stages, 1 to 3 branches a block, every optional part now and then.
Architecture random_architecture_of(std::uint64_t seed) {
  Random random(seed);
  Architecture a;
  a.name = "random";
  a.input = {random.between(1, 3), random.between(7, 9), 8};
  a.num_classes = 5;
  a.stem_kernel = random.one_in(2) ? 3 : 5;
  a.stem_stride = static_cast<int>(random.between(1, 2));
  a.stem_width = 6;
  a.head_width = 12;
  a.activation = random.one_in(2) ? Activation::kRelu : Activation::kHswish;
  a.se_ratio = 0.25;
  for (int s = 0; s < 2; ++s) {
    ArchitectureStage stage;
    stage.width = static_cast<int>(random.between(4, 7));
    stage.stride = static_cast<int>(random.between(1, 2));
    const std::int64_t num_blocks = random.between(1, 2);
    for (std::int64_t b = 0; b < num_blocks; ++b) {
      ArchitectureBlock block;
      for (int kernel = 3; kernel <= 7; kernel += 2) {
        if (random.one_in(2))
          block.branches.push_back({kernel, static_cast<int>(random.between(1, 3))});
      }
      if (block.branches.empty()) block.branches = {{3, 1}};
      block.squeeze_excite = random.one_in(2);
      block.activation = random.one_in(2) ? Activation::kRelu : Activation::kHswish;
      stage.blocks.push_back(block);
    }
    a.stages.push_back(stage);
  }
  return a;
}

std::vector<Architecture> architectures() {
  std::vector<Architecture> all;
  for (std::uint64_t seed = 0; seed < 24; ++seed) all.push_back(random_architecture_of(seed));
  for (const Architecture& a : operator_networks()) all.push_back(a);
  return all;
}

Architecture deep_architecture(int num_blocks) {
  Architecture a = random_architecture_of(3);
  ArchitectureBlock block;
  block.branches = {{3, 2}};
  a.stages.resize(1);
  a.stages[0].blocks.assign(static_cast<std::size_t>(num_blocks), block);
  return a;
}

TEST_F(BlockNetworkTest, PlainLayersWithFoldedWeightsGiveTheSameLogits) {
  for (const Architecture& a : architectures()) {
    SCOPED_TRACE(architecture_text(a));
    BlockNetwork network(a);
    randomize_batch_norms(*network);
    network->eval();
    const torch::NoGradGuard no_grad;
    const torch::Tensor images = random_images(a.input, 2);
    const torch::Tensor logits = network(images);
    const LayerWeights weights = folded_weights(network);
    const Network layers = to_network(a);
    ReferenceExecutor executor(layers, weights);
    for (std::int64_t i = 0; i < images.size(0); ++i) {
      const torch::Tensor image = images[i].to(torch::kDouble).contiguous();
      const auto* pixels = image.data_ptr<double>();
      std::vector<double> expected =
          executor.run(ReferenceExecutor::Map(pixels, pixels + image.numel()));
      EXPECT_LT(relative_difference(logits[i], torch::tensor(expected, torch::kDouble)), 2e-5);
    }
  }
}

TEST_F(BlockNetworkTest, ExactlyTheLayersWithWeightsHaveFoldedOnesOfTheirSize) {
  for (const Architecture& a : architectures()) {
    SCOPED_TRACE(architecture_text(a));
    BlockNetwork network(a);
    const LayerWeights weights = folded_weights(network);
    std::size_t num_layers = 0;
    for (const Layer& layer : to_network(a).layers) {
      if (!layer.has_weights()) continue;
      ++num_layers;
      ASSERT_EQ(weights.count(layer.name), 1U) << layer.name;
      const LayerWeight& weight = weights.at(layer.name);
      EXPECT_EQ(static_cast<std::int64_t>(weight.weight.size()), layer.num_weights());
      EXPECT_EQ(static_cast<std::int64_t>(weight.weight.size() + weight.bias.size()),
                layer.num_params());
    }
    EXPECT_EQ(weights.size(), num_layers);
  }
}

TEST_F(BlockNetworkTest, ParametersAreThoseThatAreCounted) {
  for (const Architecture& a : architectures()) {
    std::int64_t sum = 0;
    for (const torch::Tensor& parameter : BlockNetwork(a)->parameters()) sum += parameter.numel();
    EXPECT_EQ(sum, num_trained_params(a)) << architecture_text(a);
  }
}

TEST_F(BlockNetworkTest, NamesThatCheckpointsUseStay) {
  Architecture a = deep_architecture(1);
  a.stages[0].blocks[0].branches = {{3, 1}, {5, 2}};
  a.stages[0].blocks[0].squeeze_excite = true;
  std::vector<std::string> names;
  for (const auto& item : BlockNetwork(a)->named_parameters()) {
    if (item.key().find("_bn.") == std::string::npos) names.push_back(item.key());
  }
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre(
                  "stem.weight", "block0.expand.weight", "block0.depthwise0", "block0.depthwise1",
                  "block0.squeeze_excite.reduce.weight", "block0.squeeze_excite.reduce.bias",
                  "block0.squeeze_excite.expand.weight", "block0.squeeze_excite.expand.bias",
                  "block0.project.weight", "head.weight", "classifier.weight", "classifier.bias"));
}

TEST_F(BlockNetworkTest, EveryParameterGetsAGradient) {
  for (const Architecture& a : architectures()) {
    SCOPED_TRACE(architecture_text(a));
    BlockNetwork network(a);
    network->set_regularization(0.2, 0.2);
    const torch::Tensor labels = torch::zeros({8}, torch::kLong);
    torch::nn::functional::cross_entropy(network(random_images(a.input, 8)), labels).backward();
    for (const auto& item : network->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
    }
  }
}

TEST_F(BlockNetworkTest, GradientsAreThoseOfFiniteDifferences) {
  Architecture a = random_architecture_of(5);
  a.activation = Activation::kSwish;  // smooth, unlike ReLU
  for (ArchitectureStage& stage : a.stages) {
    for (ArchitectureBlock& block : stage.blocks) {
      block.activation = Activation::kSwish;
      block.squeeze_excite = true;
    }
  }
  BlockNetwork network(a);
  network->to(torch::kDouble);
  const torch::Tensor images = random_images(a.input, 4).to(torch::kDouble);
  const torch::Tensor labels = torch::tensor({0, 1, 2, 3}, torch::kLong);
  const auto loss = [&] { return torch::nn::functional::cross_entropy(network(images), labels); };
  loss().backward();
  const MixConvBlockImpl& first = *network->blocks[0]->as<MixConvBlock>();
  for (torch::Tensor parameter :
       {first.depthwise[0], first.project_bn->weight,
        network->blocks.back()->squeeze_excite->reduce->bias, network->classifier->bias}) {
    EXPECT_LT(relative_difference(finite_differences(parameter.detach(), loss), parameter.grad()),
              1e-5);
  }
}

TEST_F(BlockNetworkTest, BatchNormalisationIsThatOfTheMethod) {
  BlockNetwork network(deep_architecture(2));
  int num_checked = 0;
  for (const auto& child : network->modules()) {
    const auto* bn = child->as<torch::nn::BatchNorm2dImpl>();
    if (bn == nullptr) continue;
    EXPECT_NEAR(bn->options.momentum().value(), 0.01, 1e-12);
    EXPECT_EQ(bn->options.eps(), 1e-3);
    ++num_checked;
  }
  EXPECT_EQ(num_checked, 2 + 2 * 3);
}

TEST_F(BlockNetworkTest, InitialValuesHaveTheSpreadOfTheMethod) {
  Architecture a = deep_architecture(1);
  a.input.channels = 1;  // the stem's weight then has the shape of a depthwise one
  a.stem_width = 512;
  a.stem_kernel = 3;
  a.stages[0].width = 64;
  a.num_classes = 100;
  BlockNetwork network(a);
  const auto spread = [](const torch::Tensor& weight) { return weight.std().item<double>(); };
  EXPECT_NEAR(spread(network->stem->weight) / std::sqrt(2.0 / (9 * 512)), 1.0, 0.05);
  const MixConvBlockImpl& block = *network->blocks[0]->as<MixConvBlock>();
  EXPECT_NEAR(spread(block.expand->weight) / std::sqrt(2.0 / 1024), 1.0, 0.05);
  EXPECT_NEAR(spread(block.depthwise[0]) / std::sqrt(2.0 / 9), 1.0, 0.05);
  EXPECT_NEAR(spread(block.project->weight) / std::sqrt(2.0 / 64), 1.0, 0.05);
  // Uniform: from -0.1 to 0.1 with 100 classes.
  const torch::Tensor dense = network->classifier->weight.detach().abs();
  EXPECT_LE(dense.max().item<double>(), 0.1);
  EXPECT_GT(dense.max().item<double>(), 0.09);
  EXPECT_NEAR(dense.mean().item<double>(), 0.05, 0.005);
  EXPECT_EQ(network->classifier->bias.abs().max().item<double>(), 0.0);
}

TEST_F(BlockNetworkTest, DropConnectGrowsLinearlyToTheLastBlock) {
  BlockNetwork network(deep_architecture(5));
  network->set_regularization(0.3, 0.2);
  EXPECT_EQ(network->dropout, 0.3);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_DOUBLE_EQ(network->blocks[i]->drop_connect, 0.05 * static_cast<double>(i));
  BlockNetwork single(deep_architecture(1));
  single->set_regularization(0.0, 0.2);
  EXPECT_EQ(single->blocks[0]->drop_connect, 0.2);
}

TEST_F(BlockNetworkTest, DropConnectDropsWholeImagesAndKeepsTheExpectation) {
  const std::int64_t num_images = 20000;
  const double probability = 0.3;
  const torch::Tensor x = torch::ones({num_images, 2, 2, 2});
  const torch::Tensor dropped = drop_connect(x, probability);
  const torch::Tensor per_image = dropped.flatten(1);
  EXPECT_EQ((per_image.amax(1) - per_image.amin(1)).abs().max().item<double>(), 0.0);
  const double share = per_image.select(1, 0).eq(0).to(torch::kDouble).mean().item<double>();
  const double deviation =
      std::sqrt(probability * (1.0 - probability) / static_cast<double>(num_images));
  EXPECT_NEAR(share, probability, 4.0 * deviation);
  EXPECT_NEAR(dropped.mean().item<double>(), 1.0, 4.0 * deviation / (1.0 - probability));
  EXPECT_TRUE(drop_connect(x, 0.0).equal(x));
}

TEST_F(BlockNetworkTest, RegularizationIsForTrainingOnly) {
  const Architecture a = deep_architecture(3);
  BlockNetwork network(a);
  const torch::Tensor images = random_images(a.input, 4);
  network->eval();
  const torch::Tensor logits = network(images);
  network->set_regularization(0.5, 0.5);
  EXPECT_TRUE(network(images).equal(logits));
  network->train();
  EXPECT_FALSE(network(images).equal(network(images)));
}

TEST_F(BlockNetworkTest, TheSameSeedGivesTheSameNetworkAndTheSameStep) {
  const Architecture a = random_architecture_of(7);
  const torch::Tensor images = random_images(a.input, 4);
  const auto run = [&] {
    torch::manual_seed(11);
    BlockNetwork network(a);
    network->set_regularization(0.5, 0.5);
    return network(images);
  };
  EXPECT_TRUE(run().equal(run()));
}

TEST_F(BlockNetworkTest, SqueezeAndExcitationScalesByTheGateOfThePooledMap) {
  SqueezeExcite se(6, 2);
  torch::nn::init::normal_(se->reduce->bias);
  torch::nn::init::normal_(se->expand->bias);
  const torch::Tensor x = torch::randn({3, 6, 5, 4});
  const torch::Tensor pooled = x.sum({2, 3}) / 20.0;
  const torch::Tensor reduced =
      torch::clamp_min(pooled.matmul(se->reduce->weight.flatten(1).t()) + se->reduce->bias, 0.0);
  const torch::Tensor expanded =
      reduced.matmul(se->expand->weight.flatten(1).t()) + se->expand->bias;
  const torch::Tensor gate = (1.0 / (1.0 + torch::exp(-expanded))).view({3, 6, 1, 1});
  se->eval();
  EXPECT_LT(relative_difference(se->gate(x), gate), 1e-6);
  EXPECT_LT(relative_difference(se(x), x * gate), 1e-6);
  EXPECT_LT(relative_difference(se->last_gate, gate), 1e-6);
  EXPECT_FALSE(se->last_gate.requires_grad());
}

TEST_F(BlockNetworkTest, SqueezedChannelsFollowTheRatioOfTheBlocksInput) {
  Architecture a = deep_architecture(1);
  a.stem_width = 10;
  a.se_ratio = 0.25;
  a.stages[0].blocks[0].squeeze_excite = true;
  EXPECT_EQ(BlockNetwork(a)->blocks[0]->squeeze_excite->reduce->weight.size(0), 2);
  a.se_ratio = 0.01;
  EXPECT_EQ(BlockNetwork(a)->blocks[0]->squeeze_excite->reduce->weight.size(0), 1);
}

TEST_F(BlockNetworkTest, ActivationsAreTheirFormulas) {
  const torch::Tensor x = torch::linspace(-8.0, 8.0, 65, torch::kDouble);
  const auto relu6 = [](const torch::Tensor& v) { return v.clamp(0.0, 6.0); };
  const torch::Tensor sigmoid = 1.0 / (1.0 + torch::exp(-x));
  const auto differs = [&](Activation activation, const torch::Tensor& expected) {
    return relative_difference(activate(x, activation), expected);
  };
  EXPECT_EQ(differs(Activation::kNone, x), 0.0);
  EXPECT_EQ(differs(Activation::kRelu, x.clamp_min(0.0)), 0.0);
  EXPECT_EQ(differs(Activation::kRelu6, relu6(x)), 0.0);
  EXPECT_LT(differs(Activation::kHswish, x * relu6(x + 3.0) / 6.0), 1e-12);
  EXPECT_LT(differs(Activation::kSwish, x * sigmoid), 1e-12);
  EXPECT_LT(differs(Activation::kSigmoid, sigmoid), 1e-12);
  EXPECT_LT(differs(Activation::kHsigmoid, relu6(x + 3.0) / 6.0), 1e-12);
  EXPECT_LT(differs(Activation::kLeakyRelu, torch::where(x > 0.0, x, 0.01 * x)), 1e-12);
}

TEST_F(BlockNetworkTest, LayoutOfTheImagesDoesNotMatter) {
  const Architecture a = random_architecture_of(2);
  BlockNetwork network(a);
  network->eval();
  const torch::Tensor images = random_images(a.input, 3);
  EXPECT_LT(relative_difference(network(images.contiguous(torch::MemoryFormat::ChannelsLast)),
                                network(images)),
            1e-6);
}

TEST_F(BlockNetworkTest, ABlockWithoutBranchesIsRefused) {
  EXPECT_EQ(input_error_of([] { make_block(8, 8, 1, ArchitectureBlock(), 0.25); }),
            "a block needs at least one branch");
}

}  // namespace
}  // namespace tilewake
