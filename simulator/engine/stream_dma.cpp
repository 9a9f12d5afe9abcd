// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/stream_dma.hpp"

#include <cstddef>

#include "simulator/engine/clock.hpp"

namespace tilewake {
namespace {

// Bytes of a stream's address region; addresses wrap around.
constexpr std::int64_t kRegionBytes = std::int64_t{1} << 28;

}  // namespace

StreamDma::StreamDma(const sc_core::sc_module_name& name, std::unique_ptr<MemoryController> memory)
    : BufferDma(name),
      transfers_("transfers", std::move(memory), Unit::kDram, TransferDma::Urgency::kSome) {}

void StreamDma::reset(EventSink& sink) {
  transfers_.reset(sink, *this);
  stream_ends_.fill(0);
  targets_.clear();
  num_under_way_.clear();
}

std::int64_t StreamDma::next_address(Cause cause, std::int64_t bytes) {
  const auto stream = static_cast<std::size_t>(cause);
  const std::int64_t begin = stream_ends_[stream];
  stream_ends_[stream] = (begin + bytes) % kRegionBytes;
  return static_cast<std::int64_t>(stream) * kRegionBytes + begin;
}

void StreamDma::read(const DmaRequest& request) {
  const Slot slot{request.buffer, request.slot};
  buffers[request.buffer]->expect_fill(request.slot);
  const bool urgent =
      request.priority == DmaRequest::Priority::kPreempting || request.cause == Cause::kBias;
  const std::int64_t id =
      transfers_.submit({false, next_address(request.cause, request.bytes), request.bytes,
                         request.layer, request.cause, urgent, request.counted, request.step});
  targets_[id] = slot;
  ++num_under_way_[slot];
}

void StreamDma::store(int layer, std::int64_t bytes) {
  Transfer transfer{true, next_address(Cause::kWrite, bytes), bytes, layer, Cause::kWrite};
  transfer.step = layer;
  transfers_.submit(transfer);
}

void StreamDma::on_transfer_done(std::int64_t id) {
  const auto target = targets_.find(id);
  if (target == targets_.end()) return;  // a store
  const Slot slot = target->second;
  targets_.erase(target);
  if (--num_under_way_[slot] == 0) buffers[slot.first]->schedule_fill(slot.second, now_cycles());
}

}  // namespace tilewake
