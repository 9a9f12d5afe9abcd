// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "simulator/hardware/dram_config.hpp"

namespace tilewake {

enum class StreamKind {
  kRead,       // consecutive chunks
  kWrite,      // consecutive chunks
  kAlternate,  // consecutive chunks, reads and writes alternating
  kStride      // chunks of consecutive rows, over all channels
};

/// Result of a stream whose requests are submitted as fast as they are accepted, from cycle 0 of an
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

/// Called periodically with the number of submitted bytes.
using StreamProgress = std::function<void(std::int64_t bytes)>;

/// Moves `bytes` in chunks of `chunk_bytes` (0: the default of the stream: the memory's largest
/// request, or 64 bytes with a stride); the last one may be shorter. Chunks larger than the largest
/// request are split.
StreamMeasurement measure_stream(const DramConfig& dram, StreamKind kind, std::int64_t bytes,
                                 std::int64_t chunk_bytes, const StreamProgress& on_progress = {});

}  // namespace tilewake
