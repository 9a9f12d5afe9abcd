// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// Keeps every event of a run and draws it: timeline.json, in the Trace Event Format that Perfetto
/// and chrome://tracing open.
///
/// One track a unit: layers, PE array (computation named by its layer, set-up, stalls with their
/// cause), the DRAM data bus, the DMA's requests from issue to completion (as many lanes as are
/// outstanding at a time), and every FMEM bank, WMEM slot and BMMEM slot being filled. Slices of
/// one track never overlap: what interrupts a slice (a stall, a transfer that goes first) cuts it.
///
/// A slice carries its exact `cycles`; `ts` and `dur` are microseconds, to the picosecond.
/// Source: Google, "Trace Event Format", complete ("X") and metadata ("M") events.
class TimelineRecorder : public EventSink {
 public:
  void on_event(const Event& event) override { events_.push_back(event); }

  /// The text of timeline.json. `layers` are names by `Event::layer`; throws SimulationError if an
  /// event names none of them.
  std::string to_json(const std::string& machine, double clock_mhz,
                      const std::vector<std::string>& layers) const;

 private:
  std::vector<Event> events_;
};

}  // namespace tilewake
