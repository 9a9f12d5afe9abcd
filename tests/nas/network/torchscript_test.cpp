// SPDX-License-Identifier: Apache-2.0
#include "nas/export/torchscript.hpp"

#include <sstream>

#include <gtest/gtest.h>
#include <torch/script.h>

#include "nas/network/block_network.hpp"
#include "nas/network/torchscript_archive.hpp"
#include "tests/nas/export/deployment.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/nas/network/operators.hpp"
#include "tests/nas/supernet/torch_test.hpp"

namespace tilewake {
namespace {

using TorchScriptTest = TorchTest;

/// Scores and labels that an archive gives, when LibTorch has loaded it.
std::pair<torch::Tensor, torch::Tensor> answers_of(const std::string& archive,
                                                   const DeployedImages& images) {
  std::istringstream stream(archive);
  torch::jit::Module module = torch::jit::load(stream);
  const torch::Tensor bytes = torch::tensor(images.values, torch::kByte).reshape(images.dims);
  const auto tuple = module.forward({bytes}).toTuple();
  return {tuple->elements()[0].toTensor(), tuple->elements()[1].toTensor()};
}

void expect_equal_scores(const Network& network, const LayerWeights& weights, ImageLayout layout,
                         std::uint64_t seed) {
  const Preprocessing preprocessing = random_preprocessing(network, seed);
  const DeployedImages images = random_deployed_images(preprocessing, layout, 2, seed);
  const TorchScript script = torchscript(network, weights, preprocessing, layout);
  const auto [scores, labels] = answers_of(torchscript_archive(script), images);
  const std::size_t num_classes = preprocessing.labels.size();
  const std::vector<double> expected =
      scores_of(reference_logits(network, weights, images.normalised), num_classes);
  ASSERT_EQ(scores.numel(), static_cast<std::int64_t>(expected.size())) << script.code;
  const torch::Tensor difference =
      scores.flatten().to(torch::kDouble) - torch::tensor(expected, torch::kDouble);
  EXPECT_LT(difference.abs().max().item<double>(), 1e-5) << script.code;
  EXPECT_TRUE(torch::equal(labels, scores.argmax(1)));
  EXPECT_EQ(labels.scalar_type(), torch::kLong);
}

TEST_F(TorchScriptTest, ScoresOfEveryOperatorAreThoseOfItsPlainLayers) {
  std::uint64_t seed = 0;
  for (const Architecture& a : operator_networks()) {
    if (++seed % 3 != 0) continue;  // each operator comes six times
    SCOPED_TRACE(architecture_text(a));
    BlockNetwork network(a);
    randomize_batch_norms(*network);
    expect_equal_scores(to_network(a), folded_weights(network),
                        seed % 2 == 0 ? ImageLayout::kNhwc : ImageLayout::kNchw, seed);
  }
}

TEST_F(TorchScriptTest, ScoresOfMixConvNetworksAreThoseOfTheirPlainLayers) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Network network = random_mixconv_network(seed, true);
    expect_equal_scores(network, random_weights(network, seed), ImageLayout::kNhwc, seed);
  }
}

TEST_F(TorchScriptTest, ScoresOfPoolsAreThoseOfPlainLoops) {
  const Network network = network_of(R"(
  - {name: max, op: max_pool, kernel: [3, 2], stride: 2, padding: [1, 0, 0, 1]}
  - {name: far, op: max_pool, kernel: 2, stride: 1, dilation: 2}
  - {name: near, op: avg_pool, kernel: [2, 3], stride: 1, padding: [1, 1, 0, 1], activation: relu}
  - {name: classifier, op: fully_connected, out_channels: 3}
)");
  expect_equal_scores(network, random_weights(network, 3), ImageLayout::kNchw, 3);
}

TEST_F(TorchScriptTest, LayersOfOddNamesHaveModulesOfTheirOwn) {
  const Network network = network_of(
      "  - {name: a/b, op: conv2d, out_channels: 4, kernel: 1, bias: false}\n"
      "  - {name: a.b, op: conv2d, out_channels: 4, kernel: 3}\n"
      "  - {name: class, op: conv2d, out_channels: 4, kernel: [2, 4], stride: 2}\n"
      "  - {name: 7 up, op: fully_connected, out_channels: 3}\n");
  expect_equal_scores(network, random_weights(network, 1), ImageLayout::kNchw, 1);
}

TEST_F(TorchScriptTest, AnArchiveHasTheSameBytesEachTime) {
  const Network network = random_mixconv_network(1, true);
  const TorchScript script = torchscript(network, random_weights(network, 1),
                                         random_preprocessing(network, 1), ImageLayout::kNhwc);
  EXPECT_EQ(torchscript_archive(script), torchscript_archive(script));
}

}  // namespace
}  // namespace tilewake
