// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network_yaml.hpp"

namespace tilewake {

/// A layer that follows `input` (12 x 6 x 10) and what it must be.
struct OpCase {
  std::string keys;  // of its entry
  Shape ofm;
  std::int64_t macs = 0;
  std::int64_t params = 0;
};

/// Every op that channels, rows and columns alone do not show; figures by hand.
inline std::vector<OpCase> op_cases() {
  return {
      // rows (6 + 2 - 3) / 2 + 1 = 3; columns 10; 3 x 10 x 8 x 12 x 9
      {"op: conv2d, out_channels: 8, kernel: 3, stride: [2, 1]", {8, 3, 10}, 25920, 8 * 108 + 8},
      {"op: conv2d, out_channels: 8, kernel: 3, dilation: [1, 2], padding: valid",
       {8, 4, 6},
       8 * 108 * 24,
       8 * 108 + 8},
      // 6 x 10 inputs, each times 8 x 12 x 4 weights
      {"op: conv_transpose2d, out_channels: 8, kernel: 2, stride: 2",
       {8, 12, 20},
       23040,
       8 * 12 * 4 + 8},
      // (6 - 1) 2 + 3 - 1 - 1 + 1 rows
      {"op: conv_transpose2d, out_channels: 4, kernel: 3, stride: 2, padding: [1, 1, 1, 1], "
       "output_padding: 1, groups: 2, bias: false",
       {4, 12, 20},
       60 * 4 * 6 * 9,
       4 * 6 * 9},
      {"op: conv_transpose2d, out_channels: 4, kernel: 2, stride: 3, padding: valid",
       {4, 17, 29},
       60 * 4 * 12 * 4,
       4 * 12 * 4 + 4},
      {"op: resize, out_size: [12, 20], mode: linear", {12, 12, 20}},
      {"op: resize, out_size: [3, 7]", {12, 3, 7}},
      {"op: resize, out_size: [7, 7], mode: cubic", {12, 7, 7}},
      {"op: reduce, out_channels: 1, out_size: [6, 10]", {1, 6, 10}},
      {"op: reduce, out_channels: 12, out_size: [6, 1]", {12, 6, 1}},
      {"op: softmax, groups: 3", {12, 6, 10}},
      {"op: layer_norm", {12, 6, 10}, 0, 24},
      {"op: group_norm, groups: 4, activation: swish", {12, 6, 10}, 0, 24},
      {"op: group_norm, groups: 12, bias: false", {12, 6, 10}},
      {"op: lrn, extent: 5", {12, 6, 10}},
      {"op: slice, out_channels: 5, out_size: [2, 4], first: [1, 2], stride: 2, first_channel: 7",
       {5, 2, 4}},
      {"op: pad, padding: [1, 2, 3, 4]", {12, 10, 16}},
      {"op: pad, padding: [0, 0, 0, 0], out_channels: 20", {20, 6, 10}},
      {"op: transpose, out_channels: 60, out_size: [12, 1], view: [12, 60], order: [1, 0]",
       {60, 12, 1}},
      {"op: depth_to_space, extent: 2", {3, 12, 20}},
      {"op: space_to_depth, extent: 2", {48, 3, 5}},
      {"op: embedding, out_channels: 16, extent: 1000", {16, 720, 1}, 0, 16000},
      {"op: host, out_channels: 1, out_size: [100, 6]", {1, 100, 6}},
      {"op: max_pool, kernel: 1, activation: prelu", {12, 6, 10}, 0, 12},
      {"op: sub, inputs: [input, table]", {12, 6, 10}},
      {"op: div, inputs: [table, input]", {12, 6, 10}},
      {"op: maximum, inputs: [input, row]", {12, 6, 10}},
      {"op: add, inputs: [input, input]", {12, 6, 10}},
      {"op: concat, inputs: [input, table], axis: rows", {12, 12, 10}},
      {"op: concat, inputs: [input, table, input], axis: columns", {12, 6, 30}},
      // 60 pixels, depth 4, 60 outputs, 3 groups
      {"op: matmul, inputs: [input, table], groups: 3, transposed: true",
       {180, 6, 10},
       3 * 60 * 60 * 4},
      // 60 pixels, depth 12, 7 outputs
      {"op: matmul, inputs: [input, weights]", {7, 6, 10}, 60 * 12 * 7},
      {"op: host, inputs: [input, row, table], out_channels: 4, out_size: [1, 1]", {4, 1, 1}},
  };
}

/// A network with all of them, and layers that share weights. The layer of case i is `case<i>`.
inline std::string every_op_text() {
  std::string text =
      "name: every_op\ninput: {channels: 12, height: 6, width: 10}\nlayers:\n"
      "  - {name: table, op: constant, out_channels: 12, out_size: [6, 10]}\n"
      "  - {name: row, op: input, out_channels: 1, out_size: [1, 10]}\n"
      "  - {name: weights, op: constant, out_channels: 7, out_size: [12, 1]}\n"
      "  - {name: owner, op: conv2d, inputs: [input], out_channels: 12, kernel: 3}\n"
      "  - {name: sharer, op: conv2d, out_channels: 12, kernel: 3, weights_of: owner}\n";
  int index = 0;
  for (const OpCase& c : op_cases()) {
    const bool names_inputs = c.keys.find("inputs:") != std::string::npos;
    text += "  - {name: case" + std::to_string(index++) + ", " + c.keys +
            (names_inputs ? "}\n" : ", inputs: [input]}\n");
  }
  return text;
}

inline Network every_op() { return read_network_text(every_op_text(), "every_op.yaml"); }

}  // namespace tilewake
