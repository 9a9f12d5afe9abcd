// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/memory/measure_stream.hpp"

#include <algorithm>
#include <vector>

#include "simulator/engine/memory/memory_controller.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kStrideChunkBytes = 64;
constexpr std::int64_t kMaxDefaultChunkBytes = 1 << 20;
constexpr std::int64_t kRequestsBetweenReports = 4096;

/// Submits requests as soon as they are accepted.
class Feeder {
 public:
  Feeder(MemoryController& memory, const StreamProgress& on_progress)
      : memory_(memory), on_progress_(on_progress) {}

  void move(bool write, std::int64_t address, std::int64_t bytes) {
    while (bytes > 0) {
      const std::int64_t part = std::min(bytes, memory_.max_request_bytes());
      while (!memory_.can_accept(now_)) now_ = advance();
      memory_.submit({num_requests_++, write, address, part}, now_);
      address += part;
      bytes -= part;
      num_bytes_ += part;
      if (on_progress_ && num_requests_ % kRequestsBetweenReports == 0) on_progress_(num_bytes_);
    }
  }

  StreamMeasurement finish() {
    for (std::int64_t next = advance(); next != MemoryController::kNever; next = advance())
      now_ = next;
    result_.num_requests = num_requests_;
    result_.num_refreshes = memory_.num_refreshes(result_.cycles);
    return result_;
  }

 private:
  std::int64_t advance() {
    completed_.clear();
    const std::int64_t next = memory_.advance(now_, completed_);
    for (const MemoryCompletion& c : completed_) {
      result_.cycles = std::max(result_.cycles, c.end);
      result_.row_hits += c.row_hits;
      result_.row_misses += c.row_misses;
    }
    return next;
  }

  MemoryController& memory_;
  const StreamProgress& on_progress_;
  std::vector<MemoryCompletion> completed_;
  StreamMeasurement result_;
  std::int64_t num_requests_ = 0;
  std::int64_t num_bytes_ = 0;
  std::int64_t now_ = 0;
};

/// Addresses of the chunks of a stride: `pieces` of them, `piece_bytes` apart, in rows that are
/// `row_bytes` apart.
struct Rows {
  std::int64_t row_bytes = 0;
  std::int64_t pieces = 1;
  std::int64_t piece_bytes = 0;
};

Rows rows_of(const LatencyBandwidthDramConfig& c) { return {c.row_bytes, 1, 0}; }
Rows rows_of(const BankedDramConfig& c) {
  return {c.num_channels * c.row_bytes(), c.num_channels, c.interleave_bytes};
}
Rows rows_of(const IdealDramConfig& /*config*/) { return {}; }

}  // namespace

StreamMeasurement measure_stream(const DramConfig& dram, StreamKind kind, std::int64_t bytes,
                                 std::int64_t chunk_bytes, const StreamProgress& on_progress) {
  const auto memory = make_memory_controller(dram);
  if (chunk_bytes == 0) {
    chunk_bytes = kind == StreamKind::kStride
                      ? kStrideChunkBytes
                      : std::min(memory->max_request_bytes(), kMaxDefaultChunkBytes);
    chunk_bytes = std::min(chunk_bytes, bytes);
  }
  const Rows rows = std::visit([](const auto& model) { return rows_of(model); }, dram);
  Feeder feeder(*memory, on_progress);
  std::int64_t left = bytes;
  for (std::int64_t i = 0; left > 0; ++i) {
    const std::int64_t size = std::min(chunk_bytes, left);
    const bool write = kind == StreamKind::kWrite || (kind == StreamKind::kAlternate && i % 2 == 1);
    const std::int64_t address =
        kind == StreamKind::kStride
            ? i / rows.pieces * rows.row_bytes + i % rows.pieces * rows.piece_bytes
            : bytes - left;
    feeder.move(write, address, size);
    left -= size;
  }
  StreamMeasurement result = feeder.finish();
  result.bytes = bytes;
  result.chunk_bytes = chunk_bytes;
  return result;
}

}  // namespace tilewake
