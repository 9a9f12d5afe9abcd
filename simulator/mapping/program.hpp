// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/midap/midap_program.hpp"
#include "simulator/mapping/tiled/tiled_program.hpp"

namespace tilewake {

/// One layer of the network, in execution order.
struct ProgramLayer {
  int network_layer = -1;       // index into Network::layers
  std::string fused_into;       // the layer that it is fused into; empty if it runs by itself
  std::string plan;             // the mapper's choice as text; empty if there was none
  double steps = 0.0;           // estimated cost of simulating it; step_budget.hpp
  std::int64_t milestones = 0;  // events of the layer, to measure its progress
  /// Where its output is stored, on a machine with a memory of feature maps: "chip", or "dram" and
  /// why; otherwise empty.
  std::string output_in = {};
  std::string spill_reason = {};
  std::string weights_in = {};  // the same for its weights, where weights stay on chip
  std::string weights_reason = {};
};

/// The execution of one network on one machine: layers in order, and core-specific instructions.
struct Program {
  std::vector<ProgramLayer> layers;
  std::string schedule;  // "reference", "plain" and why, or "tiled" and the images at a time
  std::vector<std::string> warnings;  // deviations of the schedule that affect the results
  DispatchConfig dispatch;            // of the machine
  std::variant<MidapProgram, TiledProgram> core;
  double estimated_cycles = 0.0;  // of one repetition, on a core that works in tiles
  /// A batch is computed in so many equal parts, one after another.
  std::int64_t repetitions = 1;
  /// The first part, where it differs: it loads the weights that the others find on chip.
  std::shared_ptr<const Program> first_repetition = {};
};

}  // namespace tilewake
