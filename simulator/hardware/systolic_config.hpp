// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "simulator/hardware/activation_operations.hpp"
#include "simulator/hardware/element_type.hpp"
#include "simulator/hardware/tile_memory.hpp"

namespace tilewake {

class YamlFields;

/// The operand that stays in the processing elements while the others stream.
enum class Dataflow { kOutputStationary, kWeightStationary, kInputStationary };

/// A buffer of a systolic array: two slots alternate between DMA and array.
struct SystolicBuffer {
  std::int64_t bytes = 0;  // of one slot; 0: its slots are in the unified buffer
  std::int64_t num_slots = 2;
  std::int64_t num_banks = 0;
  std::int64_t port_bytes = 0;  // bytes per cycle of one bank

  std::int64_t bytes_per_cycle() const { return num_banks * port_bytes; }
};

/// A rows x cols array of MACs that computes convolutions as matrix products, with a vector unit
/// for everything else; or several such cores that divide the tiles of a layer.
struct SystolicConfig {
  ElementType element = ElementType::kInt8;  // of features, weights and products
  std::int64_t num_cores = 1;  // each with all of the following, but one feature memory
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  Dataflow dataflow = Dataflow::kOutputStationary;
  bool overlap_folds = true;         // the next fold is loaded while this one streams
  std::int64_t fold_cycles = 0;      // of each fold, besides the cycles of the array
  bool depthwise_on_vector = false;  // otherwise on the array, one column per channel
  SystolicBuffer input;
  SystolicBuffer weight;
  SystolicBuffer output;
  std::int64_t unified_buffer_bytes = 0;  // for the slots of all buffers without own bytes
  std::int64_t accumulator_bytes = 4;     // of a partial sum in the output buffer
  std::int64_t vector_lanes = 0;          // operations per cycle of the vector unit
  bool fuse_elementwise = true;  // fuse add and mul into the layer that computes their operand
  ActivationOperations activation_operations;
  FeatureMemory feature_memory;

  /// Of the arrays, or of the vector units if their depthwise lanes exceed the MACs of the arrays.
  std::int64_t peak_macs_per_cycle() const {
    return num_cores * (depthwise_on_vector ? std::max(rows * cols, vector_lanes) : rows * cols);
  }
  TileMemory tile_memory() const;
};

/// Fields of a `core:` section of kind systolic. No rules between them.
void visit_fields(YamlFields& fields, SystolicConfig& c);

/// The name in machine files: "weight_stationary".
std::string_view to_string(Dataflow dataflow);

}  // namespace tilewake
