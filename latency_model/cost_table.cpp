// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cost_table.hpp"

#include <algorithm>

namespace tilewake {

double CostTable::cost(const std::vector<int>& choices) const {
  double most = terms.front().table.total_cycles(choices) * terms.front().scale;
  for (const CostTerm& term : terms)
    most = std::max(most, term.table.total_cycles(choices) * term.scale);
  return most;
}

}  // namespace tilewake
