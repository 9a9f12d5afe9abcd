// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "latency_model/dataset.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

// MIDAP: 16 x 64 MACs and 25 bytes (25.6 rounded down) a cycle.
constexpr double kPeakMacs = 1024.0;
constexpr double kPeakBytes = 25.0;

double roofline(const std::string& layers, const std::string& name) {
  const Network network = read_network_text(
      "name: n\ninput: {channels: 64, height: 16, width: 16}\nlayers:\n" + layers, "n.yaml");
  return roofline_cycles(shipped_machine("midap"), network, layer_of(network, name));
}

TEST(RooflineTest, ManyMacsAByteAreBoundByTheArray) {
  // Of three taps a row, the two windows at the border lose one each: 3 x 16 - 2 = 46.
  EXPECT_DOUBLE_EQ(roofline("  - {name: a, op: conv2d, out_channels: 64, kernel: 3}\n", "a"),
                   64.0 * 64.0 * 46.0 * 46.0 / kPeakMacs);
}

TEST(RooflineTest, FewMacsAByteAreBoundByTheMemory) {
  EXPECT_DOUBLE_EQ(roofline("  - {name: a, op: depthwise_conv2d, kernel: 3}\n", "a"),
                   (64 * 16 * 16 + 64 * 9 + 64 * 16 * 16) / kPeakBytes);
}

TEST(RooflineTest, WithoutMacsAllInputsAndTheOutputMove) {
  const std::string layers =
      "  - {name: a, op: conv2d, out_channels: 64, kernel: 1}\n"
      "  - {name: b, op: conv2d, out_channels: 64, kernel: 1}\n"
      "  - {name: add, op: add, inputs: [a, b]}\n"
      "  - {name: pool, op: global_avg_pool, inputs: [b]}\n"
      "  - {name: scale, op: mul, inputs: [b, pool]}\n";
  EXPECT_DOUBLE_EQ(roofline(layers, "add"), 3 * 64 * 256 / kPeakBytes);
  EXPECT_DOUBLE_EQ(roofline(layers, "pool"), (64 * 256 + 64) / kPeakBytes);
  EXPECT_DOUBLE_EQ(roofline(layers, "scale"), (64 * 256 + 64 + 64 * 256) / kPeakBytes);
}

}  // namespace
}  // namespace tilewake
