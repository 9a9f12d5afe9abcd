// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/network_schema.hpp"

#include <gtest/gtest.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/schema_law.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

void read_only(const std::string& text, const std::string& name) { read_network_text(text, name); }

TEST(NetworkSchemaTest, AgreesWithTheReader) {
  const YamlSchema schema = network_schema();
  expect_schema_agrees(
      schema,
      "name: n\ninput: {channels: 4, height: 9, width: 9}\nlayers:\n"
      "  - {name: a, op: conv2d, out_channels: 8, kernel: [1, 3], groups: 2, padding: same}\n"
      "  - {name: b, op: mbconv, kernels: [3, 5], expansion_ratios: [1, 2], out_channels: 8}\n"
      "  - {name: c, op: convblock, kernels: 3, expansion_ratios: [2], out_channels: 8}\n"
      "  - {name: u, op: conv_unit, kernels: [3], out_channels: 8, se_ratio: 0.5, skip: false}\n"
      "  - {name: g, op: separable, kernels: [3], out_channels: 7, se_ratio: 0.5}\n"
      "  - {name: h, op: shuffle_unit, inputs: c, kernels: [5], out_channels: 8}\n"
      "  - {name: i, op: xception_unit, kernels: [3], out_channels: 6, activation: swish}\n"
      "  - {name: d, op: add, inputs: [b, c], activation: relu}\n"
      "  - {name: s, op: channel_split, first_channel: 2, out_channels: 4}\n"
      "  - {name: t, op: channel_shuffle, groups: 2, block: x}\n"
      "  - {name: e, op: avg_pool, kernel: 3, stride: 2, padding: [1, 1, 1, 1]}\n"
      "  - {name: f, op: fully_connected, out_channels: 10, bias: false}\n",
      /*seed=*/5, /*num_mutants=*/1500, read_only);
  for (const auto& file : yaml_files_in("networks")) {
    SCOPED_TRACE(file);
    expect_schema_agrees(schema, read_file(file), /*seed=*/6, /*num_mutants=*/8, read_only);
  }
}

}  // namespace
}  // namespace tilewake
