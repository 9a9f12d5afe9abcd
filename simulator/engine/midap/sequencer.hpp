// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <systemc>

#include "simulator/engine/dma.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/engine/midap/bank_contents.hpp"
#include "simulator/engine/midap/cim_array.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/midap/midap_program.hpp"

namespace tilewake::midap {

/// Executes a program, behaviour by behaviour: loads are passed to the DMA, computations to the
/// array. It has the only process of the core; the array's calls block it.
///
/// Timing: decisions take no cycle. A load always waits for the end of the computation before it,
/// even without a dependence. The dispatch of a layer takes its cycles before the layer's first
/// behaviour; weights that the layer before requested arrive meanwhile.
class Sequencer : public sc_core::sc_module {
 public:
  sc_core::sc_port<DmaIf> dma{"dma"};
  sc_core::sc_port<CimArrayIf> array{"array"};

  SC_HAS_PROCESS(Sequencer);
  Sequencer(const sc_core::sc_module_name& name, int fmem_buffer);

  /// Sets the program, which starts with the next sc_start() and must outlive the run.
  void start(const MidapProgram& program, const DispatchConfig& dispatch, EventSink& sink);
  bool done() const { return program_ == nullptr; }

 private:
  void serve();  // SC_THREAD
  void dispatch(int program_layer, std::int64_t duration);
  void run_layer(std::size_t index);
  void load(const MidapLayer& layer, int fragment);

  const int fmem_buffer_;
  const MidapProgram* program_ = nullptr;
  DispatchConfig dispatch_;
  EventSink* sink_ = nullptr;
  sc_core::sc_event started_;
  BankContents banks_;
};

}  // namespace tilewake::midap
