// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "simulator/mapping/midap/graph.hpp"

namespace tilewake::midap {

/// Determines the processing order of a series-parallel graph and the banks that stay occupied
/// across the paths of a fork (`Node::input_stationary`, `Node::output_stationary`), and selects
/// the operands of residual adds. Returns node ids in order, without the input. Throws PlanFailure
/// for graphs that the reference compiler does not support.
std::vector<int> order_layers(Graph& graph);

}  // namespace tilewake::midap
