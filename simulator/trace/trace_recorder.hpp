// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/network/network.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// An executed layer; `Event::layer` is an index of these.
struct TraceLayer {
  int network_layer = -1;         // index into Network::layers
  std::string fused_into;         // the layer that it is fused into; empty if it runs by itself
  std::string output_in = {};     // as in TraceRow
  std::string spill_reason = {};  // as in TraceRow
  std::string weights_in = {};    // as in TraceRow
  std::string weights_reason = {};
};

/// Sums up the events of a run to one row per layer, in execution order.
///
/// Cycles are taken from kLayer (total) and from the PE array's kCompute, kSetup, kDispatch and
/// kStall (its parts), bytes from kRequest and kStore; each counts for the layer of the event.
/// kTransfer has only the time of service and is ignored, like the details.
class TraceRecorder : public EventSink {
 public:
  /// @param peak_macs_per_cycle  of the machine; the base of utilization
  /// @param machine              machine_id() of it
  TraceRecorder(const Network& network, const std::vector<TraceLayer>& layers,
                std::int64_t peak_macs_per_cycle, const std::string& machine);

  void on_event(const Event& event) override;

  /// The rows of the run, which took `total_cycles`. Throws SimulationError unless every layer ran
  /// once, all its cycles are accounted for (contradiction_in), and the layers sum up to the run.
  std::vector<TraceRow> finish(std::int64_t total_cycles);

 private:
  static void add_request(TraceRow& row, const Event& event);
  static void add_rows(TraceRow& row, const Event& event);
  static void add_stall(TraceRow& row, const Event& event);

  const double peak_macs_per_cycle_;
  std::vector<TraceRow> rows_;
  std::vector<int> num_runs_;  // of each row: kLayer events
};

}  // namespace tilewake
