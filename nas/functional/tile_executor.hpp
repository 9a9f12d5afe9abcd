// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "nas/quantization/integer_executor.hpp"
#include "nas/quantization/quantized_network.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/tiled/tiled_graph.hpp"

namespace tilewake {

/// What a functional simulation moved and computed for one image, counted while it did so.
struct TileCounts {
  std::int64_t steps = 0;
  std::int64_t products = 0;       // of inputs and weights, those in the padding included
  std::int64_t feature_bytes = 0;  // read into the input and output buffers, partial sums included
  std::int64_t weight_bytes = 0;   // with biases
  std::int64_t written_bytes = 0;  // partial sums included

  friend bool operator==(const TileCounts&, const TileCounts&) = default;
};

/// The outputs of one image.
struct TileResult {
  /// By layer of the network, rows x columns x channels; empty where the machine does not store it:
  /// layers whose add or mul is fused into them.
  std::vector<IntegerMap> maps;
  std::vector<TileCounts> counts;  // by layer of TiledProgram
};

/// Functional simulation: runs a quantized network as a machine with tiles does it. The program's
/// steps are executed in their order, each on what the buffers hold then: the rectangle of the
/// input that was loaded, the tile of weights, the partial sums of the open part of the output
/// buffer. Maps are bytes in memories, at the addresses of the program. Several cores compute their
/// shares of a tile. README.md lists what is checked.
class TileExecutor {
 public:
  /// The steps of a layer, in order. For tests, which change them.
  using StepsOf = std::function<std::vector<TileStep>(int tiled_layer)>;

  /// Maps the network to the machine. Throws InputError if that fails, as check_quantizable(), and
  /// for machines of the kind midap.
  TileExecutor(const QuantizedNetwork& quantized, const HardwareConfig& hardware);

  /// Executes `program`, which is one of the same network. Elementwise layers are fused as
  /// `fuses_elementwise` says.
  TileExecutor(QuantizedNetwork quantized, Program program, bool fuses_elementwise);

  /// Executes the program on one normalised image (rows x columns x channels). Throws
  /// std::logic_error, naming the layer, where the program is wrong: see README.md. Throws
  /// InputError naming the layer where a partial sum does not fit in the machine's accumulators.
  TileResult run(std::span<const float> image, const StepsOf& steps_of = {}) const;

  const IntegerExecutor& reference() const { return reference_; }
  const Program& program() const { return program_; }
  const TiledProgram& tiled() const { return std::get<TiledProgram>(program_.core); }

 private:
  friend class TileExecution;

  /// 256 values: from a byte in memory to the same number in the scale of a map.
  using Conversion = std::vector<std::uint8_t>;

  /// What a TiledLayer computes.
  struct Role {
    int layer = -1;       // of the network; of copies, the concat
    int input = 0;        // the map that it reads, a layer or kNetworkInput
    int input_place = 0;  // of it in the layer's inputs
    int fused = -1;       // the add or mul that is fused into it; -1: none
    int second = -2;      // the map that is its second operand, or the fused layer's; -2: none
    bool is_copy = false;
  };

  void find_roles();
  Role role_of(int layer) const;
  void find_conversions();
  void find_base();
  std::int64_t graph_address(const Role& role) const;
  const Layer& layer(int index) const {
    return reference_.quantized().network.layers[static_cast<std::size_t>(index)];
  }
  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }
  /// nullptr: the byte is the number.
  const Conversion* conversion(int map, std::int64_t channel) const;

  IntegerExecutor reference_;
  Program program_;
  TiledGraph graph_;
  std::int64_t base_ = 0;    // added to the addresses of graph_
  std::vector<Role> roles_;  // by layer of TiledProgram
  // By layer of the network and channel; no channels: none is converted.
  std::vector<std::vector<std::shared_ptr<const Conversion>>> conversions_;
};

}  // namespace tilewake
