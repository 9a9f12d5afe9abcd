// SPDX-License-Identifier: Apache-2.0
#include "nas/space/auto_space.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "nas/space/outcome.hpp"

namespace tilewake {
namespace {

/// For nas/spaces/auto.yaml on MIDAP, supernets of 0.55 to 1.1 times the widths are then of the
/// right size (limits from 0.1 to 3 ms).
constexpr double kMaxRatio = 1.25;

Network typical_network(SearchSpace space) {
  const auto num_stages = static_cast<int>(space.stages.size());
  for (int s = 0; s < num_stages; ++s) {
    int& depth = space.stages[static_cast<std::size_t>(s)].depth;
    // Later stages get what is left of num_blocks.
    if (depth == 0)
      depth = space.num_blocks * (s + 1) / num_stages - space.num_blocks * s / num_stages;
  }
  return to_network(architecture_of(space, full_outcomes(space)));
}

Network typical_network(const OperatorSpace& space) {
  OperatorPath path;
  for (const OperatorPosition& position : positions_of(space)) {
    std::vector<std::pair<std::int64_t, int>> by_params;
    for (std::size_t i = 0; i < position.operators.size(); ++i) {
      const Operator& op = position.operators[i];
      const std::int64_t params =
          op.is_identity() ? 0
                           : num_block_params(block_of(op, space.activation), position.in_channels,
                                              position.out_channels, space.se_ratio);
      by_params.emplace_back(params, static_cast<int>(i));
    }
    const auto middle = by_params.begin() + static_cast<std::ptrdiff_t>(by_params.size() / 2);
    std::nth_element(by_params.begin(), middle, by_params.end());
    path.push_back(middle->second);
  }
  return to_network(architecture_of(space, path));
}

template <typename Space>
bool keeps_to(const Space& space, double limit_ms, const LatencyEstimate& estimate) {
  try {
    return estimate(typical_network(space)) <= kMaxRatio * limit_ms;
  } catch (const InputError&) {  // the machine cannot hold it
    return false;
  }
}

/// `read` gives the space for a data set.
template <typename Read>
auto space_within(DataShape data, Read read, double limit_ms, const LatencyEstimate& estimate) {
  DataShape smallest = data;
  smallest.side = 1;
  const auto least = read(smallest);
  auto space = read(data);
  while (space.input != least.input && !keeps_to(space, limit_ms, estimate)) {
    data.side = space.input.height - 1;
    space = read(data);
  }
  return space;
}

}  // namespace

SearchSpace search_space_within(const DataShape& data, const std::string& text,
                                const std::string& name, double limit_ms,
                                const LatencyEstimate& estimate) {
  const auto read = [&](const DataShape& shape) {
    return read_search_space_for(shape, text, name);
  };
  return space_within(data, read, limit_ms, estimate);
}

OperatorSpace operator_space_within(const DataShape& data, const std::string& text,
                                    const std::string& name, double limit_ms,
                                    const LatencyEstimate& estimate) {
  const auto read = [&](const DataShape& shape) {
    return read_operator_space_for(shape, text, name);
  };
  return space_within(data, read, limit_ms, estimate);
}

}  // namespace tilewake
