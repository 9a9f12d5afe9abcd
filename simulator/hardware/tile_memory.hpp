// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tilewake {

class YamlFields;

/// A memory between DRAM and the buffers of tiles, in which whole feature maps stay from the layer
/// that computes them to the last one that reads them, and weights from one inference to the next.
struct FeatureMemory {
  std::int64_t bytes = 0;             // 0: there is none
  std::int64_t bytes_per_cycle = 64;  // of its port, for reads and writes together
  bool keeps_weights = false;
};

/// Its fields; all have defaults.
void visit_fields(YamlFields& fields, FeatureMemory& m);

/// On-chip memory of a core that works tile by tile, as input of a mapper.
struct TileMemory {
  struct Buffer {
    std::int64_t bytes = 0;      // of one slot; 0: its slots are in `shared_bytes`
    std::int64_t num_slots = 1;  // 2: the next tile is loaded while this one is used
  };
  Buffer input;                   // features
  Buffer weight;                  // weights and biases
  Buffer output;                  // outputs, partial sums, second operands of element-wise layers
  std::int64_t shared_bytes = 0;  // one memory for the slots of all buffers without own bytes
  std::int64_t accumulator_bytes = 4;  // of a partial sum, and of a bias
  FeatureMemory features = {};
  std::int64_t element_bytes = 1;  // of a feature, and of a weight

  /// The memories of the input, weight and output buffer, numbered in this order; buffers that
  /// share one have the same number.
  std::array<std::size_t, 3> memory_of_buffer() const;
};

}  // namespace tilewake
