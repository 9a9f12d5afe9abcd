// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// An on-chip memory as DMA (who fills its slots) and core (who waits for them) see it.
class BufferIf : public virtual sc_core::sc_interface {
 public:
  /// DMA: the slot will hold its new content from cycle `at` on.
  virtual void schedule_fill(int slot, std::int64_t at) = 0;
  /// DMA: the slot gets new content, nobody knows when; schedule_fill() will say.
  virtual void expect_fill(int slot) = 0;
  /// DMA: fills that end after cycle `after` end `by` cycles later: something went first.
  virtual void delay_fills(std::int64_t after, std::int64_t by) = 0;
  /// DMA: when the last fill of any slot ends (or ended; a fill that was waited for counts as 0).
  virtual std::int64_t latest_fill() const = 0;

  /// Core: the cycle from which the slot can be read.
  virtual std::int64_t valid_at(int slot) const = 0;
  /// Core: blocks the calling process until the slot can be read and returns the cycles it took. As
  /// in the reference, a fill that was waited for is forgotten, also by `latest_fill`.
  virtual std::int64_t wait_until_filled(int slot) = 0;

  virtual Unit unit() const = 0;
};

/// FMEM (a slot a bank), WMEM and BMMEM (two slots: double buffering).
///
/// Timing: reading a filled slot is free; reading one that is being filled waits for the end of the
/// fill. There are no port conflicts, and capacity is the mapper's business.
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
