// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/engine/waveform.hpp"
#include "simulator/trace/dram_trace.hpp"
#include "simulator/trace/timeline.hpp"
#include "simulator/trace/trace_row.hpp"

namespace tilewake {

/// The options of `simulate` that record what happens when: --timeline, --vcd, --dram-trace.
struct TraceOptions {
  bool timeline = false;
  std::string vcd;
  std::string window;
  std::string dram_trace;
  std::string dram_trace_format = "ramulator";

  void add_to(Options& options);
  /// Throws UsageError for a contradiction. Call it after Options::parse().
  void check(const Options& options) const;
  /// Throws InputError or IoError if a file cannot be written, exists (without `force`), or is one
  /// of the run in the directory `run` (empty: none).
  void check_places(const std::string& run, bool force) const;
  /// Throws UsageError if `arguments` of a sweep have one of these options.
  static void refuse(const Arguments& arguments);
};

/// The recorders that the options ask for. An interrupt ends the simulation, so that no temporary
/// file remains.
class RunTraces {
 public:
  /// Throws InputError if the machine or the workload cannot be recorded, IoError if a file cannot
  /// be written.
  RunTraces(const TraceOptions& options, const Machine& machine, const Workload& workload);

  /// The sinks of the simulation, none without options.
  std::vector<EventSink*> sinks();
  /// After the simulation: the text of timeline.json, empty without --timeline; prepares the dump.
  std::string finish(const std::vector<TraceRow>& rows);
  /// Writes the files of --vcd and --dram-trace.
  void write();

 private:
  class InterruptCheck : public EventSink {
   public:
    void on_event(const Event& event) override;
  };

  const TraceOptions& options_;
  const Machine& machine_;
  std::optional<InterruptDelay> delay_;  // outlives the files
  InterruptCheck interrupt_check_;
  std::optional<TimelineRecorder> timeline_;
  std::optional<Waveform> waveform_;
  std::string vcd_;
  std::optional<NewDirectories> dram_trace_directories_;  // outlives the file
  std::optional<DramTraceWriter> dram_trace_;
};

}  // namespace tilewake
