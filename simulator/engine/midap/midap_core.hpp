// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemc>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/midap/cim_array.hpp"
#include "simulator/engine/midap/sequencer.hpp"
#include "simulator/engine/midap/weight_controller.hpp"
#include "simulator/engine/on_chip_buffer.hpp"
#include "simulator/hardware/midap_config.hpp"

namespace tilewake::midap {

/// MIDAP behind its DMA: sequencer, CIM array, FMEM, WMEM and BMMEM.
class MidapCore : public sc_core::sc_module {
 public:
  MidapCore(const sc_core::sc_module_name& name, const MidapConfig& config, BufferDma& dma);

  /// Empties the core and arms it; the program runs with the next sc_start() and must outlive it.
  void start(const MidapProgram& program, EventSink& sink);
  bool done() const { return sequencer_.done(); }

 private:
  /// The order in which the buffers are bound to the DMA.
  enum Buffer { kFmem, kWmem, kBmmem };

  OnChipBuffer fmem_;
  OnChipBuffer wmem_;
  OnChipBuffer bmmem_;
  WeightController weights_;
  CimArray array_;
  Sequencer sequencer_;
};

}  // namespace tilewake::midap
