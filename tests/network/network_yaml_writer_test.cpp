// SPDX-License-Identifier: Apache-2.0
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/random_network.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

constexpr std::uint64_t kNumNetworks = num_cases(300);

std::string written(const Network& network) {
  std::ostringstream os;
  write_network(os, network);
  return os.str();
}

TEST(NetworkWriterTest, EntryNamesOnlyWhatDiffersFromTheDefault) {
  const Network network = read_network_text(
      "name: null_net\ninput: {channels: 8, height: 16, width: 12}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 4, kernel: [1, 3], groups: 2, bias: false}\n"
      "  - {name: 'null', op: max_pool, kernel: 2, stride: 2, activation: relu}\n"
      "  - {name: 'x: [1]', op: fully_connected, out_channels: 10}\n"
      "  - {name: b, op: convblock, inputs: a, kernels: 3, expansion_ratios: 1, out_channels: 6}\n",
      "n.yaml");
  EXPECT_EQ(written(network),
            "name: null_net\n"
            "input: {channels: 8, height: 16, width: 12}\n"
            "layers:\n"
            "  - {name: a, op: conv2d, inputs: [input], out_channels: 4, kernel: [1, 3], "
            "stride: 1, padding: [0, 1, 0, 1], groups: 2, bias: false}  # 4x16x12\n"
            "  - {name: \"null\", op: max_pool, inputs: [a], kernel: 2, stride: 2, "
            "padding: [0, 0, 0, 0], activation: relu}  # 4x8x6\n"
            "  - {name: \"x: [1]\", op: fully_connected, inputs: [\"null\"], "
            "out_channels: 10}  # 10x1x1\n"
            "  - {name: b.expand, op: conv2d, block: b, inputs: [a], out_channels: 4, kernel: 3, "
            "stride: 1, padding: [1, 1, 1, 1], activation: relu}  # 4x16x12\n"
            "  - {name: b.project, op: conv2d, block: b, inputs: [b.expand], out_channels: 6, "
            "kernel: 1, stride: 1, padding: [0, 0, 0, 0]}  # 6x16x12\n");
}

TEST(NetworkWriterTest, TheBatchIsWrittenUnlessItIsOneImage) {
  Network network = RandomNetwork(1).make(5);
  EXPECT_EQ(written(network).find("batch"), std::string::npos);
  network.batch = 7;
  EXPECT_EQ(read_network_text(written(network), "written.yaml").batch, 7);
}

TEST(NetworkWriterTest, ShippedNetworksReadBackEqual) {
  const auto files = yaml_files_in("networks");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const Network network = read_network(file.string());
    const std::string text = written(network);
    EXPECT_EQ(text_of(read_network_text(text, "written.yaml")), text_of(network)) << file;
  }
}

TEST(NetworkWriterTest, RandomNetworksReadBackEqual) {
  for (std::uint64_t seed = 0; seed < kNumNetworks; ++seed) {
    const Network network = RandomNetwork(seed).make(/*num_steps=*/25);
    const std::string text = written(network);
    ASSERT_EQ(text_of(read_network_text(text, "written.yaml")), text_of(network)) << text;
  }
}

TEST(NetworkWriterTest, RandomNetworksThatMoveChannelsReadBackEqual) {
  for (std::uint64_t seed = 0; seed < kNumNetworks; ++seed) {
    const Network network = RandomNetwork(seed, RandomNetwork::Channels::kMove).make(25);
    const std::string text = written(network);
    ASSERT_EQ(text_of(read_network_text(text, "written.yaml")), text_of(network)) << text;
  }
}

}  // namespace
}  // namespace tilewake
