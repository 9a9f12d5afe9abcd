// SPDX-License-Identifier: Apache-2.0
#include "tests/nas/export/reference_executor.hpp"

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"

namespace tilewake {
namespace {

using Map = ReferenceExecutor::Map;

/// The output of `layers` for a map of `channels` x 2 x 3 whose elements are 0, 1, 2 ...
Map result_of(const std::string& layers, std::int64_t channels, Map* image = nullptr) {
  const Network network = read_network_text(
      fmt::format("name: n\ninput: {{channels: {}, height: 2, width: 3}}\nlayers:\n{}", channels,
                  layers),
      "n.yaml");
  Map map(static_cast<std::size_t>(network.input.num_elements()));
  std::iota(map.begin(), map.end(), 0.0);
  if (image != nullptr) *image = map;
  return ReferenceExecutor(network, {}).run(map);
}

TEST(ReferenceExecutor, AShuffleBackIsTheIdentity) {
  for (const std::int64_t channels : {4, 6, 12, 30}) {
    for (std::int64_t groups = 2; groups < channels; ++groups) {
      if (channels % groups != 0) continue;
      const std::string shuffle =
          fmt::format("  - {{name: a, op: channel_shuffle, groups: {}}}\n", groups);
      Map image;
      EXPECT_NE(result_of(shuffle, channels, &image), image);
      EXPECT_EQ(
          result_of(shuffle + fmt::format("  - {{name: b, op: channel_shuffle, groups: {}}}\n",
                                          channels / groups),
                    channels),
          image);
    }
  }
}

TEST(ReferenceExecutor, AShuffleTakesOneChannelOfEachGroupInTurn) {
  const Map map = result_of("  - {name: a, op: channel_shuffle, groups: 2}\n", 6);
  std::vector<double> channels;
  for (std::size_t i = 0; i < map.size(); i += 6) channels.push_back(map[i] / 6.0);
  EXPECT_EQ(channels, (std::vector<double>{0, 3, 1, 4, 2, 5}));
}

TEST(ReferenceExecutor, PartsPutTogetherAreTheWhole) {
  for (std::int64_t cut = 1; cut < 7; ++cut) {
    Map image;
    const Map whole =
        result_of(fmt::format("  - {{name: a, op: channel_split, out_channels: {}}}\n"
                              "  - {{name: b, op: channel_split, inputs: input, first_channel: {}, "
                              "out_channels: {}}}\n"
                              "  - {{name: c, op: concat, inputs: [a, b]}}\n",
                              cut, cut, 7 - cut),
                  7, &image);
    EXPECT_EQ(whole, image);
  }
}

}  // namespace
}  // namespace tilewake
