// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tile_walk.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tilewake {
namespace {

constexpr const char* kLoopNames[] = {"pixels", "outputs", "depth"};
constexpr const char* kDividedLoops[] = {"groups", "pixels", "outputs"};

std::string text_of(const TileExtent& e) {
  return fmt::format("{}x{}x{}x{}", e.groups, e.pixels, e.outputs, e.depth);
}

}  // namespace

TileWalk::TileWalk(const TileProblem& problem, const Tiling& tiling, Stationary stationary)
    : tiling_(tiling),
      stationary_(stationary),
      groups_(LoopCut::even(problem.extent().groups, tiling.tile.groups)),
      cuts_({problem.cut_pixels(tiling.pixels, tiling.tile.pixels),
             LoopCut::even(problem.extent().outputs, tiling.tile.outputs),
             LoopCut::even(problem.extent().depth, tiling.tile.depth)}) {
  for (std::size_t i = 0; i < cuts_.size(); ++i) trips_[i] = cuts_[i].trips();
  step_.block.order = tiling.pixels;
  following_ = position_;
  has_following_ = advance(following_);
  describe();
}

std::int64_t TileWalk::num_steps() const {
  return groups_.trips() * trips_[0] * trips_[1] * trips_[2];
}

void TileWalk::next() {
  if (!has_following_) {
    done_ = true;
    return;
  }
  previous_ = position_;
  has_previous_ = true;
  position_ = following_;
  has_following_ = advance(following_);
  describe();
}

bool TileWalk::advance(Position& position) const {
  for (std::size_t i = 3; i-- > 0;) {
    const TileLoop loop = tiling_.order[i];
    std::int64_t& tile = position.tile[static_cast<std::size_t>(loop)];
    if (++tile < trips(loop)) return true;
    tile = 0;
  }
  return ++position.group < groups_.trips();
}

/// Computes the ranges of the loops that have moved.
void TileWalk::update_block() {
  const auto update = [&](TileLoop loop, TileRange& range) {
    if (!has_previous_ || at(position_, loop) != at(previous_, loop))
      range = cut(loop).range(at(position_, loop));
  };
  TileBlock& block = step_.block;
  if (!has_previous_ || position_.group != previous_.group)
    block.groups = groups_.range(position_.group);
  update(TileLoop::kPixels, block.pixels);
  update(TileLoop::kOutputs, block.outputs);
  update(TileLoop::kDepth, block.depth);
}

bool TileWalk::same_input(const Position& a, const Position& b) const {
  return a.group == b.group && at(a, TileLoop::kPixels) == at(b, TileLoop::kPixels) &&
         at(a, TileLoop::kDepth) == at(b, TileLoop::kDepth);
}

bool TileWalk::same_weights(const Position& a, const Position& b) const {
  return a.group == b.group && at(a, TileLoop::kOutputs) == at(b, TileLoop::kOutputs) &&
         at(a, TileLoop::kDepth) == at(b, TileLoop::kDepth);
}

bool TileWalk::same_tile_of_outputs(const Position& a, const Position& b) const {
  return a.group == b.group && at(a, TileLoop::kPixels) == at(b, TileLoop::kPixels) &&
         at(a, TileLoop::kOutputs) == at(b, TileLoop::kOutputs);
}

bool TileWalk::same_outputs_in_buffer(const Position& a, const Position& b) const {
  if (!tiling_.keeps_sums || trips(TileLoop::kDepth) == 1) return same_tile_of_outputs(a, b);
  if (a.group != b.group) return false;
  for (const TileLoop loop : tiling_.order) {
    if (loop == TileLoop::kDepth) break;
    if (at(a, loop) != at(b, loop)) return false;
  }
  return true;
}

/// What a step loads, opens and continues is what the previous one frees, closes and keeps.
void TileWalk::describe() {
  const std::int64_t depth = at(position_, TileLoop::kDepth);
  const bool ends_depth = depth + 1 == trips(TileLoop::kDepth);
  update_block();
  step_.loads_input = step_.frees_input;
  step_.loads_weights = step_.frees_weights;
  step_.opens_output = step_.closes_output;
  const bool continues = step_.context.stays;
  step_.frees_input = !has_following_ || !same_input(position_, following_);
  step_.frees_weights = !has_following_ || !same_weights(position_, following_);
  step_.closes_output = !has_following_ || !same_outputs_in_buffer(position_, following_);
  step_.loads_sums = step_.opens_output && depth > 0;
  step_.spills_sums = step_.closes_output && !ends_depth;
  step_.context = {!has_previous_,
                   !has_following_,
                   continues,
                   ends_depth,
                   has_following_ && stays(position_, following_),
                   tiling_.division};
}

bool TileWalk::stays(const Position& a, const Position& b) const {
  switch (stationary_) {
    case Stationary::kNone:
      return false;
    case Stationary::kInput:
      return same_input(a, b);
    case Stationary::kWeight:
      return same_weights(a, b);
    case Stationary::kOutput:
      return same_tile_of_outputs(a, b);
  }
  return false;
}

std::string to_string(const TileProblem& problem, const Tiling& tiling) {
  const TileExtent& tile = tiling.tile;
  std::string text = fmt::format("tile {} of {}", text_of(tile), text_of(problem.extent()));
  const Division& division = tiling.division;
  if (division.num_cores > 1)
    text += fmt::format(", {} divided by {} cores",
                        kDividedLoops[static_cast<std::size_t>(division.loop)], division.num_cores);
  if (tile == problem.extent()) return text;
  const PixelOrder& pixels = tiling.pixels;
  if (pixels.strip > 0)
    text += pixels.by_columns
                ? fmt::format(", {}x{} pixels", pixels.strip, tile.pixels / pixels.strip)
                : fmt::format(", {}x{} pixels", tile.pixels / pixels.strip, pixels.strip);
  else if (pixels.by_columns)
    text += ", pixels by columns";
  text += ", order";
  for (const TileLoop loop : tiling.order)
    text += fmt::format(" {}", kLoopNames[static_cast<std::size_t>(loop)]);
  if (!tiling.keeps_sums) text += ", partial sums through DRAM";
  return text;
}

}  // namespace tilewake
