// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// Records every event of a run and writes timeline.json, in the Trace Event Format of Perfetto and
/// chrome://tracing.
///
/// One track per unit: layers, PE array (computation named by its layer, set-up, stalls with their
/// cause), the DRAM data bus, DMA requests from issue to completion (one lane per outstanding
/// request), and every FMEM bank, WMEM slot and BMMEM slot that is filled. Slices of a track do not
/// overlap: a slice is split where a stall or a priority transfer interrupts it.
///
/// A slice has its exact `cycles`; `ts` and `dur` are in microseconds, rounded to picoseconds.
/// Source: Google, "Trace Event Format", complete ("X") and metadata ("M") events.
class TimelineRecorder : public EventSink {
 public:
  void on_event(const Event& event) override { events_.push_back(event); }

  /// The text of timeline.json. `layers` are names by `Event::layer`; throws SimulationError for an
  /// event of an unknown layer.
  std::string to_json(const std::string& machine, double clock_mhz,
                      const std::vector<std::string>& layers) const;

 private:
  std::vector<Event> events_;
};

}  // namespace tilewake
