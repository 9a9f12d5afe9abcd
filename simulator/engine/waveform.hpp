// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "simulator/engine/events.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {

/// Records the activity of the units during a window of a run, and writes it as a value change dump
/// (VCD, IEEE 1364) through SystemC's sc_trace.
///
/// Modules report an activity when it ends, and their kernel skips all cycles in which nothing can
/// stall. The dump is therefore drawn after the run by a second kernel, whose only process sets the
/// traced variables in the recorded cycles: tracing cannot change a simulation, and a window costs
/// only its own changes.
class Waveform : public EventSink {
 public:
  /// Half-open, in cycles of the run.
  struct Window {
    std::int64_t begin = 0;
    std::int64_t end = std::numeric_limits<std::int64_t>::max();
  };
  static constexpr std::size_t kMaxChanges = 4'000'000;

  Waveform(const HardwareConfig& hardware, Window window);

  /// Throws InputError for the first change beyond the limit.
  void on_event(const Event& event) override;
  bool wants_details() const override { return true; }

  /// The text of the VCD file. A time unit is an NPU cycle, whatever the clock; the last time stamp
  /// is the end of the window or of the run. Equal runs give byte-equal texts. Throws InputError if
  /// the run ends before the window, IoError if no temporary file can be written.
  std::string to_vcd() const;

 private:
  struct Signal {
    enum class Kind { kFlag, kCount, kValue };
    std::string name;  // "pe_array.compute"
    Kind kind = Kind::kFlag;
  };
  struct Change {
    std::int64_t cycle = 0;
    std::size_t signal = 0;
    std::int64_t value = 0;  // added to flags and counts; kValue: the new one
  };
  class Player;

  void add(const Change& change);
  void add_interval(std::size_t signal, std::int64_t begin, std::int64_t end,
                    std::int64_t value = 1);
  std::vector<Change> changes_in_order() const;

  std::string machine_;
  Window window_;
  std::vector<Signal> signals_;
  std::vector<Change> changes_;
  std::vector<Change> before_;  // by buffer: the last occupancy before the window
  std::int64_t total_cycles_ = 0;
};

}  // namespace tilewake
