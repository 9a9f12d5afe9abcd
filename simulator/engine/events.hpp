// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace tilewake {

/// A part of the machine that emits events; one track per unit (and index) in the timeline.
enum class Unit {
  kSequencer,
  kPeArray,
  kFmem,
  kWmem,
  kBmmem,
  kDma,
  kDram,
  kVectorUnit,
  kFeatureMemory,
  kBuffer  // `index` is that of on_chip_buffers()
};

enum class EventKind {
  kLayer,    // kSequencer: one layer from its first to its last cycle
  kCompute,  // kPeArray: a run of issue slots; `amount` = slots, without stalls
  kSetup,  // kPeArray: cycles that neither compute nor wait: bubbles, filling and emptying the pipe
  kDispatch,  // kPeArray: waits for commands (DispatchConfig)
  kStall,     // kPeArray: waiting; `cause` is the reason
  kRequest,   // kDma, kFeatureMemory: a read request from its issue to its last byte; `amount` =
              // bytes, `cause` = its target
  kTransfer,  // kDram: `amount` bytes on the data bus; also kFmem/kWmem/kBmmem: a slot being filled
  kStore,     // kDma: `amount` bytes written to DRAM by a layer; kFeatureMemory: to that memory
  // Only for sinks that want details:
  kVector,    // kVectorUnit: the part of a kCompute in which the vector unit works
  kOccupancy  // kBuffer: holds `amount` bytes from `begin_cycle` on; no layer
};

/// The reason of a stall, or the content of a transfer.
enum class Cause { kNone, kFeatures, kWeights, kBias, kWrite };

/// An activity of a module, in NPU cycles since the start of the run; half-open [begin, end).
struct Event {
  Unit unit = Unit::kSequencer;
  EventKind kind = EventKind::kLayer;
  Cause cause = Cause::kNone;
  int index = 0;   // bank or slot of the unit
  int layer = -1;  // index into Program::layers of the layer that caused it
  std::int64_t begin_cycle = 0;
  std::int64_t end_cycle = 0;
  std::int64_t amount = 0;
  // kRequest and kStore of DRAM models with rows: bursts that found their row open, or opened it.
  std::int64_t row_hits = 0;
  std::int64_t row_misses = 0;
  // kRequest, kCompute, kStore: number of the step (a tile; on MIDAP a layer) that the data are
  // loaded for, that is computed, or whose results are stored. Never decreases from one step to the
  // next.
  std::int64_t step = -1;
  bool counted = true;  // kTransfer: its bytes are part of a kRequest or kStore
};

/// A request at the time at which the DRAM accepts it.
struct DramRequest {
  std::int64_t cycle = 0;
  bool write = false;
  std::int64_t address = 0;  // bytes; may exceed the capacity, then modulo
  std::int64_t bytes = 0;
};

/// Receives events. Called in order of completion, not of begin_cycle; a sink that does not want
/// details may receive a transfer when it is requested.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_event(const Event& event) = 0;
  /// Whether it needs kVector, kOccupancy and on_dram_request, which modules otherwise leave out.
  virtual bool wants_details() const { return false; }
  /// In order of time. Only if the DRAM model has addresses (has_dram_addresses).
  virtual void on_dram_request(const DramRequest& /*request*/) {}
};

}  // namespace tilewake
