// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {

struct RunResult {
  std::int64_t total_cycles = 0;
  /// Steps of the SystemC kernel that the run took: what its wall time is made of.
  std::uint64_t kernel_steps = 0;
};

/// The simulated machine: elaborated once a process (SystemC has one kernel), then programs stream
/// through it. A run starts from an empty machine, whatever ran before.
class Simulator {
 public:
  explicit Simulator(const HardwareConfig& hardware);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// Runs `program`, made for the same machine; `sink` sees every event, in cycles of this run.
  RunResult run(const Program& program, EventSink& sink);

 private:
  class Top;
  std::unique_ptr<Top> top_;
};

}  // namespace tilewake
