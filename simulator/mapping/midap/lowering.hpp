// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/bank_planner.hpp"
#include "simulator/mapping/midap/graph.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"

namespace tilewake::midap {

/// Turns plans into instructions. `order` is the processing order with concats and fused pools;
/// `plans` holds one plan for every entry that is no concat, in the same order; `pivots` one stored
/// column a node. Throws InputError for a layer that something does not fit, or up to which the
/// steps exceed the bound.
Program lower(const Graph& graph, const std::vector<int>& order,
              const std::vector<LayerPlan>& plans, const std::vector<std::int64_t>& pivots,
              const DramConfig& dram, const MappingOptions& options);

}  // namespace tilewake::midap
