// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiling_estimate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

/// Whether `loop` encloses a loop of `tiling` that has several tiles and is one of `indexed`: then
/// the operand with these indices is revisited each time.
bool surrounds(const Tiling& tiling, const LoopCuts& cuts, TileLoop loop,
               std::initializer_list<TileLoop> indexed) {
  bool inside = false;
  for (const TileLoop l : tiling.order) {
    if (l == loop) {
      inside = true;
    } else if (inside && cuts.of(l).trips() > 1 &&
               std::find(indexed.begin(), indexed.end(), l) != indexed.end()) {
      return true;
    }
  }
  return false;
}

/// Whether partial sums are revisited after other tiles were computed.
bool revisits_sums(const Tiling& tiling, const LoopCuts& cuts) {
  return cuts.depth.trips() > 1 &&
         surrounds(tiling, cuts, TileLoop::kDepth, {TileLoop::kPixels, TileLoop::kOutputs});
}

/// Tiles of one loop with equal time.
struct TileClass {
  std::int64_t size = 0;
  std::int64_t count = 0;
  // The stationary operand equals that of the previous or of the next tile.
  bool continues = false;
  bool stays = false;
  bool last = false;  // of the loop
};

/// First, middle and last tiles of a loop, as far as they exist.
struct TileClasses {
  std::array<TileClass, 3> classes;
  std::size_t size = 0;

  const TileClass* begin() const { return classes.data(); }
  const TileClass* end() const { return classes.data() + size; }
  const TileClass& front() const { return classes[0]; }
  const TileClass& back() const { return classes[size - 1]; }
};

TileClasses classes_of(const LoopCut& cut, bool stays) {
  const std::int64_t trips = cut.trips();
  TileClasses all;
  if (trips > 1) all.classes[all.size++] = {cut.tile, 1, false, stays, false};
  if (trips > 2) all.classes[all.size++] = {cut.tile, trips - 2, stays, stays, false};
  all.classes[all.size++] = {cut.last(), 1, stays && trips > 1, false, true};
  return all;
}

/// Whether the stationary operand stays for the tiles of `loop`: the innermost one with several
/// tiles, if the operand does not depend on it.
bool stays_for(TileLoop loop, const Tiling& tiling, const LoopCuts& cuts, Stationary stationary) {
  const TileLoop free_loop = stationary == Stationary::kInput    ? TileLoop::kOutputs
                             : stationary == Stationary::kWeight ? TileLoop::kPixels
                                                                 : TileLoop::kDepth;
  if (stationary == Stationary::kNone || loop != free_loop) return false;
  for (std::size_t i = 3; i-- > 0;)
    if (cuts.of(tiling.order[i]).trips() > 1) return tiling.order[i] == loop;
  return false;
}

}  // namespace

LoopCut cut_pixels(const TileProblem& problem, std::int64_t tile) {
  LoopCut cut{problem.extent().pixels, tile};
  for (std::int64_t begin = 0; begin < cut.whole; begin += tile) {
    const std::int64_t elements =
        problem.input_elements({begin, std::min(begin + tile, cut.whole)});
    cut.largest_input = std::max(cut.largest_input, elements);
    cut.sum_of_inputs += elements;
  }
  return cut;
}

LoopCut cut_depth(const TileProblem& problem, std::int64_t tile) {
  LoopCut cut{problem.extent().depth, tile};
  for (std::int64_t begin = 0; begin < cut.whole; begin += tile) {
    const std::int64_t channels =
        problem.input_channels({0, 1}, {begin, std::min(begin + tile, cut.whole)});
    cut.largest_input = std::max(cut.largest_input, channels);
    cut.sum_of_inputs += channels;
  }
  return cut;
}

LoopCut cut_outputs(const TileProblem& problem, std::int64_t tile) {
  return {problem.extent().outputs, tile};
}

LoopCuts cuts_of(const TileProblem& problem, const TileExtent& tile) {
  return {tile.groups, cut_pixels(problem, tile.pixels), cut_outputs(problem, tile.outputs),
          cut_depth(problem, tile.depth)};
}

TileFootprint footprint_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                           const StepCost& cost, std::int64_t accumulator_bytes) {
  const TileExtent tile = cuts.tile();
  TileFootprint footprint;
  footprint.input = cuts.pixels.largest_input * cuts.depth.largest_input * tile.groups;
  if (problem.has_weights())
    footprint.weight = tile.groups * tile.outputs * (tile.depth + problem.bias_bytes());
  const bool sums = cuts.depth.trips() > 1 || cost.accumulates(problem, tile);
  std::int64_t outputs = tile.num_outputs();
  std::int64_t seconds = 1;  // second operands on chip at a time
  if (tiling.keeps_sums && revisits_sums(tiling, cuts)) {
    seconds = 2;  // the next step's is loaded into the same slot
    for (std::size_t i = 3; i-- > 0 && tiling.order[i] != TileLoop::kDepth;) {
      const LoopCut& cut = cuts.of(tiling.order[i]);
      outputs = outputs / cut.tile * cut.whole;
    }
  }
  const TileBlock block{{0, tile.groups}, {0, tile.pixels}, {0, tile.outputs}, {0, tile.depth}};
  footprint.output =
      outputs * (sums ? accumulator_bytes : 1) + seconds * problem.second_bytes(block);
  return footprint;
}

