// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "simulator/mapping/tiled/step_cost.hpp"
#include "simulator/mapping/tiled/tile_problem.hpp"

namespace tilewake {

enum class TileLoop { kPixels, kOutputs, kDepth };

/// A tiling: the size of a tile, and the order of the loops over the tiles. Groups are always the
/// outermost loop.
struct Tiling {
  TileExtent tile;
  std::array<TileLoop, 3> order = {TileLoop::kPixels, TileLoop::kOutputs,
                                   TileLoop::kDepth};  // outermost first
  /// Partial sums of all tiles in the loops inside depth stay in the output buffer; otherwise they
  /// are spilled to DRAM and read back. No effect if depth is not split.
  bool keeps_sums = true;
  PixelOrder pixels = {};  // in which tiles of pixels are consecutive
  Division division = {};  // of each tile among the cores
};

/// One step: its loads, its computation, and its store.
struct TileStep {
  TileBlock block;
  TileContext context;
  bool loads_input = true;  // features differ from those of the previous step
  bool loads_weights = true;
  bool loads_sums = false;   // spilled partial sums
  bool opens_output = true;  // allocates a new part of the output buffer
  bool closes_output = true;
  bool spills_sums = false;
  // Operands that the next step does not use: their slots are free after this step.
  bool frees_input = true;
  bool frees_weights = true;
};

/// Iterates over the steps of a layer in the order of its tiling, in constant memory.
class TileWalk {
 public:
  TileWalk(const TileProblem& problem, const Tiling& tiling, Stationary stationary);

  bool done() const { return done_; }
  const TileStep& step() const { return step_; }
  void next();

  /// Number of steps of the layer.
  std::int64_t num_steps() const;

 private:
  /// Position in the loop nest: the index of the tile in each loop.
  struct Position {
    std::int64_t group = 0;
    std::array<std::int64_t, 3> tile{};  // by TileLoop
    friend bool operator==(const Position&, const Position&) = default;
  };

  const LoopCut& cut(TileLoop loop) const { return cuts_[static_cast<std::size_t>(loop)]; }
  std::int64_t trips(TileLoop loop) const { return trips_[static_cast<std::size_t>(loop)]; }
  static std::int64_t at(const Position& position, TileLoop loop) {
    return position.tile[static_cast<std::size_t>(loop)];
  }
  bool advance(Position& position) const;
  void update_block();
  bool same_input(const Position& a, const Position& b) const;
  bool same_weights(const Position& a, const Position& b) const;
  bool same_tile_of_outputs(const Position& a, const Position& b) const;
  bool same_outputs_in_buffer(const Position& a, const Position& b) const;
  bool stays(const Position& a, const Position& b) const;
  void describe();

  Tiling tiling_;
  Stationary stationary_;
  LoopCut groups_;
  std::array<LoopCut, 3> cuts_;          // by TileLoop
  std::array<std::int64_t, 3> trips_{};  // by TileLoop
  Position previous_;
  Position position_;
  Position following_;
  bool has_previous_ = false;
  bool has_following_ = true;
  bool done_ = false;
  TileStep step_;
};

/// "tile 1x392x64x576 of 1x3136x256x576, order outputs pixels depth": the chosen tiling as text.
std::string to_string(const TileProblem& problem, const Tiling& tiling);

}  // namespace tilewake
