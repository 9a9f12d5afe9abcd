// SPDX-License-Identifier: Apache-2.0
#include "nas/network/layer_network.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/network/block_network.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/nas/supernet/torch_test.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using LayerNetworkTest = TorchTest;
using Normalization = LayerNetworkImpl::Normalization;

/// Logits of the module in evaluation mode, and those of the plain loops with `weights`.
double difference_to_plain_loops(LayerNetwork& network, const LayerWeights& weights) {
  const torch::NoGradGuard no_grad;
  network->eval();
  const torch::Tensor images = random_images(network->network.input, 2);
  const torch::Tensor logits = network(images).contiguous();
  const torch::Tensor values = images.contiguous();
  const std::vector<double> expected =
      reference_logits(network->network, weights,
                       {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()});
  return largest_difference(
      std::vector<float>(logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel()),
      expected);
}

TEST_F(LayerNetworkTest, LogitsAreThoseOfThePlainLoops) {
  std::vector<Network> networks = {every_exported_op()};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    networks.push_back(random_network(seed));
    networks.push_back(random_moving_network(seed));
    networks.push_back(random_mixconv_network(seed, /*with_squeeze_excite=*/true));
  }
  for (const Network& plain : networks) {
    const LayerWeights weights = random_weights(plain, 7);
    LayerNetwork network(plain, Normalization::kNone);
    network->set_weights(weights);
    EXPECT_LT(difference_to_plain_loops(network, weights), 1e-4) << plain.name;
    EXPECT_EQ(network->folded_weights().begin()->second.weight, weights.begin()->second.weight);
  }
}

TEST_F(LayerNetworkTest, FoldedWeightsGiveTheLogitsOfBatchNormalisation) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    LayerNetwork network(random_mixconv_network(seed, /*with_squeeze_excite=*/true),
                         Normalization::kBatch);
    randomize_batch_norms(*network);
    EXPECT_LT(difference_to_plain_loops(network, network->folded_weights()), 1e-4) << seed;
  }
}

TEST_F(LayerNetworkTest, LogitsOfEveryOperatorAreThoseOfItsBlock) {
  const torch::NoGradGuard no_grad;
  for (const Architecture& a : operator_networks()) {
    SCOPED_TRACE(architecture_text(a));
    BlockNetwork blocks(a);
    randomize_batch_norms(*blocks);
    LayerNetwork layers(to_network(a), Normalization::kNone);
    layers->set_weights(folded_weights(blocks));
    blocks->eval();
    layers->eval();
    const torch::Tensor images = random_images(a.input, 3);
    const torch::Tensor expected = blocks(images);
    const double scale = expected.abs().max().item<double>() + 1.0;
    EXPECT_LT((layers(images) - expected).abs().max().item<double>(), 1e-4 * scale);
  }
}

TEST_F(LayerNetworkTest, EveryParameterGetsAGradientThatAgreesWithFiniteDifferences) {
  const Network plain = network_of(R"(
  - {name: stem, op: conv2d, out_channels: 6, kernel: 3, stride: 2, activation: swish}
  - {name: dw, op: depthwise_conv2d, kernel: 3, activation: hswish}
  - {name: sum, op: add, inputs: [stem, dw]}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 3}
)");
  LayerNetwork network(plain, Normalization::kBatch);
  network->to(torch::kDouble);
  const torch::Tensor images = random_images(plain.input, 4).to(torch::kDouble);
  const torch::Tensor factors = torch::randn({4, 3}, torch::kDouble);
  const auto loss = [&] { return (network(images) * factors).sum(); };
  loss().backward();
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  for (const auto& item : network->named_parameters()) {
    torch::Tensor parameter = item.value();
    ASSERT_TRUE(parameter.grad().defined()) << item.key();
    torch::Tensor value = parameter.view({-1})[0];
    const double before = value.item<double>();
    value.fill_(before + kStep);
    const double above = loss().item<double>();
    value.fill_(before - kStep);
    const double below = loss().item<double>();
    value.fill_(before);
    EXPECT_NEAR(parameter.grad().view({-1})[0].item<double>(), (above - below) / (2.0 * kStep),
                1e-5)
        << item.key();
  }
}

TEST_F(LayerNetworkTest, WhatIsNotTrainedIsRefusedByName) {
  const auto refusal = [](const std::string& layers) {
    return input_error_of([&] { LayerNetwork(network_of(layers), Normalization::kBatch); });
  };
  EXPECT_THAT(refusal("  - {name: up, op: resize, out_size: [18, 14]}\n"),
              testing::HasSubstr("up"));
  EXPECT_THAT(refusal("  - {name: a, op: conv2d, out_channels: 4, kernel: 1, activation: gelu}\n"),
              testing::HasSubstr("gelu"));
  EXPECT_THAT(refusal("  - {name: a, op: conv2d, out_channels: 4, kernel: 1}\n"
                      "  - {name: b, op: conv2d, out_channels: 4, kernel: 1, inputs: [input]}\n"),
              testing::HasSubstr("second output"));
  EXPECT_THAT(refusal("  - {name: a, op: conv2d, out_channels: 4, kernel: 1}\n"
                      "  - {name: b, op: conv2d, out_channels: 4, kernel: 1, weights_of: a}\n"),
              testing::HasSubstr("share weights"));
}

TEST_F(LayerNetworkTest, WeightsOfAnotherSizeAreRefused) {
  const Network plain = every_exported_op();
  LayerNetwork network(plain, Normalization::kNone);
  LayerWeights weights = random_weights(plain, 1);
  weights["gate"].bias.pop_back();
  EXPECT_THAT(input_error_of([&] { network->set_weights(weights); }), testing::HasSubstr("gate"));
  weights.erase("gate");
  EXPECT_THAT(input_error_of([&] { network->set_weights(weights); }), testing::HasSubstr("gate"));
}

}  // namespace
}  // namespace tilewake
