// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {

/// A core kind, as the top module sees it: everything behind the DMA.
class Core {
 public:
  virtual ~Core() = default;
  /// Empties the core and arms it with the program; it runs with the next sc_start().
  virtual void start(const Program& program, EventSink& sink) = 0;
  /// False while the program has not ended.
  virtual bool done() const = 0;
};

/// Elaborates the core of `hardware` and binds it to `dma` and back.
std::unique_ptr<Core> make_core(const HardwareConfig& hardware, Dma& dma);

}  // namespace tilewake
