// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <systemc>

#include "simulator/engine/events.hpp"
#include "simulator/engine/memory/memory_controller.hpp"

namespace tilewake {

/// A transfer between DRAM and an on-chip buffer.
struct Transfer {
  bool write = false;
  std::int64_t address = 0;
  std::int64_t bytes = 0;
  int layer = -1;  // the requesting layer, for the trace
  Cause cause = Cause::kNone;
  bool urgent = false;     // overtakes non-urgent transfers at the next piece
  bool counted = true;     // included in the bytes of the trace
  std::int64_t step = -1;  // as Event::step
};

/// The requester, notified in the cycle in which the last byte arrives.
class TransferListener {
 public:
  virtual ~TransferListener() = default;
  virtual void on_transfer_done(std::int64_t id) = 0;
};

/// Moves data between a memory controller and the core, in order of request; urgent transfers
/// overtake the others between two pieces.
///
/// Timing: a transfer is split into pieces of the controller's size, which are submitted as soon as
/// it accepts them; the transfer ends with its last piece. A transfer of no bytes ends when its
/// turn comes. Event-driven: the process wakes up when a piece ends or can be submitted.
///
/// If the end of a transfer does not depend on later ones, a core may ask for it at once instead
/// (move), without any event of the kernel.
class TransferDma : public sc_core::sc_module {
 public:
  /// Whether some transfers are urgent.
  enum class Urgency { kNever, kSome };

  SC_HAS_PROCESS(TransferDma);
  /// @param unit  kDram, or an on-chip memory, whose transfers are one event each
  TransferDma(const sc_core::sc_module_name& name, std::unique_ptr<MemoryController> memory,
              Unit unit = Unit::kDram, Urgency urgency = Urgency::kNever);

  /// Discards all transfers and resets the memory; events go to `sink`, completions to `listener`.
  /// Ids start at `first_id`.
  void reset(EventSink& sink, TransferListener& listener, std::int64_t first_id = 0);

  /// Returns an id, which is passed to the listener later, never during this call.
  std::int64_t submit(const Transfer& transfer);

  /// Whether move() can be used: the controller can serve whole transfers, and the sink does not
  /// want details.
  bool can_move() const;
  /// Serves a transfer that is requested in cycle `now`: not before earlier ones, but maybe later
  /// than the kernel's time. Reports it, and returns the cycle of its end, which is the same as
  /// with submit(). The listener is not notified. Not to be mixed with submit() in a run.
  std::int64_t move(const Transfer& transfer, std::int64_t now);

 private:
  struct Flight {
    Transfer transfer;
    std::int64_t issued = 0;
    std::int64_t begin = -1;
    std::int64_t bytes_handed_over = 0;
    std::int64_t num_pieces = 0;  // submitted and not served yet
    std::int64_t row_hits = 0;
    std::int64_t row_misses = 0;
    bool is_over = false;
  };

  Flight& flight_of(std::int64_t id) {
    return flights_[static_cast<std::size_t>(id - next_id_) + flights_.size()];
  }
  void serve();
  bool hand_over(std::int64_t now);
  void on_piece_done(const MemoryCompletion& piece);
  void tell(const Flight& flight, std::int64_t end);

  const std::unique_ptr<MemoryController> memory_;
  const Unit unit_;
  const Urgency urgency_;
  EventSink* sink_ = nullptr;
  bool wants_details_ = false;
  TransferListener* listener_ = nullptr;
  sc_core::sc_event wake_;
  std::int64_t origin_ = 0;  // cycle of the last reset: the start of the controller's time
  std::int64_t next_id_ = 0;
  std::deque<Flight> flights_;  // the last one is that of `next_id_` - 1
  std::deque<std::int64_t> queue_;
  std::deque<std::int64_t> urgent_queue_;
  std::vector<MemoryCompletion> completed_;
};

}  // namespace tilewake
