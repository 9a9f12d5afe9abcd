// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "simulator/hardware/activation_operations.hpp"
#include "simulator/hardware/tile_memory.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/tiled/tiling_memory.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A core kind, described for the tiled mapper.
struct TiledMachine {
  TileMemory memory;
  std::shared_ptr<const StepCost> cost;
  bool fuse_elementwise = false;
  DramEstimate dram;
  ActivationOperations activation_operations = {};
  DispatchConfig dispatch = {};
  std::shared_ptr<TilingMemory> tilings = std::make_shared<TilingMemory>();  // of this machine
};

/// Bytes of a layer's weights and biases in DRAM; none if they are those of another layer.
std::int64_t stored_weight_bytes(const Layer& layer, const TileMemory& memory);

/// Maps layers in network order, each tiled by the Tiler; all tensors are in DRAM.
///
/// - add and mul are fused into the layer that computes their first or second operand, if the
///   machine fuses, and that operand is as large as the result, has no other reader, and is
///   computed after the other operand.
/// - A concat takes no time: its inputs are stored in place. An input that is stored elsewhere (the
///   network input, or an input of another concat) is copied tile by tile, unless all inputs
///   of the concat are parts of one tensor in order.
/// - A channel_split takes no time: it is a part of its input's tensor. A channel_shuffle copies
/// all
///   channels; the planes that it scatters are moved as one stream, like the rows of a tile.
///
/// A batch on a machine whose feature maps stay on chip is computed in equal parts, one after
/// another, if that takes less time by the estimates of the layers: the maps of a part fit, those
/// of all images need not.
///
/// Throws InputError naming the layer and the buffer that is too small, or the layer up to which
/// the steps exceed the bound.
Program map_tiled(const Network& network, const TiledMachine& machine,
                  const MappingOptions& options = {});

}  // namespace tilewake
