// SPDX-License-Identifier: Apache-2.0
#include "nas/space/published_networks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/network_text.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using Published = Architecture (*)(const Shape&, int);

struct Case {
  const char* name;
  Published make;
};

constexpr Case kCases[] = {{"mobilenet_v2", mobilenet_v2},
                           {"efficientnet_lite0", efficientnet_lite0}};

constexpr Case kAllCases[] = {{"mobilenet_v2", mobilenet_v2},
                              {"efficientnet_lite0", efficientnet_lite0},
                              {"mobilenet_v3", mobilenet_v3},
                              {"dense", dense_network}};

/// A network without its names, which are the files' own.
std::string anonymous_text(Network network) {
  network.name = "n";
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    network.layers[i].name = "layer" + std::to_string(i);
    network.layers[i].block.clear();
  }
  return text_of(network);
}

TEST(PublishedNetworksTest, AtTheirOwnResolutionTheyAreTheShippedNetworks) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    const Network network = to_network(c.make({3, 224, 224}, 1000));
    const Network shipped = shipped_network(c.name);
    EXPECT_EQ(network.name, c.name);
    EXPECT_EQ(network.num_macs(), shipped.num_macs());
    EXPECT_EQ(network.num_params(), shipped.num_params());
    EXPECT_EQ(anonymous_text(network), anonymous_text(shipped));
  }
}

/// Strides of stem and stages.
std::vector<int> strides_of(const Architecture& a) {
  std::vector<int> strides = {a.stem_stride};
  for (const ArchitectureStage& stage : a.stages) strides.push_back(stage.stride);
  return strides;
}

std::int64_t last_side(const Architecture& a) {
  std::int64_t side = std::min(a.input.height, a.input.width);
  for (const int stride : strides_of(a)) side = (side + stride - 1) / stride;
  return side;
}

Architecture with_strides(Architecture a, const std::vector<int>& strides) {
  a.stem_stride = strides[0];
  for (std::size_t s = 0; s < a.stages.size(); ++s) a.stages[s].stride = strides[s + 1];
  return a;
}

TEST(PublishedNetworksTest, SmallImagesTakeAsFewFirstStridesOffAsLeaveFourPixels) {
  for (const Case& c : kAllCases) {
    const std::vector<int> published = strides_of(c.make({3, 224, 224}, 1000));
    for (std::int64_t side = 1; side <= 260; ++side) {
      SCOPED_TRACE(side);
      const Architecture a = c.make({1, side, side + 7}, 10);
      const std::vector<int> strides = strides_of(a);
      std::size_t num_off = 0;  // strides in front that are 1 now
      while (num_off < strides.size() && strides[num_off] == 1) ++num_off;
      for (std::size_t i = num_off; i < strides.size(); ++i) EXPECT_EQ(strides[i], published[i]);
      EXPECT_GE(last_side(a), std::min<std::int64_t>(side, 4));
      if (strides == published) continue;
      // With the last of those that are off on again it would be too small.
      std::vector<int> one_less = strides;
      std::size_t i = num_off - 1;
      while (published[i] == 1) --i;
      one_less[i] = published[i];
      EXPECT_LT(last_side(with_strides(a, one_less)), 4);
    }
  }
}

TEST(PublishedNetworksTest, ImagesOfFashionAndCifarKeepThreeStrides) {
  for (const Case& c : kCases) {
    for (const std::int64_t side : {28, 32}) {
      const Architecture a = c.make({3, side, side}, 10);
      EXPECT_EQ(strides_of(a), (std::vector<int>{1, 1, 1, 2, 2, 1, 2, 1}));
      EXPECT_EQ(layer_of(to_network(a), "head").ofm, (Shape{1280, 4, 4}));
      // Nothing else changes.
      EXPECT_EQ(with_strides(a, strides_of(c.make({3, 224, 224}, 10))).stages,
                c.make({3, 224, 224}, 10).stages);
    }
  }
}

/// Weights of the 3x3 convolutions but the first layer.
std::int64_t bytes_of_3x3(const Network& network) {
  std::int64_t sum = 0;
  for (const Layer& layer : network.layers) {
    if (layer.op == Op::kConv2d && layer.kernel_height == 3 && layer.inputs[0] != kNetworkInput)
      sum += layer.num_weights();
  }
  return sum;
}

TEST(PublishedNetworksTest, TheDenseNetworkHasTheConvolutionsOfResnet18) {
  const Network dense = to_network(dense_network({3, 224, 224}, 1000));
  EXPECT_EQ(bytes_of_3x3(dense), bytes_of_3x3(shipped_network("resnet18")));
  // A residual around each but those with a stride, which begin the four stages.
  std::int64_t num_adds = 0;
  for (const Layer& layer : dense.layers) num_adds += layer.op == Op::kAdd ? 1 : 0;
  EXPECT_EQ(num_adds, 12);
}

// Howard et al., ICCV 2019, table 4: 56 M MACs and 2.5 M parameters, of which 576 x 1024 + 1024 x
// 1000 are those of two fully connected layers; here one of 576 x 1000.
TEST(PublishedNetworksTest, MobilenetV3IsNearThePublishedOne) {
  const Network network = to_network(mobilenet_v3({3, 224, 224}, 1000));
  EXPECT_NEAR(static_cast<double>(network.num_macs()), 56e6, 0.1 * 56e6);
  EXPECT_NEAR(static_cast<double>(network.num_params()), 2.5e6 - 1.04e6, 0.15 * 1.5e6);
  EXPECT_EQ(network.layers.back().ofm.channels, 1000);
}

}  // namespace
}  // namespace tilewake
