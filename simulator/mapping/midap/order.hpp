// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// Decides the processing order of a series-parallel graph and which banks stay occupied across the
/// paths of a fork (`Node::input_stationary`, `Node::output_stationary`), choosing operands of
/// residual adds on the way. Returns node ids in order, without the input.
/// Throws PlanFailure for graphs that the reference compiler has no rule for.
std::vector<int> order_layers(Graph& graph);

}  // namespace tilewake::midap
