// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// A part of a layer that runs as one TiledLayer, described as a layer for TileProblem.
struct LayerPart {
  /// What a part reads; -1 and below are no positions in `Layer::inputs`.
  static constexpr int kNothing = -1;
  static constexpr int kTable = -2;  // of an embedding, among the weights

  Layer layer;
  std::int64_t batch = 1;            // images in its pixels
  int input = 0;                     // position in `Layer::inputs`
  int second = -1;                   // of its second operand; -1: none
  int weights = -1;                  // of the map that it uses as weights; -1: none
  Steps reach = 0;                   // as TileProblem::set_reach
  std::int64_t biased_outputs = -1;  // as TileProblem::set_biased_outputs; -1: all
  std::int64_t output_offset = 0;    // elements from the beginning of the layer's output
  bool stores_nothing = false;
  Shape statistics;                // of the part before that it reads; without channels: none
  bool stores_statistics = false;  // not a part of the layer's output
  bool has_activation = true;
};

/// The parts of a layer, in order. Most have one, and are described by themselves.
///
/// - conv_transpose2d: no zeros are multiplied. The outputs whose rows and columns leave the same
///   residue when divided by the stride are a phase: a convolution of stride 1 with every n-th tap.
///   Phases of the same size and number of taps are one part, a convolution with an output for each
///   channel and phase. A divisible kernel makes one part, if none is cut by the padding. Outputs
///   that no tap reaches are written without reading. Biases are loaded with the first part.
/// - matmul: a convolution of 1x1 whose weights are the second operand; images are groups.
/// - group_norm, and softmax or layer_norm whose tiles do not hold a whole group
///   (`holds_groups` is false): a part that reads the map and writes two values for each sum, and
///   a part that reads both and writes the output.
/// - lrn whose tiles do not hold all channels: a window over channels, which are rows then.
/// - pad: padded channels are written without reading.
/// - host: a part that reads for each input, then one that writes the output.
/// - transpose, depth_to_space, space_to_depth, channel_shuffle: a copy as one stream.
/// - embedding: a copy from the table, and one element for each row's number.
///
/// @param inputs  shapes of the layer's inputs
std::vector<LayerPart> parts_of(const Layer& layer, const std::vector<Shape>& inputs,
                                std::int64_t batch, bool holds_groups);

}  // namespace tilewake
