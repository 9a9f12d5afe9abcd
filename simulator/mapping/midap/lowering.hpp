// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/graph.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"

namespace tilewake::midap {

/// Lowers plans to instructions. `order` is the processing order including concats and fused pools.
/// `plans` has one plan for every entry that is not a concat, in the same order. `pivots` has one
/// stored column per node. Throws InputError naming the layer if something does not fit, or if the
/// steps exceed the limit.
Program lower(const Graph& graph, const std::vector<int>& order,
              const std::vector<LayerPlan>& plans, const std::vector<std::int64_t>& pivots,
              const DramConfig& dram, const MappingOptions& options);

}  // namespace tilewake::midap
