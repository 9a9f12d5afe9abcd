// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
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

/// The simulated machine: elaborated once, then programs stream through it. A run starts from an
/// empty machine, whatever ran before.
///
/// Each simulator has its own SystemC kernel, so that a process can have several, of equal or
/// different machines. SystemC has one current kernel a process: simulators in several threads take
/// turns, and one must not be used from a sink of another. A kernel of the calling program is
/// current again after each call.
class Simulator {
 public:
  explicit Simulator(const HardwareConfig& hardware);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// Runs `program`, made for the same machine; `sink` sees every event, in cycles of this run.
  /// What the sink throws ends the run and is thrown again.
  ///   @param keep_going  called after each layer; false ends the run, which then throws
  ///   Interrupted
  RunResult run(const Program& program, EventSink& sink,
                const std::function<bool()>& keep_going = {});

 private:
  class Top;

  HardwareConfig hardware_;
  std::unique_ptr<Top> top_;  // none after a run that did not end: elaborated anew for the next
};

}  // namespace tilewake
