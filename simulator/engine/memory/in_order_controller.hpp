// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <vector>

#include "simulator/engine/memory/banked_controller.hpp"
#include "simulator/engine/memory/stream_channel.hpp"

namespace tilewake {

/// Banked memory whose channels serve bursts in order of submission; stream_channel.hpp has the
/// timing. A request completes with its last burst in any channel, so a short one may overtake
/// another that uses other channels. The timing of a request is computed at submission, and so is
/// that of a whole transfer: with one channel, as runs of bursts.
///
/// Valid for requests of at least about 4 KiB per channel, or up to the end of a row. A real
/// controller would reorder finer interleaved requests, as FrFcfsController does.
class InOrderController final : public BankedController<StreamChannel> {
 public:
  explicit InOrderController(const BankedDramConfig& config);

  void reset() override;
  /// True while less than two of the largest requests are in flight: one on the bus, and one whose
  /// rows are being opened.
  bool can_accept(std::int64_t now) const override { return now >= accept_at_; }
  void submit(const MemoryRequest& request, std::int64_t now) override;
  bool can_serve_transfers() const override { return true; }
  MemoryCompletion serve_transfer(const MemoryRequest& transfer, std::int64_t now) override;
  std::int64_t advance(std::int64_t now, std::vector<MemoryCompletion>& completed) override;

 private:
  struct InFlight {
    std::int64_t end = 0;  // NPU cycles
    std::int64_t bytes = 0;
  };
  struct Ending {
    MemoryCompletion completion;
    std::int64_t order = 0;  // of completions in the same cycle
    bool operator>(const Ending& other) const {
      return completion.end != other.completion.end ? completion.end > other.completion.end
                                                    : order > other.order;
    }
  };
  template <typename T>
  using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<>>;

  MemoryCompletion serve(const MemoryRequest& request, std::int64_t now);
  MemoryCompletion serve_pieces(const MemoryRequest& transfer, std::int64_t now);
  MemoryCompletion serve_runs(const MemoryRequest& transfer, std::int64_t now);
  void add_in_flight(std::int64_t end, std::int64_t bytes, std::int64_t now);

  // Bursts of a piece if a transfer can be served as runs, otherwise 0.
  std::int64_t bursts_per_piece_ = 0;
  Divisor burst_bytes_;
  Divisor piece_bytes_;
  // At the last submission, or at accept_at_ if that is later; in order of their ends, which is
  // almost always that of submission.
  std::deque<InFlight> in_flight_;
  std::int64_t bytes_in_flight_ = 0;
  std::int64_t accept_at_ = 0;  // the next request
  std::int64_t submitted_ = 0;  // the last one
  MinHeap<Ending> endings_;
  std::int64_t num_endings_ = 0;
};

}  // namespace tilewake
