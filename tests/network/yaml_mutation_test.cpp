// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

TEST(NetworkMutationTest, DamagedNetworksAreReadOrExplained) {
  const auto files = yaml_files_in("networks");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const std::string text = read_file(file);
    expect_mutants_parse_or_explain(text, /*seed=*/text.size(), /*num_mutants=*/120,
                                    read_network_text);
  }
}

TEST(NetworkMutationTest, DamagedSmallNetworkIsReadOrExplained) {
  // Short, so that every part of every kind of entry is hit often.
  const std::string text =
      "name: n\ninput: {channels: 4, height: 9, width: 9}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 8, kernel: [1, 3], groups: 2, padding: same}\n"
      "  - {name: b, op: mbconv, kernels: [3, 5], expansion_ratios: [1, 2], out_channels: 8, "
      "se_ratio: 0.25}\n"
      "  - {name: c, op: convblock, kernels: [3], expansion_ratios: [2], out_channels: 8}\n"
      "  - {name: u, op: conv_unit, kernels: [3], out_channels: 8}\n"
      "  - {name: g, op: separable, kernels: [3], out_channels: 7, stride: 2}\n"
      "  - {name: h, op: shuffle_unit, inputs: c, kernels: [5], out_channels: 8, se_ratio: 0.5}\n"
      "  - {name: i, op: xception_unit, kernels: [3], out_channels: 6, activation: swish}\n"
      "  - {name: d, op: add, inputs: [b, c], activation: relu}\n"
      "  - {name: e, op: avg_pool, kernel: 3, stride: 2, padding: [1, 1, 1, 1]}\n"
      "  - {name: f, op: fully_connected, out_channels: 10, bias: false}\n";
  expect_mutants_parse_or_explain(text, /*seed=*/7, /*num_mutants=*/5000, read_network_text);
}

}  // namespace
}  // namespace tilewake
