// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/in_order_controller.hpp"

#include <algorithm>
#include <cassert>

namespace tilewake {
namespace {

// Before all completions of the same cycle.
constexpr std::int64_t kFirst = std::int64_t{1} << 62;

}  // namespace

InOrderController::InOrderController(const BankedDramConfig& config)
    : BankedController(config),
      bursts_per_piece_(interleave_.is_even(max_request_bytes())
                            ? max_request_bytes() / config.num_channels / config.burst_bytes()
                            : 0),
      conversion_cycles_(to_dram_.ceil(1)) {}

void InOrderController::reset() {
  for (StreamChannel& channel : channels_) channel.reset();
  in_flight_ = {};
  endings_ = {};
  bytes_in_flight_ = accept_at_ = submitted_ = data_end_ = num_endings_ = 0;
}

void InOrderController::add_in_flight(std::int64_t end, std::int64_t bytes, std::int64_t now) {
  const auto drop_ended = [this](std::int64_t time) {
    while (!in_flight_.empty() && in_flight_.top().end <= time) {
      bytes_in_flight_ -= in_flight_.top().bytes;
      in_flight_.pop();
    }
  };
  submitted_ = accept_at_ = now;
  drop_ended(now);
  in_flight_.push({end, bytes});
  bytes_in_flight_ += bytes;
  while (bytes_in_flight_ >= 2 * max_request_bytes()) {
    accept_at_ = std::max(accept_at_, in_flight_.top().end);
    drop_ended(accept_at_);
  }
}

MemoryCompletion InOrderController::serve(const MemoryRequest& request, std::int64_t now) {
  MemoryCompletion completion{request.id, now, now};
  const std::int64_t arrive = to_dram_.ceil(now);
  std::int64_t begin = kNever;
  data_end_ = 0;
  for_each_channel(request, [&](StreamChannel& channel, std::int64_t first, std::int64_t count) {
    const ChannelRun run = channel.run(first, count, request.write, arrive);
    begin = std::min(begin, run.data_begin);
    data_end_ = std::max(data_end_, run.data_end);
    completion.row_hits += run.row_hits;
    completion.row_misses += run.row_misses;
  });
  if (request.bytes > 0) {
    completion.begin = to_npu_.floor(begin);
    completion.end = to_npu_.ceil(data_end_);
  }
  add_in_flight(completion.end, request.bytes, now);
  return completion;
}

void InOrderController::submit(const MemoryRequest& request, std::int64_t now) {
  assert(can_accept(now) && request.bytes >= 0 && request.bytes <= max_request_bytes());
  endings_.push({serve(request, now), num_endings_++});
}

bool InOrderController::submit_transfer(const MemoryRequest& transfer, std::int64_t now) {
  if (transfer.bytes == 0) {  // is over when its turn comes
    const std::int64_t turn = std::max(now, submitted_);
    endings_.push({{transfer.id, turn, turn}, num_endings_++ - kFirst});
    return true;
  }
  MemoryCompletion whole{transfer.id};
  std::int64_t first_end = kNever;
  MemoryRequest rest = transfer;
  while (rest.bytes > 0) {
    const std::int64_t begun = std::max(now, accept_at_);
    MemoryRequest piece = rest;
    piece.bytes = std::min(rest.bytes, max_request_bytes());
    const MemoryCompletion done = serve(piece, begun);
    if (done.end < first_end) {
      first_end = done.end;
      whole.begin = done.begin;
    }
    whole.end = std::max(whole.end, done.end);
    whole.row_hits += done.row_hits;
    whole.row_misses += done.row_misses;
    rest.address += piece.bytes;
    rest.bytes -= piece.bytes;
    const std::int64_t steady = serve_steady(rest, now, whole);
    rest.address += steady;
    rest.bytes -= steady;
  }
  endings_.push({whole, num_endings_++});
  return true;
}

/// Serves the next pieces of a transfer as long as all channels are in the middle of a row and all
/// pieces arrive in time: then each ends as much later than the one before. Returns their bytes.
std::int64_t InOrderController::serve_steady(const MemoryRequest& rest, std::int64_t now,
                                             MemoryCompletion& whole) {
  const std::int64_t piece_bytes = max_request_bytes();
  const std::int64_t address = rest.address % interleave_.capacity();
  std::int64_t count = std::min(rest.bytes, interleave_.capacity() - address) / piece_bytes;
  // The piece before is the only one in flight when the next one is accepted.
  if (count == 0 || bursts_per_piece_ == 0 || in_flight_.size() != 1 ||
      bytes_in_flight_ != piece_bytes)
    return 0;
  std::int64_t latest = kNever;
  const MemoryRequest piece{rest.id, rest.write, address, piece_bytes};
  for_each_channel(piece, [&](StreamChannel& channel, std::int64_t first, std::int64_t) {
    count = std::min(count, channel.num_steady(first, rest.write) / bursts_per_piece_);
    latest = std::min(latest, channel.latest_arrival());
  });
  const std::int64_t duration = bursts_per_piece_ * channels_.front().step();  // of a piece
  const std::int64_t time = std::max(now, accept_at_);
  // The second piece arrives when the one before the first ends, the others as much later.
  if (count == 0 || to_dram_.ceil(time) > latest ||
      data_end_ + conversion_cycles_ > latest + duration)
    return 0;

  MemoryRequest pieces = piece;
  pieces.bytes = count * piece_bytes;
  for_each_channel(pieces, [&](StreamChannel& channel, std::int64_t first, std::int64_t bursts) {
    whole.row_hits += channel.run(first, bursts, rest.write, latest).row_hits;
  });
  const auto end_of = [&](std::int64_t number) {  // of these pieces; -1: the one before
    return to_npu_.ceil(data_end_ + (number + 1) * duration);
  };
  in_flight_.pop();
  in_flight_.push({end_of(count - 1), piece_bytes});
  submitted_ = count == 1 ? time : end_of(count - 3);
  accept_at_ = end_of(count - 2);
  whole.end = end_of(count - 1);
  data_end_ += count * duration;
  return pieces.bytes;
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
