// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// What the timeline states about the machine.
struct TimelineMachine {
  struct Buffer {
    std::string name;
    std::int64_t bytes = 0;
  };
  std::string name;
  double clock_mhz = 0.0;
  std::vector<Buffer> buffers;  // on_chip_buffers()
};

/// Records every event of a run and writes timeline.json, in the Trace Event Format of Perfetto and
/// chrome://tracing. docs/timeline.md has every field.
///
/// One track per unit: layers, PE array (computation named by its layer, set-up, stalls with their
/// cause), the vector unit, the DRAM data bus, DMA requests from issue to completion (one lane per
/// outstanding request), and every FMEM bank, WMEM slot and BMMEM slot that is filled. Slices of a
/// track do not overlap: a slice is split where a stall or a priority transfer interrupts it.
/// Counters: DRAM bandwidth, as means over windows of equal length, the mean power of each layer,
/// and the occupancy of each buffer. A flow leads from the last load that a computation needs
/// through it to each store of its results.
///
/// A slice has its exact `cycles`; `ts` and `dur` are in microseconds, rounded to picoseconds.
/// Source: Google, "Trace Event Format", events of phases X, M, C, i, s, t and f.
class TimelineRecorder : public EventSink {
 public:
  /// A run with more events is refused: viewers need hundreds of bytes of memory for each.
  static constexpr std::size_t kMaxEvents = 500'000;
  /// Windows of the DRAM bandwidth are a power of two of cycles, at most this number.
  static constexpr std::int64_t kMaxWindows = 2048;

  explicit TimelineRecorder(std::size_t max_events = kMaxEvents) : max_events_(max_events) {}

  /// Throws InputError for the first event beyond the limit.
  void on_event(const Event& event) override;
  bool wants_details() const override { return true; }

  /// The text of timeline.json. `rows` are those of the run, by `Event::layer`; throws
  /// SimulationError for an event of an unknown layer.
  std::string to_json(const TimelineMachine& machine, const std::vector<TraceRow>& rows) const;

 private:
  std::size_t max_events_;
  std::vector<Event> events_;
};

}  // namespace tilewake
