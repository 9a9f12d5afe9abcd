// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

/// The fields that determine the work of each layer, without name and activation. A fully connected
/// layer on a 1x1 map is the 1x1 convolution that the reference files have for it.
std::vector<std::string> work_of(const Network& network) {
  std::vector<std::string> lines;
  for (const Layer& layer : network.layers) {
    const bool is_pointwise =
        layer.op == Op::kFullyConnected && layer.ifm.height * layer.ifm.width == 1;
    const Padding& p = layer.padding;
    lines.push_back(fmt::format(
        "{} inputs {} ifm {}x{}x{} ofm {}x{}x{} kernel {}x{} stride {} padding {} {} {} {}",
        to_string(is_pointwise ? Op::kConv2d : layer.op), layer.inputs, layer.ifm.channels,
        layer.ifm.height, layer.ifm.width, layer.ofm.channels, layer.ofm.height, layer.ofm.width,
        layer.kernel_height, layer.kernel_width, layer.stride.height, p.top, p.left, p.bottom,
        p.right));
  }
  return lines;
}

class ReferenceNetworkTest : public ::testing::TestWithParam<std::string> {};

// mobilenet_v1 is missing on purpose: the reference file has four 512-channel blocks at 14 x 14
// where the paper, and our file, have five.
TEST_P(ReferenceNetworkTest, ShippedNetworkDoesTheSameWorkLayerForLayer) {
  const auto reference = source_path("tests/reference/midap_networks/" + GetParam() + ".yaml");
  const Network ours = read_network(source_path("networks/" + GetParam() + ".yaml").string());
  EXPECT_EQ(work_of(ours), work_of(read_network(reference.string())));
}

INSTANTIATE_TEST_SUITE_P(Networks, ReferenceNetworkTest,
                         ::testing::Values("efficientnet_b0", "efficientnet_lite2", "mobilenet_v2",
                                           "resnet50", "s3nas_m"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tilewake
