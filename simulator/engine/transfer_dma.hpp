// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"
#include "simulator/engine/memory/memory_controller.hpp"

namespace tilewake {

/// Bytes on their way between DRAM and an on-chip buffer.
struct Transfer {
  bool write = false;
  std::int64_t address = 0;
  std::int64_t bytes = 0;
  int layer = -1;  // who asked, for the trace
  Cause cause = Cause::kNone;
  bool urgent = false;  // before all that is not, at the next piece
  bool counted = true;  // among the bytes of the trace
};

/// Who asked, and is told in the cycle in which the last byte arrives.
class TransferListener {
 public:
  virtual ~TransferListener() = default;
  virtual void on_transfer_done(std::int64_t id) = 0;
};

/// Moves data between a memory controller and the core, in order of request; urgent transfers pass
/// the others between two pieces.
///
/// Timing: a transfer is cut into pieces of the controller's size, which are handed over as soon as
/// it takes them; the transfer ends with its last piece. A transfer of no bytes ends at once.
/// Nothing is ticked: the process wakes when a piece ends or can be handed over.
class TransferDma : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(TransferDma);
  TransferDma(const sc_core::sc_module_name& name, std::unique_ptr<MemoryController> memory);

  /// Nothing in flight, the memory idle; events go to `sink`, ends to `listener`.
  void reset(EventSink& sink, TransferListener& listener);

  /// Returns an id that the listener will hear of, never during this call.
  std::int64_t submit(const Transfer& transfer);

 private:
  struct Flight {
    Transfer transfer;
    std::int64_t issued = 0;
    std::int64_t begin = -1;
    std::int64_t bytes_handed_over = 0;
    std::int64_t num_pieces = 0;  // handed over and not served yet
    std::int64_t row_hits = 0;
    std::int64_t row_misses = 0;
  };

  void serve();
  bool hand_over(std::int64_t now);
  void on_piece_done(const MemoryCompletion& piece);
  void tell(const Flight& flight, std::int64_t end);

  const std::unique_ptr<MemoryController> memory_;
  EventSink* sink_ = nullptr;
  TransferListener* listener_ = nullptr;
  sc_core::sc_event wake_;
  std::int64_t origin_ = 0;  // cycle of the last reset: the controller's time begins there
  std::int64_t next_id_ = 0;
  std::unordered_map<std::int64_t, Flight> flights_;
  std::deque<std::int64_t> queue_;
  std::deque<std::int64_t> urgent_queue_;
  std::vector<MemoryCompletion> completed_;
};

}  // namespace tilewake
