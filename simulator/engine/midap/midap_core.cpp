// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/midap_core.hpp"

#include <utility>
#include <variant>

namespace tilewake::midap {

MidapCore::MidapCore(const sc_core::sc_module_name& name, const MidapConfig& config,
                     std::unique_ptr<BufferDma> dma)
    : sc_module(name),
      dma_(std::move(dma)),
      fmem_("fmem", Unit::kFmem, static_cast<int>(config.fmem_num_banks)),
      wmem_("wmem", Unit::kWmem, 2),
      bmmem_("bmmem", Unit::kBmmem, 2),
      weights_("weights", kWmem, kBmmem),
      array_("array", config),
      sequencer_("sequencer", kFmem) {
  dma_->buffers(fmem_);
  dma_->buffers(wmem_);
  dma_->buffers(bmmem_);
  weights_.dma(*dma_);
  array_.fmem(fmem_);
  array_.wmem(wmem_);
  array_.bmmem(bmmem_);
  array_.weights(weights_);
  array_.dma(*dma_);
  sequencer_.dma(*dma_);
  sequencer_.array(array_);
}

void MidapCore::start(const Program& program, EventSink& sink) {
  dma_->reset(sink);
  fmem_.reset();
  wmem_.reset();
  bmmem_.reset();
  weights_.reset(sink);
  array_.reset(sink);
  sequencer_.start(std::get<MidapProgram>(program.core), program.dispatch, sink);
}

}  // namespace tilewake::midap
