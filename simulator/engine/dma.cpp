// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/dma.hpp"

#include <algorithm>
#include <limits>

#include "simulator/engine/clock.hpp"

namespace tilewake {

Dma::Dma(const sc_core::sc_module_name& name, std::optional<LatencyBandwidthDramConfig> dram)
    : BufferDma(name), dram_(dram) {}

void Dma::reset(EventSink& sink) {
  sink_ = &sink;
  queue_end_ = 0;
  in_flight_.clear();
}

void Dma::finish() { tell_completed(std::numeric_limits<std::int64_t>::max()); }

void Dma::tell_completed(std::int64_t until) {
  std::erase_if(in_flight_, [&](const Transfer& t) {
    if (t.end > until) return false;
    const DmaRequest& r = t.request;
    Event event{Unit::kDma, EventKind::kRequest,    r.cause, r.slot, r.layer, t.issued,
                t.end,      r.counted ? r.bytes : 0};
    event.step = r.step;
    event.counted = r.counted;
    sink_->on_event(event);
    event.unit = Unit::kDram;
    event.kind = EventKind::kTransfer;
    event.begin_cycle = t.begin;
    event.amount = r.bytes;
    sink_->on_event(event);
    event.unit = buffers[r.buffer]->unit();
    sink_->on_event(event);
    return true;
  });
}

void Dma::store(int layer, std::int64_t bytes) {
  const std::int64_t now = now_cycles();
  Event event{Unit::kDma, EventKind::kStore, Cause::kWrite, 0, layer, now, now, bytes};
  event.step = layer;
  sink_->on_event(event);
  event.unit = Unit::kDram;
  event.kind = EventKind::kTransfer;
  sink_->on_event(event);
}

void Dma::read(const DmaRequest& request) {
  const std::int64_t now = now_cycles();
  tell_completed(now);
  const std::int64_t ready = now + (dram_ ? dram_->latency_cycles(request.bytes) : 0);
  const std::int64_t duration = dram_ ? dram_->transfer_cycles(request.bytes) : 0;
  BufferIf& buffer = *buffers[request.buffer];
  std::int64_t begin = 0;
  if (request.priority == DmaRequest::Priority::kQueued) {
    begin = std::max(ready, queue_end_);
    queue_end_ = begin + duration;
  } else {
    begin = std::max(ready, buffer.latest_fill());
    for (int i = 0; i < buffers.size(); ++i)
      if (i != request.buffer) buffers[i]->delay_fills(begin, duration);
    for (Transfer& t : in_flight_) {
      if (t.request.buffer == request.buffer || t.end <= begin) continue;
      if (t.begin >= begin) t.begin += duration;
      t.end += duration;
    }
    queue_end_ = std::max(begin + duration, queue_end_ + duration);
  }
  buffer.schedule_fill(request.slot, begin + duration);
  in_flight_.push_back({request, now, begin, begin + duration});
}

}  // namespace tilewake
