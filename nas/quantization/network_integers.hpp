// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "nas/quantization/map_statistics.hpp"
#include "nas/quantization/quantized_network.hpp"
#include "nas/quantization/value_range.hpp"

namespace tilewake {

/// The ranges of a network's maps.
struct MapRanges {
  ValueRange input;
  std::vector<ValueRange> linear;  // a layer, before its activation
  std::vector<ValueRange> output;
};

/// Of maps with the values of `statistics`; those of the input and of the logits by min-max.
MapRanges map_ranges(const Network& network, const MapStatistics& statistics, RangeMethod method);

/// The scales of a network's maps.
struct MapScales {
  MapQuantization input;
  std::vector<MapQuantization> linear;  // of a layer with a table; of others as `output`
  std::vector<MapQuantization> output;
};

/// Layers that pass numbers on keep the scale of their input; parts that only a concat reads have
/// the scale of the concat.
MapScales map_scales(const Network& network, const MapRanges& ranges);

/// The integers of `weights` with maps of these ranges. Throws InputError naming the layer where
/// scales differ by more than a fixed-point factor can hold.
QuantizedNetwork quantized_network(const Network& network, const LayerWeights& weights,
                                   const MapRanges& ranges);

/// Weights of a layer in integers, as in QuantizedLayer.
struct WeightIntegers {
  std::vector<std::int8_t> weight;
  std::vector<float> weight_scale;
  std::vector<std::int32_t> bias;
};

/// The same from the integers of the weights, one entry a layer. Throws InputError also where
/// layers that pass numbers on change their scale, or integers are not as README.md specifies.
QuantizedNetwork quantized_network(const Network& network, const MapScales& scales,
                                   const std::vector<WeightIntegers>& weights);

/// A bias in an integer is at most this, so that it and all products fit into 32 bits.
inline constexpr std::int32_t kMaxQuantizedBias = 1 << 29;

}  // namespace tilewake
