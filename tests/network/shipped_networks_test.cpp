// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

/// Those of all convolutions but those of squeeze-and-excitation, which work on 1x1 maps.
constexpr std::int64_t kConvolutionsOfMaps = -1;

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
  std::int64_t normalised = kConvolutionsOfMaps;  // channels of batch normalisations
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
    {"squeezenet", 1'235'496, 0, 0.35, 0.005, 0},       // torchvision, squeezenet1_1
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

// ultralytics: table of models (GFLOPs / 2); parameters of the module, less the 16 of the layer
// that decodes boxes. google: table of google-research/bert. Where no MACs are published: sums of
// the products of all layers by hand.
const std::vector<Published> kOtherPublished = {
    {"unet", 7'763'041, 0, 12.071, 0.0005, 2944},                // PyTorch Hub, unet
    {"yolov8n", 3'157'184, 0, 4.35, 0.025, 5296},                // ultralytics
    {"lraspp_mobilenet_v3", 3'221'538, 0, 2.09, 0.005, 12'328},  // torchvision
    // timm; its 1.26 GMACs have five for every normalised element, which are 0.0047.
    {"deit_tiny", 5'717'416, 0, 1.26 - 0.0047, 0.005, 0},
    {"bert_tiny", 4'400'000, 50'000, 0.0587, 0.00005, 0},  // google
    {"m5", 500'000, 60'000, 0.2785, 0.00005, 1024},        // the paper, table 1
};

std::vector<Published> all_published() {
  std::vector<Published> all = kPublished;
  all.insert(all.end(), kOtherPublished.begin(), kOtherPublished.end());
  return all;
}

/// Output channels of the layers that are batch-normalised where the network was published.
std::int64_t normalised_channels(const Network& network, const Published& published) {
  if (published.normalised != kConvolutionsOfMaps) return published.normalised;
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
class ShippedClassifierTest : public ::testing::TestWithParam<Published> {};

TEST_P(ShippedNetworkTest, ParametersAndMacsEqualThePublishedOnes) {
  const Published& published = GetParam();
  const Network network = shipped(published.name);
  EXPECT_EQ(network.name, published.name);
  EXPECT_NEAR(static_cast<double>(network.num_params() + normalised_channels(network, published)),
              static_cast<double>(published.params), published.params_tolerance);
  EXPECT_NEAR(static_cast<double>(network.num_macs()) / 1e9, published.gmacs,
              published.gmacs_tolerance);
}

TEST_P(ShippedClassifierTest, EndsInAThousandClassesAndHasOneOutput) {
  const Network network = shipped(GetParam().name);
  EXPECT_EQ(network.layers.back().ofm, (Shape{1000, 1, 1}));
  std::set<int> used;
  for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  EXPECT_EQ(used.size(), network.layers.size());  // the input, and all layers but the last
}

std::string name_of(const ::testing::TestParamInfo<Published>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(Networks, ShippedNetworkTest, ::testing::ValuesIn(all_published()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Networks, ShippedClassifierTest, ::testing::ValuesIn(kPublished), name_of);

TEST(ShippedNetworksTest, OutputsOfOtherNetworks) {
  const std::map<std::string, std::vector<Shape>> expected = {
      {"unet", {{1, 256, 256}}},
      {"yolov8n",
       {{64, 80, 80}, {80, 80, 80}, {64, 40, 40}, {80, 40, 40}, {64, 20, 20}, {80, 20, 20}}},
      {"lraspp_mobilenet_v3", {{21, 520, 520}}},
      {"deit_tiny", {{1000, 1, 1}}},
      {"bert_tiny", {{128, 1, 1}}},
      {"m5", {{10, 1, 1}}}};
  for (const Published& published : kOtherPublished) {
    const Network network = shipped(published.name);
    std::set<int> used;
    for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
    std::vector<Shape> outputs;
    for (int i = 0; i < static_cast<int>(network.layers.size()); ++i) {
      if (!used.contains(i)) outputs.push_back(network.shape_of(i));
    }
    EXPECT_EQ(outputs, expected.at(published.name)) << published.name;
  }
}

TEST(ShippedNetworksTest, EveryFileHasPublishedFigures) {
  std::set<std::string> checked;
  for (const Published& published : all_published()) checked.insert(published.name);
  std::set<std::string> files;
  for (const auto& path : yaml_files_in("networks")) files.insert(path.stem().string());
  EXPECT_EQ(files, checked);
}

TEST(ShippedNetworksTest, ResNet50WeightsWithoutBiasesAreExact) {
  // 25,557,032 less 2 x 26,560 normalised channels and 1,000 biases of the classifier.
  std::int64_t weights = 0;
  for (const Layer& layer : shipped("resnet50").layers) weights += layer.num_weights();
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
