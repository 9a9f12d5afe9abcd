// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "simulator/hardware/activation_operations.hpp"
#include "simulator/hardware/element_type.hpp"
#include "simulator/hardware/tile_memory.hpp"

namespace tilewake {

class YamlFields;

/// The dimension that the lanes of a convolution cover.
enum class LaneAxis { kChannels, kPixels };

/// A DSP, vision processor or CPU with SIMD: cores of `lanes` accumulators, each of which adds
/// `dot_length` products per cycle, that run a layer as loops over a shared local memory.
struct VectorConfig {
  ElementType element = ElementType::kInt8;  // of features, weights and products
  std::int64_t num_cores = 1;
  std::int64_t lanes = 0;       // accumulators of one core
  std::int64_t dot_length = 1;  // products along the input channels per accumulator and cycle
  LaneAxis lane_axis = LaneAxis::kChannels;
  std::int64_t local_memory_bytes = 0;  // shared by all cores
  std::int64_t num_slots = 2;           // 2: the next tile is loaded while this one is used
  std::int64_t accumulator_bytes = 4;   // of a spilled partial sum
  bool fuse_elementwise = true;  // fuse add and mul into the layer that computes their operand
  ActivationOperations activation_operations;
  FeatureMemory feature_memory;

  /// Share of cycles in which an instruction of the inner loop computes (the others are loads,
  /// address arithmetic, dependences).
  struct Efficiency {
    double conv2d = 0.8;  // these are assumed, as in `cpu_like`
    double depthwise_conv2d = 0.5;
    double fully_connected = 0.5;
    double pool = 0.5;
    double elementwise = 0.4;
  };
  Efficiency efficiency;

  /// Of the inner loops of these convolutions, relative to others of the same efficiency.
  struct RelativeSpeed {
    double pointwise_conv2d = 1.0;  // 1 x 1
    double grouped_conv2d = 1.0;
    friend bool operator==(const RelativeSpeed&, const RelativeSpeed&) = default;
  };
  RelativeSpeed relative_speed;

  /// Minimal filtering of 3 x 3 convolutions (Winograd).
  struct Winograd {
    double speedup = 1.0;           // of the inner loops; 1: direct
    std::int64_t min_channels = 1;  // of input and output
  };
  Winograd winograd;
  std::int64_t loop_cycles = 4;     // per inner loop: set-up, and storing the result vector
  std::int64_t issue_cycles = 200;  // per tile: descriptors, starting the cores, waiting for all

  std::int64_t peak_macs_per_cycle() const { return num_cores * lanes * dot_length; }
  TileMemory tile_memory() const;
};

/// Fields of a `core:` section of kind vector. No rules between them.
void visit_fields(YamlFields& fields, VectorConfig& c);

/// The name in machine files: "channels".
std::string_view to_string(LaneAxis axis);

}  // namespace tilewake
