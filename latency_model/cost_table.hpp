// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "latency_model/latency_table.hpp"

namespace tilewake {

/// A quantity of every choice of a space (cycles, mJ, parameters), and its factor.
struct CostTerm {
  LatencyTable table;  // of the quantity in place of cycles
  double scale = 1.0;  // quantity x scale is the cost
};

/// The cost of every choice of a space, where several quantities may be limited: a network costs
/// the largest of its terms. All terms are tables of the same space.
struct CostTable {
  std::vector<CostTerm> terms;  // at least one

  double cost(const std::vector<int>& choices) const;
};

}  // namespace tilewake