TilingTraffic traffic_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                         std::int64_t accumulator_bytes) {
  const auto times = [&](TileLoop loop, std::initializer_list<TileLoop> indexed) {
    return surrounds(tiling, cuts, loop, indexed) ? static_cast<double>(cuts.of(loop).trips())
                                                  : 1.0;
  };
  const TileExtent& whole = problem.extent();
  const auto groups = static_cast<double>(whole.groups);
  TilingTraffic traffic;
  traffic.input_bytes = groups * static_cast<double>(cuts.pixels.sum_of_inputs) *
                        static_cast<double>(cuts.depth.sum_of_inputs) *
                        times(TileLoop::kOutputs, {TileLoop::kPixels, TileLoop::kDepth});
  if (problem.has_weights())
    traffic.weight_bytes = groups * static_cast<double>(whole.outputs) *
                           static_cast<double>(whole.depth + problem.bias_bytes()) *
                           times(TileLoop::kPixels, {TileLoop::kOutputs, TileLoop::kDepth});
  traffic.output_bytes = static_cast<double>(whole.num_outputs());
  if (!tiling.keeps_sums && revisits_sums(tiling, cuts))
    traffic.spilled_bytes = 2.0 * static_cast<double>(cuts.depth.trips() - 1) *
                            traffic.output_bytes * static_cast<double>(accumulator_bytes);
  const TileBlock all{{0, whole.groups}, {0, whole.pixels}, {0, whole.outputs}, {0, whole.depth}};
  const bool by_channel = problem.second_bytes(all) < whole.num_outputs();
  traffic.second_bytes = static_cast<double>(problem.second_bytes(all)) *
                         (by_channel ? static_cast<double>(cuts.pixels.trips()) : 1.0);
  return traffic;
}

std::int64_t compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                               const Tiling& tiling, const StepCost& cost) {
  const Stationary stationary = cost.stationary(problem);
  const auto classes = [&](TileLoop loop) {
    return classes_of(cuts.of(loop), stays_for(loop, tiling, cuts, stationary));
  };
  const LoopCut groups{problem.extent().groups, cuts.groups};
  const TileClasses group_classes = classes_of(groups, false);
  const TileClasses pixel_classes = classes(TileLoop::kPixels);
  const TileClasses output_classes = classes(TileLoop::kOutputs);
  const TileClasses depth_classes = classes(TileLoop::kDepth);
  std::int64_t sum = 0;
  double rounded = 0.0;  // the same, without overflow
  for (const TileClass& g : group_classes)
    for (const TileClass& p : pixel_classes)
      for (const TileClass& o : output_classes)
        for (const TileClass& d : depth_classes) {
          const TileContext context{false, false, p.continues || o.continues || d.continues, d.last,
                                    p.stays || o.stays || d.stays};
          const std::int64_t count = g.count * p.count * o.count * d.count;
          const std::int64_t cycles =
              cost.cycles(problem, {g.size, p.size, o.size, d.size}, context);
          rounded += static_cast<double>(count) * static_cast<double>(cycles);
          if (rounded > static_cast<double>(kMaxTiledCycles)) return kMaxTiledCycles;
          sum += count * cycles;
        }
  if (cuts.tile() == problem.extent())
    return cost.cycles(problem, cuts.tile(), {true, true, false, true, false});
  // The first and the last step differ from the others.
  const auto add = [&](const TileExtent& extent, TileContext context, bool first) {
    sum -= cost.cycles(problem, extent, context);
    (first ? context.first : context.last) = true;
    sum += cost.cycles(problem, extent, context);
  };
  const bool head_stays =
      pixel_classes.front().stays || output_classes.front().stays || depth_classes.front().stays;
  add(cuts.tile(), {false, false, false, cuts.depth.trips() == 1, head_stays}, true);
  const bool tail_continues = pixel_classes.back().continues || output_classes.back().continues ||
                              depth_classes.back().continues;
  add({groups.last(), cuts.pixels.last(), cuts.outputs.last(), cuts.depth.last()},
      {false, false, tail_continues, true, false}, false);
  return sum;
}

double estimated_cycles(const TileProblem& problem, const LoopCuts& cuts,
                        const TilingTraffic& traffic, std::int64_t compute_cycles,
                        const TileMemory& memory, const DramEstimate& dram) {
  const TileExtent tile = cuts.tile();
  const auto first_bytes =
      static_cast<double>(cuts.pixels.largest_input * cuts.depth.largest_input * tile.groups +
                          (problem.has_weights() ? tile.groups * tile.outputs * tile.depth : 0));
  const auto last_bytes = static_cast<double>(tile.num_outputs());
  double waited_for = 0.0;
  if (memory.input.num_slots == 1) waited_for += traffic.input_bytes;
  if (memory.weight.num_slots == 1) waited_for += traffic.weight_bytes;
  if (memory.output.num_slots == 1) waited_for += traffic.output_bytes + traffic.second_bytes;
  const double bandwidth = dram.bytes_per_cycle();
  const double rest = std::max(0.0, traffic.total() - first_bytes - last_bytes);
  return 2.0 * dram.latency_cycles(1) + (first_bytes + last_bytes) / bandwidth +
         std::max(static_cast<double>(compute_cycles) + waited_for / bandwidth, rest / bandwidth);
}

}  // namespace tilewake
