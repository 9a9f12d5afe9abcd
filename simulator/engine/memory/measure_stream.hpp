// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

enum class StreamKind {
  kRead,       // consecutive chunks
  kWrite,      // the same
  kAlternate,  // consecutive chunks, read and written in turn
  kStride      // chunks read from row after row, in turn in all channels
};

/// What a memory did with a stream that is handed over as fast as it is taken, from cycle 0 of an
/// idle memory.
struct StreamMeasurement {
  std::int64_t bytes = 0;
  std::int64_t chunk_bytes = 0;
  std::int64_t num_requests = 0;
  std::int64_t cycles = 0;  // NPU cycles to the last data
  std::int64_t row_hits = 0;
  std::int64_t row_misses = 0;
  std::int64_t num_refreshes = 0;
};

/// Called from time to time with the bytes that were handed over.
using StreamProgress = std::function<void(std::int64_t bytes)>;

/// Moves `bytes` in chunks of `chunk_bytes` (0: what suits the stream, the memory's largest
/// request, or 64 bytes with a stride); the last one may be shorter. A chunk that is larger than a
/// request may be goes in several.
StreamMeasurement measure_stream(const DramConfig& dram, StreamKind kind, std::int64_t bytes,
                                 std::int64_t chunk_bytes, const StreamProgress& on_progress = {});

}  // namespace tilewake
