// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <systemc>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/engine/midap/cim_array.hpp"
#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// Carries out a program, behaviour by behaviour: loads go to the DMA, computations to the array.
/// Has the only process of the core; the array's calls block it.
///
/// Timing: its decisions take no cycle. A load that needs nothing of the computation before it
/// still waits for that computation to end.
class Sequencer : public sc_core::sc_module {
 public:
  sc_core::sc_port<DmaIf> dma{"dma"};
  sc_core::sc_port<CimArrayIf> array{"array"};

  SC_HAS_PROCESS(Sequencer);
  Sequencer(const sc_core::sc_module_name& name, int fmem_buffer);

  /// The program runs with the next sc_start(). It must outlive the run.
  void start(const MidapProgram& program, EventSink& sink);
  bool done() const { return program_ == nullptr; }

 private:
  void serve();  // SC_THREAD
  void run_layer(const MidapLayer& layer);
  void load(const MidapLayer& layer, int fragment);

  const int fmem_buffer_;
  const MidapProgram* program_ = nullptr;
  EventSink* sink_ = nullptr;
  sc_core::sc_event started_;
};

}  // namespace tilewake::midap
