// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "simulator/mapping/midap/midap_program.hpp"
#include "simulator/mapping/tiled/tiled_program.hpp"

namespace tilewake {

/// One layer of the network as the machine meets it, in execution order.
struct ProgramLayer {
  int network_layer = -1;  // index into Network::layers
  std::string fused_into;  // the layer that computes it on the way; empty if it runs by itself
  std::string plan;        // how the mapper cut it up, in words; empty where there was no choice
  double steps = 0.0;      // estimate of what simulating it costs; step_budget.hpp
  std::int64_t milestones = 0;  // events of the layer by which its progress is measured
};

/// What one machine does for one network: who runs when, and the core kind's own instructions.
struct Program {
  std::vector<ProgramLayer> layers;
  std::string schedule;  // "reference", or "plain" where the mapper had to fall back, and why
  std::vector<std::string> warnings;  // what a user should know about the schedule
  std::variant<MidapProgram, TiledProgram> core;
};

}  // namespace tilewake
