// SPDX-License-Identifier: Apache-2.0
#include "nas/space/operator_features.hpp"

#include <cstddef>
#include <map>

namespace tilewake {

std::vector<double> operator_features(const OperatorSpace& space, const OperatorPath& path) {
  std::map<BlockOp, double> counts;  // of all kinds that the space has
  std::vector<double> features;
  std::size_t position = 0;
  for (const OperatorStage& stage : space.stages) {
    double kernels = 0.0;
    double ratios = 0.0;
    double num_excited = 0.0;
    for (const std::vector<Operator>& operators : stage.blocks) {
      for (const Operator& op : operators) {
        if (!op.is_identity()) counts.try_emplace(op.op, 0.0);
      }
      const Operator& op = operators[static_cast<std::size_t>(path[position++])];
      if (op.is_identity()) continue;
      counts[op.op] += 1.0;
      kernels += op.kernel;
      ratios += op.expansion_ratio;
      num_excited += op.squeeze_excite ? 1.0 : 0.0;
    }
    features.insert(features.end(), {kernels, ratios, num_excited});
  }
  for (const auto& [kind, count] : counts) features.push_back(count);
  return features;
}

}  // namespace tilewake
