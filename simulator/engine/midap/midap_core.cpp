// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/midap_core.hpp"

namespace tilewake::midap {

MidapCore::MidapCore(const sc_core::sc_module_name& name, const MidapConfig& config, BufferDma& dma)
    : sc_module(name),
      fmem_("fmem", Unit::kFmem, static_cast<int>(config.fmem_num_banks)),
      wmem_("wmem", Unit::kWmem, 2),
      bmmem_("bmmem", Unit::kBmmem, 2),
      weights_("weights", kWmem, kBmmem),
      array_("array", config),
      sequencer_("sequencer", kFmem) {
  dma.buffers(fmem_);
  dma.buffers(wmem_);
  dma.buffers(bmmem_);
  weights_.dma(dma);
  array_.fmem(fmem_);
  array_.wmem(wmem_);
  array_.bmmem(bmmem_);
  array_.weights(weights_);
  array_.dma(dma);
  sequencer_.dma(dma);
  sequencer_.array(array_);
}

void MidapCore::start(const MidapProgram& program, EventSink& sink) {
  fmem_.reset();
  wmem_.reset();
  bmmem_.reset();
  weights_.reset();
  array_.reset(sink);
  sequencer_.start(program, sink);
}

}  // namespace tilewake::midap
