// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {

/// A core with its DMA and memory: the interface of the top module.
class Core {
 public:
  virtual ~Core() = default;
  /// Resets core, DMA and memory and sets the program, which must outlive the run; it starts with
  /// the next sc_start().
  virtual void start(const Program& program, EventSink& sink) = 0;
  /// Whether the program has finished.
  virtual bool done() const = 0;
  /// Called after the run: reports transfers that are still in flight.
  virtual void finish() = 0;
};

/// Whether requests of this machine have DRAM addresses: not on MIDAP with the DMA of its
/// reference.
bool has_dram_addresses(const HardwareConfig& hardware);

/// Elaborates the core of `hardware`, its DMA and its memory.
std::unique_ptr<Core> make_core(const HardwareConfig& hardware);

}  // namespace tilewake
