// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/op_names.hpp"
#include "tests/support/every_op.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

TEST(LayerOpsTest, ShapesMacsAndParametersAreThoseByHand) {
  const Network network = every_op();
  const std::vector<OpCase> cases = op_cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].keys);
    const Layer& layer = layer_of(network, fmt::format("case{}", i));
    EXPECT_EQ(layer.ofm, cases[i].ofm);
    EXPECT_EQ(layer.num_macs(), cases[i].macs);
    EXPECT_EQ(layer.num_params(), cases[i].params);
  }
}

TEST(LayerOpsTest, SharedWeightsCountOnce) {
  const Network network = every_op();
  EXPECT_EQ(layer_of(network, "owner").num_params(), 12 * 12 * 9 + 12);
  EXPECT_EQ(layer_of(network, "sharer").num_params(), 0);
  EXPECT_EQ(layer_of(network, "sharer").num_macs(), layer_of(network, "owner").num_macs());
}

TEST(LayerOpsTest, WrittenLayersAreReadBack) {
  const Network network = every_op();
  std::ostringstream text;
  write_network(text, network);
  const Network again = read_network_text(text.str(), "again.yaml");
  EXPECT_EQ(text_of(again), text_of(network));
}

// A transposed convolution is the transpose of the convolution that goes back: it does the same
// products, and those that fall outside of the output are the ones that read the padding.
TEST(LayerOpsTest, EffectiveMacsOfATransposedConvolutionAreThoseOfTheConvolutionBack) {
  for (const char* const padding : {"valid", "same", "[1, 2, 0, 1]"}) {
    SCOPED_TRACE(padding);
    const Network up = read_network_text(
        fmt::format("name: n\ninput: {{channels: 4, height: 6, width: 10}}\nlayers:\n"
                    "  - {{name: up, op: conv_transpose2d, out_channels: 8, kernel: 4, stride: 2, "
                    "padding: {}, bias: false}}\n",
                    padding),
        "up.yaml");
    const Layer& layer = up.layers[0];
    const Padding& p = layer.padding;
    const Network back = read_network_text(
        fmt::format("name: n\ninput: {{channels: 8, height: {}, width: {}}}\nlayers:\n"
                    "  - {{name: back, op: conv2d, out_channels: 4, kernel: 4, stride: 2, "
                    "padding: [{}, {}, {}, {}], bias: false}}\n",
                    layer.ofm.height, layer.ofm.width, p.top, p.left, p.bottom, p.right),
        "back.yaml");
    EXPECT_EQ(back.layers[0].ofm, up.input);
    EXPECT_EQ(back.layers[0].num_macs(), layer.num_macs());
    EXPECT_EQ(back.layers[0].num_effective_macs(), layer.num_effective_macs());
  }
}

struct RefusedCase {
  std::string keys;
  std::string key;  // that the error names
};

