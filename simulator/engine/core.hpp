// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {

/// A core kind with its way to the memory, as the top module sees it.
class Core {
 public:
  virtual ~Core() = default;
  /// Empties core, DMA and memory and arms the core with the program, which must outlive the run;
  /// it runs with the next sc_start().
  virtual void start(const Program& program, EventSink& sink) = 0;
  /// False while the program has not ended.
  virtual bool done() const = 0;
  /// Behind the run: tells of what is still in flight.
  virtual void finish() = 0;
};

/// Elaborates the core of `hardware`, its DMA and its memory.
std::unique_ptr<Core> make_core(const HardwareConfig& hardware);

}  // namespace tilewake
