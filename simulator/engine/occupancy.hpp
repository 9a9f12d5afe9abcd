// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/engine/clock.hpp"
#include "simulator/engine/events.hpp"

namespace tilewake {

/// The bytes that an on-chip buffer holds, reported as kOccupancy when they change. Without a sink
/// that wants details it does nothing.
class Occupancy {
 public:
  /// @param buffer  index into on_chip_buffers()
  explicit Occupancy(int buffer) : buffer_(buffer) {}

  void reset(EventSink& sink) {
    sink_ = sink.wants_details() ? &sink : nullptr;
    bytes_ = 0;
    slots_.clear();
  }
  bool is_wanted() const { return sink_ != nullptr; }

  void add(std::int64_t bytes) {
    if (sink_ == nullptr || bytes == 0) return;
    bytes_ += bytes;
    const std::int64_t now = now_cycles();
    sink_->on_event(
        {Unit::kBuffer, EventKind::kOccupancy, Cause::kNone, buffer_, -1, now, now, bytes_});
  }

  /// The slot holds `bytes` from now on, instead of what it held.
  void set_slot(int slot, std::int64_t bytes) {
    if (sink_ == nullptr) return;
    const auto index = static_cast<std::size_t>(slot);
    if (index >= slots_.size()) slots_.resize(index + 1);
    add(bytes - slots_[index]);
    slots_[index] = bytes;
  }

 private:
  const int buffer_;
  EventSink* sink_ = nullptr;
  std::int64_t bytes_ = 0;
  std::vector<std::int64_t> slots_;
};

}  // namespace tilewake
