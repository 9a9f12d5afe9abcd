// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/on_chip_buffer.hpp"

#include <algorithm>
#include <limits>

#include "simulator/engine/clock.hpp"

namespace tilewake {

OnChipBuffer::OnChipBuffer(const sc_core::sc_module_name& name, Unit unit, int num_slots)
    : sc_module(name), unit_(unit), slots_(static_cast<std::size_t>(num_slots)) {
  for (Slot& slot : slots_) slot.filled = std::make_unique<sc_core::sc_event>();
}

void OnChipBuffer::reset() {
  for (Slot& slot : slots_) {
    slot.valid_at = 0;
    slot.filled->cancel();
  }
}

void OnChipBuffer::notify(Slot& slot) {
  slot.filled->cancel();
  slot.filled->notify(cycles(slot.valid_at - now_cycles()));
}

void OnChipBuffer::schedule_fill(int slot, std::int64_t at) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.valid_at = at;
  notify(s);
}

void OnChipBuffer::expect_fill(int slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.valid_at = std::numeric_limits<std::int64_t>::max();
  s.filled->cancel();
}

void OnChipBuffer::delay_fills(std::int64_t after, std::int64_t by) {
  for (Slot& slot : slots_) {
    if (slot.valid_at <= after) continue;
    slot.valid_at += by;
    notify(slot);
  }
}

std::int64_t OnChipBuffer::latest_fill() const {
  std::int64_t latest = 0;
  for (const Slot& slot : slots_) latest = std::max(latest, slot.valid_at);
  return latest;
}

std::int64_t OnChipBuffer::valid_at(int slot) const {
  return slots_[static_cast<std::size_t>(slot)].valid_at;
}

std::int64_t OnChipBuffer::wait_until_filled(int slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  const std::int64_t begin = now_cycles();
  if (s.valid_at <= begin) return 0;
  wait(*s.filled);
  s.valid_at = 0;
  return now_cycles() - begin;
}

}  // namespace tilewake
