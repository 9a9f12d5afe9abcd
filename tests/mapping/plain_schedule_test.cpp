// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/mapping/mapper.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/mapping/midap_state.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

Network network_of(const std::string& layers) {
  return read_network_text(
      "name: n\ninput: {channels: 32, height: 56, width: 56}\nlayers:\n" + layers, "n.yaml");
}

constexpr char kTwoOutputs[] =
    "  - {name: stem, op: conv2d, kernel: 3, out_channels: 64}\n"
    "  - {name: side, op: conv2d, inputs: [stem], kernel: 1, out_channels: 16}\n"
    "  - {name: main, op: conv2d, inputs: [stem], kernel: 3, out_channels: 64}\n"
    "  - {name: sum, op: add, inputs: [main, stem]}\n";

/// a, b and c overlap without one fork lying within another.
constexpr char kBraid[] =
    "  - {name: a, op: conv2d, kernel: 1, out_channels: 64}\n"
    "  - {name: b, op: conv2d, inputs: [a], kernel: 1, out_channels: 64}\n"
    "  - {name: c, op: conv2d, inputs: [b], kernel: 1, out_channels: 64}\n"
    "  - {name: ac, op: add, inputs: [a, c]}\n"
    "  - {name: bd, op: add, inputs: [b, ac]}\n";

Program map(const std::string& layers) {
  return map_network(network_of(layers), shipped_machine("midap"));
}

const std::vector<MidapLayer>& midap_layers(const Program& program) {
  return std::get<MidapProgram>(program.core).layers;
}

std::int64_t loaded_bytes(const MidapLayer& layer) {
  std::int64_t bytes = 0;
  for (const MidapBehaviour& b : layer.behaviours) {
    if (b.kind != MidapBehaviour::Kind::kLoad) continue;
    const MidapFragment& f = layer.input_fragments[static_cast<std::size_t>(b.fragment)];
    bytes += (f.tail - f.head) * layer.in_height * layer.in_channels;
  }
  return bytes;
}

TEST(PlainScheduleTest, IsUsedForAnOutputInsideAFork) {
  EXPECT_THAT(map(kTwoOutputs).schedule, StartsWith("plain ("));
}

TEST(PlainScheduleTest, IsUsedForGraphsThatAreNotSeriesParallel) {
  EXPECT_THAT(map(kBraid).schedule, StartsWith("plain ("));
}

TEST(PlainScheduleTest, RunsInTheOrderOfTheFile) {
  for (const std::string layers : {kTwoOutputs, kBraid}) {
    const Program program = map(layers);
    for (std::size_t i = 0; i < program.layers.size(); ++i)
      EXPECT_EQ(program.layers[i].network_layer, static_cast<int>(i));
  }
}

TEST(PlainScheduleTest, TensorsReadOnlyByTheNextLayerStayOnChip) {
  const Program program =
      map("  - {name: stem, op: conv2d, kernel: 1, out_channels: 64}\n"
          "  - {name: side, op: conv2d, inputs: [stem], kernel: 1, out_channels: 16}\n"
          "  - {name: a, op: conv2d, inputs: [stem], kernel: 1, out_channels: 16}\n"
          "  - {name: b, op: conv2d, inputs: [a], kernel: 1, out_channels: 16}\n");
  ASSERT_THAT(program.schedule, StartsWith("plain ("));
  std::vector<bool> to_dram;
  for (const MidapLayer& layer : midap_layers(program))
    to_dram.push_back(layer.outputs[0].write_on_dram);
  EXPECT_THAT(to_dram, ElementsAre(true, true, false, true));
  EXPECT_EQ(loaded_bytes(midap_layers(program)[3]), 0);
}

TEST(PlainScheduleTest, EveryOtherMapIsLoadedOnceIfWindowsDoNotOverlap) {
  const Program program = map(kTwoOutputs);
  const std::vector<MidapLayer>& layers = midap_layers(program);
  ASSERT_EQ(layers.size(), 4u);
  EXPECT_EQ(loaded_bytes(layers[1]), 56 * 56 * 64);  // side, 1x1
  EXPECT_EQ(layers[3].weights.num_filters * layers[3].weights.filter_bytes, 56 * 56 * 64);
}

TEST(PlainScheduleTest, TilesOverlapByWhatTheirWindowsShare) {
  // 200 x 200 x 64: 20 columns a bank, of which every tile after the first repeats two.
  const std::string layers =
      "name: n\ninput: {channels: 64, height: 200, width: 200}\nlayers:\n"
      "  - {name: a, op: conv2d, kernel: 3, out_channels: 16}\n"
      "  - {name: b, op: conv2d, inputs: [input], kernel: 1, out_channels: 16}\n";
  const Program program =
      map_network(read_network_text(layers, "n.yaml"), shipped_machine("midap"));
  ASSERT_THAT(program.schedule, StartsWith("plain ("));
  const MidapLayer& a = midap_layers(program)[0];
  for (std::size_t i = 1; i < a.input_fragments.size(); ++i)
    EXPECT_EQ(a.input_fragments[i].head, a.input_fragments[i - 1].tail - 2);
  EXPECT_EQ(a.input_fragments.front().head, 0);
  EXPECT_EQ(a.input_fragments.back().tail, 200);
  const auto num_tiles = static_cast<std::int64_t>(a.input_fragments.size());
  EXPECT_EQ(loaded_bytes(a), (200 + 2 * (num_tiles - 1)) * 200 * 64);
  EXPECT_EQ(loaded_bytes(midap_layers(program)[1]), 200 * 200 * 64);
}

}  // namespace
}  // namespace tilewake
