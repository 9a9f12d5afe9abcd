// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

/// Published figures of one shipped network.
///
/// Published parameters count two for each channel of a batch normalisation (scale and shift); in
/// our files it is folded, which leaves one bias. So they equal num_params + normalised channels.
struct Published {
  std::string name;
  std::int64_t params;      // with batch normalisation, running statistics not counted
  double params_tolerance;  // 0: exact
  double gmacs;
  double gmacs_tolerance;  // half a unit of the last printed digit, unless noted otherwise
};

// torchvision: num_params of the weights' meta data (0.14); MACs: its table of models (0.15).
// keras: trainable parameters of keras.applications. timm: parameters of tf_efficientnet_lite*.
// s3nas: the table of published results in arXiv:2009.02009.
const std::vector<Published> kPublished = {
    {"mobilenet_v1", 4'231'976, 0, 0.569, 0.0005},      // keras; MACs: the paper, table 4
    {"mobilenet_v2", 3'504'872, 0, 0.30, 0.005},        // torchvision
    {"mobilenet_v3_large", 5'483'032, 0, 0.22, 0.005},  // torchvision
    {"resnet18", 11'689'512, 0, 1.81, 0.005},           // torchvision
    {"resnet50", 25'557'032, 0, 4.09, 0.005},           // torchvision
    {"inception_v3", 23'834'568, 0, 5.71, 0.005},       // torchvision, less the auxiliary head
    {"squeezenet", 1'235'496, 0, 0.35, 0.005},          // torchvision, squeezenet1_1
    // torchvision; MACs: the paper, table 5, which counts 0.8 % more.
    {"shufflenet_v2_x1", 2'278'604, 0, 0.146, 0.0012},
    {"efficientnet_b0", 5'288'548, 0, 0.39, 0.005},   // torchvision
    {"efficientnet_b1", 7'794'184, 0, 0.69, 0.005},   // torchvision
    {"efficientnet_b2", 9'109'994, 0, 0.99, 0.005},   // torchvision; MACs at 260: s3nas
    {"efficientnet_b3", 12'233'232, 0, 1.83, 0.005},  // torchvision
    {"efficientnet_b4", 19'341'616, 0, 4.39, 0.005},  // torchvision
    // Google's table has 0.407 and 0.631 GMACs: it counts more than convolutions (4 to 6 % in all
    // five rows, against s3nas, which agrees with us).
    {"efficientnet_lite0", 4'652'008, 0, 0.407, 0.025},
    {"efficientnet_lite1", 5'416'680, 0, 0.631, 0.032},
    {"efficientnet_lite2", 6'092'072, 0, 0.86, 0.005},   // timm; s3nas
    {"efficientnet_lite3", 8'197'096, 0, 1.38, 0.005},   // timm; s3nas
    {"efficientnet_lite4", 13'006'568, 0, 2.55, 0.005},  // timm; s3nas
    {"s3nas_m", 12'800'000, 50'000, 1.29, 0.005},        // s3nas
};

/// Output channels of the layers that are batch-normalised where the network was published: all
/// convolutions but those of squeeze-and-excitation, which work on 1x1 maps.
std::int64_t normalised_channels(const Network& network) {
  if (network.name == "squeezenet") return 0;  // has none
  std::int64_t channels = 0;
  for (const Layer& layer : network.layers) {
    const bool is_convolution = layer.op == Op::kConv2d || layer.op == Op::kDepthwiseConv2d;
    if (is_convolution && layer.ifm.height * layer.ifm.width > 1) channels += layer.ofm.channels;
  }
  return channels;
}

Network shipped(const std::string& name) {
  return read_network(source_path("networks/" + name + ".yaml").string());
}

class ShippedNetworkTest : public ::testing::TestWithParam<Published> {};

TEST_P(ShippedNetworkTest, ParametersAndMacsEqualThePublishedOnes) {
  const Published& published = GetParam();
  const Network network = shipped(published.name);
  EXPECT_EQ(network.name, published.name);
  EXPECT_NEAR(static_cast<double>(network.num_params() + normalised_channels(network)),
              static_cast<double>(published.params), published.params_tolerance);
  EXPECT_NEAR(static_cast<double>(network.num_macs()) / 1e9, published.gmacs,
              published.gmacs_tolerance);
}

TEST_P(ShippedNetworkTest, EndsInAThousandClassesAndHasOneOutput) {
  const Network network = shipped(GetParam().name);
  EXPECT_EQ(network.layers.back().ofm, (Shape{1000, 1, 1}));
  std::set<int> used;
  for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  EXPECT_EQ(used.size(), network.layers.size());  // the input, and all layers but the last
}

INSTANTIATE_TEST_SUITE_P(Networks, ShippedNetworkTest, ::testing::ValuesIn(kPublished),
                         [](const auto& test) { return test.param.name; });

TEST(ShippedNetworksTest, EveryFileHasPublishedFigures) {
  std::set<std::string> checked;
  for (const Published& published : kPublished) checked.insert(published.name);
  std::set<std::string> files;
  for (const auto& path : yaml_files_in("networks")) files.insert(path.stem().string());
  EXPECT_EQ(files, checked);
}

TEST(ShippedNetworksTest, ResNet50WeightsWithoutBiasesAreExact) {
  // 25,557,032 less 2 x 26,560 normalised channels and 1,000 biases of the classifier.
  std::int64_t weights = 0;
  for (const Layer& layer : shipped("resnet50").layers) weights += layer.weight_bytes();
  EXPECT_EQ(weights, 25'502'912);
}

TEST(ShippedNetworksTest, OfficialInputSizes) {
  const std::vector<std::pair<std::string, std::int64_t>> sizes = {
      {"efficientnet_b0", 224},    {"efficientnet_b1", 240},    {"efficientnet_b2", 260},
      {"efficientnet_b3", 300},    {"efficientnet_b4", 380},    {"efficientnet_lite0", 224},
      {"efficientnet_lite1", 240}, {"efficientnet_lite2", 260}, {"efficientnet_lite3", 280},
      {"efficientnet_lite4", 300}, {"inception_v3", 299},       {"resnet50", 224},
      {"mobilenet_v1", 224}};
  for (const auto& [name, size] : sizes) {
    EXPECT_EQ(shipped(name).input, (Shape{3, size, size})) << name;
  }
}

}  // namespace
}  // namespace tilewake
