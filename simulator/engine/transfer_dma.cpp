// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/transfer_dma.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "simulator/engine/clock.hpp"

namespace tilewake {

TransferDma::TransferDma(const sc_core::sc_module_name& name,
                         std::unique_ptr<MemoryController> memory, Unit unit, Urgency urgency)
    : sc_module(name), memory_(std::move(memory)), unit_(unit), urgency_(urgency) {
  SC_METHOD(serve);
  sensitive << wake_;
  dont_initialize();
}

void TransferDma::reset(EventSink& sink, TransferListener& listener, std::int64_t first_id) {
  sink_ = &sink;
  wants_details_ = unit_ == Unit::kDram && sink.wants_details();
  listener_ = &listener;
  memory_->reset();
  wake_.cancel();
  origin_ = now_cycles();
  next_id_ = first_id;
  flights_.clear();
  queue_.clear();
  urgent_queue_.clear();
}

std::int64_t TransferDma::submit(const Transfer& transfer) {
  assert(!transfer.urgent || urgency_ == Urgency::kSome);
  const std::int64_t id = next_id_++;
  flights_.push_back({transfer, now_cycles()});
  (transfer.urgent ? urgent_queue_ : queue_).push_back(id);
  wake_.notify(sc_core::SC_ZERO_TIME);
  return id;
}

bool TransferDma::can_move() const {
  return urgency_ == Urgency::kNever && !sink_->wants_details() && memory_->can_serve_transfers();
}

std::int64_t TransferDma::move(const Transfer& transfer, std::int64_t now) {
  const MemoryRequest request{next_id_++, transfer.write, transfer.address, transfer.bytes};
  const MemoryCompletion done = memory_->serve_transfer(request, now - origin_);
  Flight flight{transfer, now};
  flight.begin = done.begin + origin_;
  flight.row_hits = done.row_hits;
  flight.row_misses = done.row_misses;
  tell(flight, done.end + origin_);
  return done.end + origin_;
}

void TransferDma::serve() {
  const std::int64_t now = now_cycles() - origin_;
  std::int64_t next = MemoryController::kNever;
  bool progress = true;
  while (progress) {
    progress = hand_over(now);
    completed_.clear();
    next = memory_->advance(now, completed_);
    progress = progress || !completed_.empty();
    for (const MemoryCompletion& piece : completed_) on_piece_done(piece);
  }
  wake_.cancel();
  if (next != MemoryController::kNever) wake_.notify(cycles(next - now));
}

bool TransferDma::hand_over(std::int64_t now) {
  bool any = false;
  while (true) {
    std::deque<std::int64_t>& queue = urgent_queue_.empty() ? queue_ : urgent_queue_;
    if (queue.empty()) return any;
    const std::int64_t id = queue.front();
    Flight& flight = flight_of(id);
    const Transfer& t = flight.transfer;
    const std::int64_t left = t.bytes - flight.bytes_handed_over;
    if (left == 0) {  // no bytes
      queue.pop_front();
      on_piece_done({id, now, now});
      any = true;
      continue;
    }
    if (!memory_->can_accept(now)) return any;
    const std::int64_t bytes = std::min(left, memory_->max_request_bytes());
    ++flight.num_pieces;
    const std::int64_t address = t.address + flight.bytes_handed_over;
    memory_->submit({id, t.write, address, bytes}, now);
    if (wants_details_) sink_->on_dram_request({now + origin_, t.write, address, bytes});
    flight.bytes_handed_over += bytes;
    if (bytes == left) queue.pop_front();
    any = true;
  }
}

void TransferDma::on_piece_done(const MemoryCompletion& piece) {
  Flight& flight = flight_of(piece.id);
  if (flight.begin < 0) flight.begin = piece.begin + origin_;
  flight.row_hits += piece.row_hits;
  flight.row_misses += piece.row_misses;
  if (flight.num_pieces > 0) --flight.num_pieces;
  if (flight.num_pieces > 0 || flight.bytes_handed_over < flight.transfer.bytes) return;
  tell(flight, piece.end + origin_);
  flight.is_over = true;
  while (!flights_.empty() && flights_.front().is_over) flights_.pop_front();
  listener_->on_transfer_done(piece.id);
}

void TransferDma::tell(const Flight& flight, std::int64_t end) {
  const Transfer& t = flight.transfer;
  Event event{unit_ == Unit::kDram ? Unit::kDma : unit_,
              t.write ? EventKind::kStore : EventKind::kRequest,
              t.cause,
              0,
              t.layer,
              flight.issued,
              end,
              t.counted ? t.bytes : 0,
              flight.row_hits,
              flight.row_misses,
              t.step,
              t.counted};
  sink_->on_event(event);
  if (unit_ != Unit::kDram) return;
  event.unit = Unit::kDram;
  event.kind = EventKind::kTransfer;
  event.begin_cycle = flight.begin;
  event.amount = t.bytes;
  sink_->on_event(event);
}

}  // namespace tilewake
