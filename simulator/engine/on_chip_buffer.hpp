// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// An on-chip memory: interface to DMA (fills slots) and core (waits for slots).
class BufferIf : public virtual sc_core::sc_interface {
 public:
  /// DMA: the slot has its new content from cycle `at`.
  virtual void schedule_fill(int slot, std::int64_t at) = 0;
  /// DMA: the slot will be refilled at an unknown time; schedule_fill() follows.
  virtual void expect_fill(int slot) = 0;
  /// DMA: delays fills that end after cycle `after` by `by` cycles, because of a priority transfer.
  virtual void delay_fills(std::int64_t after, std::int64_t by) = 0;
  /// DMA: end of the last fill of any slot (0 for a fill with a past wait).
  virtual std::int64_t latest_fill() const = 0;

  /// Core: the first cycle at which the slot can be read.
  virtual std::int64_t valid_at(int slot) const = 0;
  /// Core: blocks the calling process until the slot can be read and returns the cycles waited. As
  /// in the reference, a fill is forgotten after a wait for it, also by `latest_fill`.
  virtual std::int64_t wait_until_filled(int slot) = 0;

  virtual Unit unit() const = 0;
};

/// FMEM (one slot per bank), WMEM and BMMEM (two slots: double buffering).
///
/// Timing: reading a filled slot takes no time; reading a slot during its fill waits for the end of
/// the fill. No port conflicts; the mapper checks capacities.
class OnChipBuffer : public sc_core::sc_module, public BufferIf {
 public:
  OnChipBuffer(const sc_core::sc_module_name& name, Unit unit, int num_slots);

  void reset();

  void schedule_fill(int slot, std::int64_t at) override;
  void expect_fill(int slot) override;
  void delay_fills(std::int64_t after, std::int64_t by) override;
  std::int64_t latest_fill() const override;
  std::int64_t valid_at(int slot) const override;
  std::int64_t wait_until_filled(int slot) override;
  Unit unit() const override { return unit_; }

 private:
  struct Slot {
    std::int64_t valid_at = 0;
    std::unique_ptr<sc_core::sc_event> filled;
  };
  void notify(Slot& slot);

  const Unit unit_;
  std::vector<Slot> slots_;
};

}  // namespace tilewake
