// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// A schedule for graphs that the reference compiler has none for. Layers run in the order of the
/// file. What the next layer alone reads stays in FMEM if it fits; everything else goes through
/// DRAM and comes back in the largest tiles that fit, loading one while computing another.
struct PlainSchedule {
  std::vector<int> order;  // node ids with concats and fused pools
  std::vector<LayerPlan> plans;
  std::vector<std::int64_t> pivots;
};

/// Layers in the order of the file: ids of nodes, with concats that are no part of another one, and
/// fused pools behind their producers.
std::vector<int> plain_order(const Graph& graph);

/// Global pools whose map does not fit FMEM are computed like fused ones: column by column, with
/// only the reduction kept.
void stream_wide_pools(Graph& graph);

/// Marks in `graph` what goes through DRAM. Throws InputError naming layer and buffer if the
/// columns that one window reads do not fit FMEM.
PlainSchedule plan_plainly(Graph& graph);

}  // namespace tilewake::midap
