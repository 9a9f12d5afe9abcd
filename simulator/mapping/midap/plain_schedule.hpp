// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// A schedule for graphs without a reference schedule. Layers run in file order. A tensor read only
/// by the next layer stays in FMEM if it fits; all others are stored to DRAM and loaded in the
/// largest tiles that fit, one tile while another is computed.
struct PlainSchedule {
  std::vector<int> order;  // node ids with concats and fused pools
  std::vector<LayerPlan> plans;
  std::vector<std::int64_t> pivots;
};

/// Node ids in file order, including outermost concats, and fused pools after their producers.
std::vector<int> plain_order(const Graph& graph);

/// Runs global pools whose map does not fit FMEM like fused ones: column by column, keeping only
/// the reduction.
void stream_wide_pools(Graph& graph);

/// Marks the tensors of `graph` that are stored to DRAM. Throws InputError naming layer and buffer
/// if the columns of one window do not fit FMEM.
PlainSchedule plan_plain_schedule(Graph& graph);

}  // namespace tilewake::midap