TEST(LayerOpsTest, WhatDoesNotFitIsRefusedByItsKey) {
  const std::vector<RefusedCase> cases = {
      {"op: conv_transpose2d, out_channels: 8, kernel: 2, groups: 5", "groups"},
      {"op: conv_transpose2d, out_channels: 8, kernel: 2, padding: [2, 0, 0, 0]", "padding"},
      {"op: conv_transpose2d, out_channels: 8, kernel: 2, output_padding: 1", "output_padding"},
      {"op: reduce, out_channels: 5, out_size: [6, 10]", "out_channels"},
      {"op: reduce, out_channels: 1, out_size: [2, 10]", "out_size"},
      {"op: softmax, groups: 5", "groups"},
      {"op: slice, out_channels: 5, out_size: [6, 10], first: [1, 0]", "out_size"},
      {"op: slice, out_channels: 5, out_size: [6, 10], first_channel: 8", "out_channels"},
      {"op: pad, padding: [0, 0, 0, 0], out_channels: 3", "out_channels"},
      {"op: transpose, out_channels: 60, out_size: [12, 1], view: [12, 61], order: [1, 0]", "view"},
      {"op: transpose, out_channels: 60, out_size: [12, 1], view: [12, 60], order: [1, 1]",
       "order"},
      {"op: transpose, out_channels: 60, out_size: [11, 1], view: [12, 60], order: [1, 0]",
       "out_size"},
      {"op: depth_to_space, extent: 5", "extent"},
      {"op: space_to_depth, extent: 4", "extent"},
      {"op: matmul, inputs: [input, input], groups: 5, transposed: true", "groups"},
      {"op: matmul, inputs: [input, input]", "inputs"},
      {"op: matmul, inputs: [input]", "inputs"},
      {"op: concat, inputs: [input, other], axis: rows", "inputs"},
      {"op: conv2d, out_channels: 12, kernel: 1, weights_of: other", "weights_of"},
      {"op: conv2d, out_channels: 12, kernel: 1, weights_of: later", "weights_of"},
      {"op: host, out_channels: 1, out_size: [0, 6]", "out_size"},
      {"op: transpose, out_channels: 60, out_size: [12, 1], view: [12, 60], order: [1, 0], "
       "activation: relu",
       "activation"},
  };
  for (const RefusedCase& c : cases) {
    SCOPED_TRACE(c.keys);
    const bool names_inputs = c.keys.find("inputs:") != std::string::npos;
    const std::string text =
        "name: n\ninput: {channels: 12, height: 6, width: 10}\nlayers:\n"
        "  - {name: other, op: constant, out_channels: 5, out_size: [6, 10]}\n"
        "  - {name: refused, " +
        c.keys + (names_inputs ? "}\n" : ", inputs: [input]}\n");
    try {
      read_network_text(text, "n.yaml");
      ADD_FAILURE() << "was read";
    } catch (const InputError& e) {
      EXPECT_THAT(e.what(), HasSubstr("n.yaml:5"));
      EXPECT_THAT(e.what(), HasSubstr("]." + c.key));
    }
  }
}

TEST(LayerOpsTest, EveryOpHasAName) {
  for (int op = 0; op <= static_cast<int>(Op::kHost); ++op)
    EXPECT_NE(to_string(static_cast<Op>(op)), "?") << op;
  for (int activation = 0; activation <= static_cast<int>(Activation::kErf); ++activation)
    EXPECT_NE(to_string(static_cast<Activation>(activation)), "?") << activation;
}

// As publications do: each input meets each weight once, also where the result is cut off. What is
// left of them are the effective MACs.
TEST(LayerOpsTest, ATransposedConvolutionCountsCroppedTapsAsMacsAndNotAsEffectiveOnes) {
  for (const char* padding :
       {"[0, 0, 0, 0]", "[1, 0, 2, 1]", "[3, 2, 1, 3]", "[0, 2, 0, 0], output_padding: 1"}) {
    const Network network = read_network_text(
        fmt::format("name: n\ninput: {{channels: 4, height: 5, width: 3}}\nlayers:\n"
                    "  - {{name: up, op: conv_transpose2d, out_channels: 6, kernel: [5, 4], "
                    "stride: [3, 2], groups: 2, padding: {}}}\n",
                    padding),
        "up.yaml");
    const Layer& l = network.layers[0];
    std::int64_t all = 0;
    std::int64_t kept = 0;
    for (std::int64_t y = 0; y < 5; ++y)
      for (std::int64_t x = 0; x < 3; ++x)
        for (std::int64_t ky = 0; ky < 5; ++ky)
          for (std::int64_t kx = 0; kx < 4; ++kx) {
            const std::int64_t row = 3 * y + ky - l.padding.top;
            const std::int64_t column = 2 * x + kx - l.padding.left;
            const bool is_inside =
                row >= 0 && row < l.ofm.height && column >= 0 && column < l.ofm.width;
            all += 4 * 3;  // input channels, output channels of a group
            kept += is_inside ? 4 * 3 : 0;
          }
    EXPECT_EQ(l.num_macs(), all) << padding;
    EXPECT_EQ(l.num_effective_macs(), kept) << padding;
  }
}

}  // namespace
}  // namespace tilewake
