// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <systemc>

#include "simulator/engine/core.hpp"
#include "simulator/engine/dma.hpp"
#include "simulator/engine/midap/cim_array.hpp"
#include "simulator/engine/midap/sequencer.hpp"
#include "simulator/engine/midap/weight_controller.hpp"
#include "simulator/engine/on_chip_buffer.hpp"
#include "simulator/hardware/midap_config.hpp"

namespace tilewake::midap {

/// MIDAP: DMA, sequencer, CIM array, FMEM, WMEM and BMMEM.
class MidapCore final : public sc_core::sc_module, public Core {
 public:
  MidapCore(const sc_core::sc_module_name& name, const MidapConfig& config,
            std::unique_ptr<BufferDma> dma);

  void start(const Program& program, EventSink& sink) override;
  bool done() const override { return sequencer_.done(); }
  void finish() override { dma_->finish(); }

 private:
  /// Buffers in the order of their binding to the DMA.
  enum Buffer { kFmem, kWmem, kBmmem };

  const std::unique_ptr<BufferDma> dma_;
  OnChipBuffer fmem_;
  OnChipBuffer wmem_;
  OnChipBuffer bmmem_;
  WeightController weights_;
  CimArray array_;
  Sequencer sequencer_;
};

}  // namespace tilewake::midap
