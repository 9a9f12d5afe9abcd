// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/midap_machines.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A network of `layers` on an input of that shape.
Network network(std::int64_t channels, std::int64_t height, std::int64_t width,
                const std::string& layers) {
  return read_network_text(
      fmt::format("name: n\ninput: {{channels: {}, height: {}, width: {}}}\nlayers:\n{}", channels,
                  height, width, layers),
      "n.yaml");
}

std::string error_of(const Network& network, const HardwareConfig& hardware) {
  return input_error_of([&] { map_network(network, hardware); });
}
std::string error_of(const Network& network) { return error_of(network, shipped_machine("midap")); }

TEST(MidapLimitsTest, FilterLargerThanAWmemBank) {
  const std::string conv = "  - {name: wide, op: conv2d, kernel: 5, out_channels: 16}\n";
  EXPECT_EQ(error_of(network(640, 8, 8, conv)), "no error");  // 16,000 of 16,384 bytes
  EXPECT_THAT(error_of(network(672, 8, 8, conv)),
              AllOf(HasSubstr("layer wide"), HasSubstr("WMEM bank"), HasSubstr("16384")));
}

TEST(MidapLimitsTest, DepthwiseWeightsLargerThanTheExtendedBank) {
  const std::string layer = "  - {name: deep, op: depthwise_conv2d, kernel: 7}\n";
  EXPECT_EQ(error_of(network(2624, 8, 8, layer)), "no error");  // 128,576 of 131,072 bytes
  EXPECT_THAT(error_of(network(2688, 8, 8, layer)),
              AllOf(HasSubstr("layer deep"), HasSubstr("extended WMEM bank"), HasSubstr("131072")));
}

TEST(MidapLimitsTest, ColumnLargerThanAFmemBank) {
  const std::string layer = "  - {name: tall, op: conv2d, kernel: 1, out_channels: 16}\n";
  EXPECT_EQ(error_of(network(64, 4096, 2, layer)), "no error");  // 262,144 bytes
  EXPECT_THAT(error_of(network(64, 4097, 2, layer)),
              AllOf(HasSubstr("layer "), HasSubstr("FMEM bank"), HasSubstr("262144")));
  // The column that does not fit may also be the output's.
  const std::string wide = "  - {name: tall, op: conv2d, kernel: 1, out_channels: 128}\n";
  EXPECT_THAT(error_of(network(64, 4096, 2, wide)),
              AllOf(HasSubstr("layer tall"), HasSubstr("FMEM bank")));
}

TEST(MidapLimitsTest, BiasesLargerThanBmmem) {
  const auto dense = [](int outputs) {
    return fmt::format("  - {{name: dense, op: fully_connected, out_channels: {}}}\n", outputs);
  };
  EXPECT_EQ(error_of(network(64, 1, 1, dense(4096))), "no error");
  EXPECT_THAT(error_of(network(64, 1, 1, dense(4097))),
              AllOf(HasSubstr("layer dense"), HasSubstr("BMMEM"), HasSubstr("4096")));
  EXPECT_EQ(error_of(network(64, 1, 1,
                             "  - {name: dense, op: fully_connected, out_channels: 4097, "
                             "bias: false}\n")),
            "no error");
}

TEST(MidapLimitsTest, WindowColumnsThatFillMoreThanAllBanks) {
  const auto pool = [](int columns) {
    return fmt::format(
        "  - {{name: wide, op: max_pool, kernel: [1, {}], stride: 1, padding: valid}}\n", columns);
  };
  EXPECT_EQ(error_of(network(64, 4096, 8, pool(4))), "no error");  // a bank holds one column
  EXPECT_THAT(error_of(network(64, 4096, 8, pool(5))),
              AllOf(HasSubstr("layer wide"), HasSubstr("5 columns"), HasSubstr("4 FMEM banks")));
  EXPECT_EQ(error_of(network(64, 4096, 8, pool(5)), midap_with(6, 16, 64)), "no error");
}

TEST(MidapLimitsTest, ChannelsBeyondTheReductionBuffer) {
  const auto pooled = [](int channels) {
    return fmt::format(
        "  - {{name: conv, op: conv2d, kernel: 1, out_channels: {}, bias: false}}\n"
        "  - {{name: mean, op: global_avg_pool}}\n",
        channels);
  };
  EXPECT_EQ(error_of(network(64, 4, 4, pooled(4096))), "no error");
  EXPECT_THAT(error_of(network(64, 4, 4, pooled(4112))),
              AllOf(HasSubstr("layer mean"), HasSubstr("reduction buffer"), HasSubstr("4096")));
}

TEST(MidapLimitsTest, SecondOperandColumnLargerThanTheExtendedBank) {
  const std::string layers =
      "  - {name: a, op: conv2d, kernel: 1, out_channels: 64}\n"
      "  - {name: b, op: conv2d, kernel: 1, out_channels: 64}\n"
      "  - {name: sum, op: add, inputs: [a, b]}\n";
  EXPECT_EQ(error_of(network(64, 2048, 2, layers)), "no error");  // 131,072 bytes
  EXPECT_THAT(error_of(network(64, 2049, 2, layers)),
              AllOf(HasSubstr("layer sum"), HasSubstr("extended WMEM bank")));
}

TEST(MidapLimitsTest, ConcatOfTheNetworkInput) {
  EXPECT_THAT(error_of(network(16, 4, 4,
                               "  - {name: a, op: conv2d, kernel: 1, out_channels: 16}\n"
                               "  - {name: both, op: concat, inputs: [a, input]}\n")),
              AllOf(HasSubstr("layer both"), HasSubstr("network input")));
}

TEST(MidapLimitsTest, ASoftmaxAtTheEndIsLeftToTheHostAndChangesNothingElse) {
  const std::string layers =
      "  - {name: a, op: conv2d, kernel: 3, out_channels: 64}\n"
      "  - {name: mean, op: global_avg_pool}\n"
      "  - {name: dense, op: fully_connected, out_channels: 16}\n";
  const std::string softmax = "  - {name: end, op: softmax}\n";
  const Program without = map_network(network(64, 16, 16, layers), shipped_machine("midap"));
  const Program with = map_network(network(64, 16, 16, layers + softmax), shipped_machine("midap"));
  ASSERT_EQ(with.layers.size(), without.layers.size() + 1);
  EXPECT_EQ(with.layers.back().fused_into, "host");
  EXPECT_EQ(with.layers.back().steps, 0.0);
  EXPECT_EQ(with.warnings.size(), without.warnings.size() + 1);
  EXPECT_EQ(with.schedule, without.schedule);
  for (std::size_t i = 0; i < without.layers.size(); ++i) {
    EXPECT_EQ(with.layers[i].network_layer, without.layers[i].network_layer);
    EXPECT_EQ(with.layers[i].plan, without.layers[i].plan);
  }
  // Before other layers it is none of the end.
  EXPECT_THAT(error_of(network(64, 16, 16, softmax + layers)), HasSubstr("layer end"));
}

}  // namespace
}  // namespace tilewake
