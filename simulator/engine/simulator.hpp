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
  /// Kernel steps of the run: few if a tiled core runs ahead of the kernel.
  std::uint64_t kernel_steps = 0;
};

/// The simulated machine: elaborated once, then it runs programs one after another. Every run
/// starts from a reset machine.
///
/// Each simulator has its own SystemC kernel, so that a process can have several, of equal or
/// different machines. SystemC has one current kernel per process: simulators in several threads
/// run alternately, and one must not be used from a sink of another. The kernel of the calling
/// program is restored after each call.
class Simulator {
 public:
  explicit Simulator(const HardwareConfig& hardware);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// Runs `program`, mapped for the same machine; `sink` receives all events, in cycles of this
  /// run. An exception of the sink ends the run and is rethrown.
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
