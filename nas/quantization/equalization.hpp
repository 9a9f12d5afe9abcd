// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/export/layer_weights.hpp"
#include "nas/quantization/map_statistics.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Weights of the same function whose maps have channels of more equal size: where a convolution,
/// with relu or without activation, is read by one other convolution only, a channel between them
/// is divided by a factor in the first and multiplied by it in the second. After a depthwise or
/// pointwise convolution with large and small channels, 8 bits resolve the small ones.
///
/// Factors: with m the channel's largest magnitude in `statistics` and w that of the weights that
/// read it, sqrt(m / w), which makes both sqrt(m w) (Nagel et al., "Data-Free Quantization Through
/// Weight Equalization and Bias Correction", ICCV 2019, with measured magnitudes in place of those
/// of the first weights); before a depthwise convolution m, since each of its channels has its own
/// scale. Relative to the others of the map, factors are from 1/64 to 64.
LayerWeights equalized_weights(const Network& network, const LayerWeights& weights,
                               const MapStatistics& statistics);

}  // namespace tilewake
