// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// Issue slots of one layer, in closed form. A pass computes one group of output channels (add and
/// mul: one column) over the whole feature map.
struct IssueSlots {
  double passes = 0.0;
  double pass_slots = 0.0;
  double first_window_slots = 0.0;  // until the first output of a pass
};

/// O(kernel x row / CIMs). Taps in the padding take no slot. If the channels are no multiple of the
/// row, alignment slots are counted by address residue. Formulas: README.md of the module.
IssueSlots count_issue_slots(const Graph& graph, const Node& node);

}  // namespace tilewake::midap
