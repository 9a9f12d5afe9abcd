// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"
#include "simulator/engine/midap/slot_schedule.hpp"
#include "simulator/engine/midap/weight_controller.hpp"
#include "simulator/engine/on_chip_buffer.hpp"
#include "simulator/hardware/midap_config.hpp"

namespace tilewake::midap {

/// Interface of the array to the sequencer. Every call blocks for the cycles it takes.
class CimArrayIf : public virtual sc_core::sc_interface {
 public:
  virtual void start_layer(const MidapLayer& layer) = 0;
  /// Finishes the started computation; one empty slot if there is none.
  virtual void drain() = 0;
  /// Sets up a PROCESS, which the following calls run.
  virtual void start_process(const MidapBehaviour& process, int first_fragment, bool first,
                             bool last) = 0;
  /// Runs until the last pass has issued a slot of output column `out_x`, or to the end.
  virtual void run_until_column(std::int64_t out_x) = 0;
  /// Executes the fused reduction, and drains the pipe.
  virtual void finish_layer() = 0;
};

/// The CIMs, the extended CIM and their pipe: one issue slot per cycle, written seven stages later.
///
/// Timing per cycle: the write stage takes the output of the slot issued six cycles earlier, the
/// bias is read for the slot issued four cycles earlier, and a slot is issued, which reads FMEM,
/// then WMEM. Each of these may stall the whole pipe. Between two cycles with a possible stall, any
/// number of slots is one kernel step.
class CimArray : public sc_core::sc_module, public CimArrayIf {
 public:
  sc_core::sc_port<BufferIf> fmem{"fmem"};
  sc_core::sc_port<BufferIf> wmem{"wmem"};
  sc_core::sc_port<BufferIf> bmmem{"bmmem"};
  sc_core::sc_port<WeightControllerIf> weights{"weights"};
  sc_core::sc_port<DmaIf> dma{"dma"};

  CimArray(const sc_core::sc_module_name& name, const MidapConfig& config);

  void reset(EventSink& sink);
  void start_layer(const MidapLayer& layer) override;
  void drain() override;
  void start_process(const MidapBehaviour& process, int first_fragment, bool first,
                     bool last) override;
  void run_until_column(std::int64_t out_x) override;
  void finish_layer() override;

 private:
  /// An output in the pipe before the write stage; kept only if writes can stall the pipe.
  struct Arrival {
    std::int64_t at = 0;  // pipe cycle
    std::int64_t num_writes = 1;
  };
  struct Process {
    SlotSchedule schedule;
    bool first = false;
    bool last = false;
    std::int64_t pass = 0;    // current pass
    std::int64_t issued = 0;  // issued slots of it
    std::int64_t lead = 0;    // lead slots of it
    bool pass_started = false;
  };

  void start_pass();
  void issue(std::int64_t count);
  void run_pass();
  bool reach_column(std::int64_t out_x);
  void end_process();
  void step_to(std::int64_t pipe_cycle, EventKind kind);
  void advance(std::int64_t count, EventKind kind);
  bool is_row_aligned(const MidapOutput& out) const;
  std::int64_t writes_per_output(std::int64_t pass) const;
  bool writes_can_stall() const;
  void queue_arrivals();
  void tell(EventKind kind, Cause cause, std::int64_t begin, std::int64_t end,
            std::int64_t amount) const;
  void flush_activity();
  void store_outputs();
  void wait_for(sc_core::sc_port<BufferIf>& buffer, int slot, Cause cause);

  const MidapConfig config_;
  EventSink* sink_ = nullptr;
  bool wants_details_ = false;
  const MidapLayer* layer_ = nullptr;
  std::int64_t lanes_ = 0;  // output channels of one pass of the layer
  bool writes_can_stall_ = false;
  std::optional<Process> process_;
  bool bubble_free_ = false;  // a matrix product was drained: no further empty slots in this layer
  RowRead last_read_;
  std::int64_t pipe_ = 0;  // cycles of the pipe in this layer, without stalls

  bool weight_read_pending_ = false;
  std::deque<std::int64_t> bias_reads_;  // pipe cycles
  std::deque<Arrival> arrivals_;
  std::int64_t write_queue_free_at_ = 0;

  EventKind activity_ = EventKind::kCompute;  // reported at its end
  std::int64_t activity_begin_ = 0;
  std::int64_t activity_cycles_ = 0;
};

}  // namespace tilewake::midap
