// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/in_order_controller.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace tilewake {
// A transfer through one channel is one run of bursts if no piece but the first arrives too late to
// be served as early as it would be in a run. Piece k arrives when piece k-2 has ended (the second
// one: when all earlier requests have), at the next NPU cycle. It must arrive by
// column(i - kWindow) + 1, where i is its first burst; columns are at least a burst apart.
InOrderController::InOrderController(const BankedDramConfig& config)
    : BankedController(config),
      burst_bytes_(config.burst_bytes()),
      piece_bytes_(max_request_bytes()) {
  const std::int64_t bursts = burst_bytes_.quotient(max_request_bytes());
  const std::int64_t latency = std::max(config.device.timings.t_cl, config.device.timings.t_cwl);
  const std::int64_t npu_cycle = to_dram_.ceil(1);
  if (config.num_channels == 1 && burst_bytes_.remainder(max_request_bytes()) == 0 &&
      latency + config.burst_cycles() + npu_cycle <=
          (bursts + 1 - StreamChannel::kWindow) * config.burst_cycles() + 1)
    bursts_per_piece_ = bursts;
}

void InOrderController::reset() {
  for (StreamChannel& channel : channels_) channel.reset();
  in_flight_.clear();
  endings_ = {};
  bytes_in_flight_ = accept_at_ = submitted_ = num_endings_ = 0;
}

void InOrderController::add_in_flight(std::int64_t end, std::int64_t bytes, std::int64_t now) {
  const auto drop_ended = [this](std::int64_t time) {
    while (!in_flight_.empty() && in_flight_.front().end <= time) {
      bytes_in_flight_ -= in_flight_.front().bytes;
      in_flight_.pop_front();
    }
  };
  submitted_ = accept_at_ = now;
  drop_ended(now);
  auto place = in_flight_.end();
  while (place != in_flight_.begin() && std::prev(place)->end > end) --place;
  in_flight_.insert(place, {end, bytes});
  bytes_in_flight_ += bytes;
  while (bytes_in_flight_ >= 2 * max_request_bytes()) {
    accept_at_ = std::max(accept_at_, in_flight_.front().end);
    drop_ended(accept_at_);
  }
}

MemoryCompletion InOrderController::serve(const MemoryRequest& request, std::int64_t now) {
  MemoryCompletion completion{request.id, now, now};
  const std::int64_t arrive = to_dram_.ceil(now);
  std::int64_t begin = kNever;
  std::int64_t end = 0;
  for_each_channel(request, [&](StreamChannel& channel, std::int64_t first, std::int64_t count) {
    const ChannelRun run = channel.run(first, count, request.write, arrive);
    begin = std::min(begin, run.data_begin);
    end = std::max(end, run.data_end);
    completion.row_hits += run.row_hits;
    completion.row_misses += run.row_misses;
  });
  if (request.bytes > 0) {
    completion.begin = to_npu_.floor(begin);
    completion.end = to_npu_.ceil(end);
  }
  add_in_flight(completion.end, request.bytes, now);
  return completion;
}

void InOrderController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes());
  endings_.push({serve(request, now), num_endings_++});
}

MemoryCompletion InOrderController::serve_transfer(const MemoryRequest& transfer,
                                                   std::int64_t now) {
  if (transfer.bytes == 0) {  // ends when its turn comes
    const std::int64_t turn = std::max(now, submitted_);
    return {transfer.id, turn, turn};
  }
  return bursts_per_piece_ > 0 ? serve_runs(transfer, now) : serve_pieces(transfer, now);
}

MemoryCompletion InOrderController::serve_pieces(const MemoryRequest& transfer, std::int64_t now) {
  MemoryCompletion whole{transfer.id};
  std::int64_t first_end = kNever;
  MemoryRequest piece = transfer;
  for (std::int64_t left = transfer.bytes; left > 0; left -= piece.bytes) {
    piece.bytes = std::min(left, max_request_bytes());
    const MemoryCompletion done = serve(piece, std::max(now, accept_at_));
    if (done.end < first_end) {
      first_end = done.end;
      whole.begin = done.begin;
    }
    whole.end = std::max(whole.end, done.end);
    whole.row_hits += done.row_hits;
    whole.row_misses += done.row_misses;
    piece.address += piece.bytes;
  }
  return whole;
}

MemoryCompletion InOrderController::serve_runs(const MemoryRequest& transfer, std::int64_t now) {
  StreamChannel& channel = channels_.front();
  const std::int64_t begin = std::max(now, accept_at_);
  const std::int64_t arrive = to_dram_.ceil(begin);
  const std::int64_t offset = burst_bytes_.remainder(transfer.address);
  const std::int64_t first = burst_bytes_.quotient(transfer.address);
  const std::int64_t num_bursts = burst_bytes_.ceil(offset + transfer.bytes);
  const std::int64_t num_pieces = piece_bytes_.ceil(transfer.bytes);
  // The ends of the last three pieces say when the next request is accepted.
  RunMarks marks;
  ChannelRun whole;
  if (offset == 0) {
    if (num_pieces == 2) marks.bursts = {bursts_per_piece_, num_bursts};
    if (num_pieces > 2)
      marks.bursts = {(num_pieces - 2) * bursts_per_piece_, (num_pieces - 1) * bursts_per_piece_};
    whole = channel.run(first, num_bursts, transfer.write, arrive, marks);
  } else {  // pieces share bursts, which are moved twice
    for (std::int64_t i = 0; i < num_pieces; ++i) {
      const std::int64_t skipped = i * bursts_per_piece_;
      const std::int64_t count = std::min(bursts_per_piece_ + 1, num_bursts - skipped);
      const ChannelRun run = channel.run(first + skipped, count, transfer.write, arrive);
      if (i == 0) whole.data_begin = run.data_begin;
      whole.data_end = run.data_end;
      whole.row_hits += run.row_hits;
      whole.row_misses += run.row_misses;
      const std::int64_t first_marked = std::max<std::int64_t>(num_pieces - 3, 0);
      if (i >= first_marked && i < first_marked + 2)
        marks.ends[static_cast<std::size_t>(i - first_marked)] = run.data_end;
    }
  }
  const std::int64_t end = to_npu_.ceil(whole.data_end);
  if (num_pieces > 1) add_in_flight(to_npu_.ceil(marks.ends[0]), max_request_bytes(), begin);
  if (num_pieces > 2)
    add_in_flight(to_npu_.ceil(marks.ends[1]), max_request_bytes(), std::max(now, accept_at_));
  add_in_flight(end, transfer.bytes - (num_pieces - 1) * max_request_bytes(),
                std::max(now, accept_at_));
  return {transfer.id, to_npu_.floor(whole.data_begin), end, whole.row_hits, whole.row_misses};
}

std::int64_t InOrderController::advance(std::int64_t now,
                                        std::vector<MemoryCompletion>& completed) {
  while (!endings_.empty() && endings_.top().completion.end <= now) {
    completed.push_back(endings_.top().completion);
    endings_.pop();
  }
  return endings_.empty() ? kNever : endings_.top().completion.end;
}

}  // namespace tilewake
