// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "nas/space/space_design.hpp"
#include "tests/nas/search/search_world.hpp"

namespace tilewake {

/// Grey images of 8x8 pixels, two stages of two blocks, each of them one of four operators.
inline OperatorSpace tiny_operators() {
  OperatorSpace space;
  space.name = "tiny_operators";
  space.input = {1, 8, 8};
  space.num_classes = 10;
  space.stem_width = 4;
  space.head_width = 8;
  space.width_divisor = 4;
  const std::vector<Operator> operators = {
      operator_named("shuffle_3").value(), operator_named("separable_5").value(),
      operator_named("mbconv3_3").value(), operator_named("mbconv6_5_se").value()};
  for (const int width : {4, 8}) space.stages.push_back({width, 2, {operators, operators}});
  return space;
}

inline double latency_of(FakeMachine& machine, const OperatorSpace& space,
                         const OperatorPath& path) {
  return machine.estimate(architecture_of(space, path));
}

/// Latencies of all 256 networks, ascending.
inline std::vector<double> latencies_of(FakeMachine& machine, const OperatorSpace& space) {
  std::vector<double> latencies;
  for (int i = 0; i < 256; ++i)
    latencies.push_back(latency_of(machine, space, {i / 64, i / 16 % 4, i / 4 % 4, i % 4}));
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

/// A run of a method that searches operators; a third of the networks keep to the limit.
inline RunContext operators_run(const TempDir& directory, Method method) {
  RunContext config = tiny_run(directory);
  config.method = method;
  config.operators = tiny_operators();
  config.space.name = config.operators.name;
  config.space.width_divisor = config.operators.width_divisor;
  FakeMachine machine;
  config.targets_ms = {latencies_of(machine, config.operators)[85]};
  config.recipe.supernet = tiny_phase(10);
  config.recipe.evolution = {6, 3, 2, 2, 3, 0.2, 24, 50};
  config.recipe.two_stage = {0.5, 0.5, 0.2};
  return config;
}

/// The candidates in an evolution's file: paths and latencies.
struct ScoredPath {
  OperatorPath path;
  double latency_ms = 0.0;
};
inline std::vector<ScoredPath> scored_in(const std::string& path) {
  const auto json = nlohmann::json::parse(read_file(path));
  std::vector<ScoredPath> scored;
  for (const auto& candidate : json.at("candidates"))
    scored.push_back({candidate.at("path").get<OperatorPath>(), candidate.at("latency_ms")});
  return scored;
}

}  // namespace tilewake
