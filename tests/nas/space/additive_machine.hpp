// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nas/space/space_design.hpp"
#include "tests/nas/space/spaces.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// A machine whose layers are independent of their neighbours: for each op and kernel a random
/// whole number of ms for a multiplication, and one for the layer. Whole numbers, so that sums and
/// differences are exact.
class AdditiveMachine {
 public:
  explicit AdditiveMachine(std::uint64_t seed) : random_(seed) {}

  double layer_ms(const Layer& layer) {
    auto& cost = costs_[{layer.op, layer.kernel_height}];
    if (cost.first == 0) cost = {random_.between(1, 5), random_.between(1, 20'000)};
    return static_cast<double>(cost.first * layer.num_macs() + cost.second);
  }
  double network_ms(const Network& network) {
    double ms = 0.0;
    for (const Layer& layer : network.layers) ms += layer_ms(layer);
    return ms;
  }
  LatencyEstimate estimate() {
    return [this](const Network& network) { return network_ms(network); };
  }

 private:
  Random random_;
  std::map<std::pair<Op, std::int64_t>, std::pair<std::int64_t, std::int64_t>> costs_;
};

inline OperatorSpace synthetic_space() { return shipped_operator_space("operators_synthetic"); }

inline std::vector<std::string> kept_at(const PositionDesign& at) {
  std::vector<std::string> names;
  for (const OperatorProfile& profile : at.operators) {
    if (profile.is_kept) names.push_back(to_string(profile.op));
  }
  return names;
}

/// Any limit and options on any machine, of seed `seed`.
struct RandomDesign {
  explicit RandomDesign(std::uint64_t seed) : machine(seed) {
    Random random(seed + 1000);
    options.keep = static_cast<int>(random.between(1, 6));
    options.rho = 0.25 * static_cast<double>(random.between(1, 12));
    options.target_ms = static_cast<double>(random.between(0, 12'000'000));
    design = design_space(synthetic_space(), options, machine.estimate());
  }

  AdditiveMachine machine;
  SpaceDesignOptions options;
  SpaceDesign design;
};

}  // namespace tilewake
