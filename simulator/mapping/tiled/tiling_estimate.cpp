// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiling_estimate.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

/// Whether `loop` encloses a loop of `tiling` that has several tiles: then the operand that does
/// not depend on `loop` is revisited each time.
bool surrounds(const Tiling& tiling, const LoopCuts& cuts, TileLoop loop) {
  bool inside = false;
  for (const TileLoop l : tiling.order) {
    if (l == loop)
      inside = true;
    else if (inside && cuts.trips_of(l) > 1)
      return true;
  }
  return false;
}

/// Whether partial sums are revisited after other tiles were computed.
bool revisits_sums(const Tiling& tiling, const LoopCuts& cuts) {
  return cuts.trips.depth > 1 && surrounds(tiling, cuts, TileLoop::kDepth);
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

/// At most the first tile, those between, and the last one of a loop. Those between have up to four
/// sizes: of full strips, of their ends, of the last strip of an image, and of its end.
struct TileClasses {
  std::array<TileClass, 6> classes;
  std::size_t size = 0;

  const TileClass* begin() const { return classes.data(); }
  const TileClass* end() const { return classes.data() + size; }
};

/// @param trips     of the cut
/// @param stays     the stationary operand stays from tile to tile: first and last tile differ
/// @param is_depth  the last tile differs: it completes the sums
TileClasses classes_of(const LoopCut& cut, std::int64_t trips, bool stays, bool is_depth) {
  if (!stays && cut.strip == cut.whole) {  // tiles of one size, and the last one
    const std::int64_t last = cut.whole - (trips - 1) * cut.tile;
    if (last == cut.tile && !is_depth) return {{{{cut.tile, trips, false, false, false}}}, 1};
    if (trips == 1) return {{{{last, 1, false, false, is_depth}}}, 1};
    return {{{{cut.tile, trips - 1, false, false, false}, {last, 1, false, false, is_depth}}}, 2};
  }
  const std::int64_t strips = cut.num_strips();
  const std::int64_t per_strip = cut.tiles_per_strip();
  const bool has_first = stays && trips > 1;
  const bool has_last = stays || is_depth;
  std::array<TileClass, 4> between = {
      TileClass{cut.tile, cut.images * (strips - 1) * (per_strip - 1), stays, stays, false},
      TileClass{cut.end_of_strip(), cut.images * (strips - 1), stays, stays, false},
      TileClass{cut.last_tile, cut.images * (per_strip - 1), stays, stays, false},
      TileClass{cut.last(), cut.images - (has_last ? 1 : 0), stays, stays, false}};
  TileClasses all;
  if (has_first) {
    // A strip of one tile is its own end, and an image of one tile the end of its strip.
    const std::size_t first = strips > 1 ? (per_strip > 1 ? 0 : 1) : (per_strip > 1 ? 2 : 3);
    --between[first].count;
    all.classes[all.size++] = {between[first].size, 1, false, stays, false};
  }
  const std::size_t begin = all.size;
  for (const TileClass& c : between) {
    if (c.count == 0) continue;
    std::size_t same = begin;
    while (same < all.size && all.classes[same].size != c.size) ++same;
    if (same < all.size)
      all.classes[same].count += c.count;
    else
      all.classes[all.size++] = c;
  }
  if (has_last) all.classes[all.size++] = {cut.last(), 1, has_first, false, true};
  return all;
}

/// The loop that the stationary operand does not depend on.
TileLoop free_loop_of(Stationary stationary) {
  return stationary == Stationary::kInput    ? TileLoop::kOutputs
         : stationary == Stationary::kWeight ? TileLoop::kPixels
                                             : TileLoop::kDepth;
}

}  // namespace

namespace {

/// What `cut` loads of one channel for some taps of the window.
InputTotals pixel_totals(const TileProblem& problem, const PixelOrder& order, const LoopCut& cut,
                         const MapBox& taps) {
  InputTotals totals;
  if (!problem.has_window()) return {cut.tile, static_cast<double>(cut.whole)};
  const auto images = static_cast<double>(problem.batch());
  if (cut.tile >= problem.image_pixels()) {  // whole images
    const MapBox all = problem.pixel_box(order, {0, cut.tile});
    return {problem.kept_elements(order, {0, cut.tile}, taps),
            images * static_cast<double>(problem.input_box(all, taps).size())};
  }
  const Shape& map = problem.ofm();
  const std::int64_t line = order.by_columns ? map.height : map.width;
  const std::int64_t lines = order.by_columns ? map.width : map.height;
  const std::int64_t strip = order.strip == 0 ? line : std::min(order.strip, line);
  if (cut.tile % strip != 0) {  // tiles that end within a line
    for (std::int64_t i = 0; i < cut.tiles_per_image(); ++i) {
      const MapBox pixels = problem.pixel_box(order, cut.range(i));
      totals.largest = std::max(totals.largest, problem.kept_elements(order, cut.range(i), taps));
      totals.sum += images * static_cast<double>(problem.input_box(pixels, taps).size());
    }
    return totals;
  }
  const auto sizes = [&](std::int64_t whole, std::int64_t tile, bool of_columns) {
    InputTotals all;
    const std::int64_t num_taps = of_columns ? taps.columns.size() : taps.rows.size();
    const std::int64_t reach = of_columns ? problem.reach().width : problem.reach().height;
    for (std::int64_t begin = 0; begin < whole; begin += tile) {
      const TileRange range{begin, std::min(begin + tile, whole)};
      const std::int64_t size = of_columns ? problem.input_columns(range, taps.columns).size()
                                           : problem.input_rows(range, taps.rows).size();
      all.largest = std::max(all.largest, problem.kept_lines(size, range.size(), num_taps, reach));
      all.sum += static_cast<double>(size);
    }
    return all;
  };
  const InputTotals across = sizes(lines, cut.tile / strip, order.by_columns);
  const InputTotals along = sizes(line, strip, !order.by_columns);
  return {across.largest * along.largest, images * across.sum * along.sum};
}

/// What `cut` loads of one channel of the second operand.
InputTotals second_totals(const TileProblem& problem, const PixelOrder& order, const LoopCut& cut) {
  if (!problem.has_second()) return {};
  if (problem.second_is_map()) return {cut.tile, static_cast<double>(cut.whole)};
  const auto images = static_cast<double>(problem.batch());
  if (cut.tile >= problem.image_pixels())
    return {
        problem.second_elements(order, {0, cut.tile}),
        images * static_cast<double>(problem.second_elements(order, {0, problem.image_pixels()}))};
  InputTotals totals;
  for (std::int64_t i = 0; i < cut.tiles_per_image(); ++i) {
    const std::int64_t size = problem.second_elements(order, cut.range(i));
    totals.largest = std::max(totals.largest, size);
    totals.sum += images * static_cast<double>(size);
  }
  return totals;
}

/// What all tiles load of the channels of the second operand.
double second_channels(const TileProblem& problem, const LoopCuts& cuts) {
  const LoopCut groups = LoopCut::even(problem.extent().groups, cuts.groups);
  const auto of_tiles = [&](std::int64_t of_group, std::int64_t num_groups) {
    return static_cast<double>(num_groups) *
           (static_cast<double>(cuts.trips.outputs - 1) *
                static_cast<double>(problem.second_channels(of_group * cuts.outputs.tile)) +
            static_cast<double>(problem.second_channels(of_group * cuts.outputs.last())));
  };
  return of_tiles(groups.tile, cuts.trips.groups - 1) + of_tiles(groups.last(), 1);
}

}  // namespace

PixelCut cut_pixels(const TileProblem& problem, const PixelOrder& order, std::int64_t tile) {
  const LoopCut cut = problem.cut_pixels(order, tile);
  const TileRange whole_window{0, problem.taps()};
  return {order, cut, pixel_totals(problem, order, cut, problem.tap_box(whole_window)),
          second_totals(problem, order, cut)};
}

/// A channel counts in every tile that it is in. Tiles that start at the same tap of a window have
/// as many channels, so all sizes are among the first tiles up to the first one that starts a
/// window.
DepthCut cut_depth(const TileProblem& problem, std::int64_t tile) {
  DepthCut depth{LoopCut::even(problem.extent().depth, tile), {}};
  const std::int64_t trips = depth.cut.trips();
  const auto channels_of = [&](std::int64_t i) {
    return problem.input_channels({0, 1}, depth.cut.range(i));
  };
  const std::int64_t window = problem.taps();
  const std::int64_t period = window / std::gcd(window, tile);
  for (std::int64_t i = 0; i < std::min(trips - 1, period); ++i)
    depth.input.largest = std::max(depth.input.largest, channels_of(i));
  depth.input.largest = std::max(depth.input.largest, channels_of(trips - 1));
  const std::int64_t channels = problem.input_channels({0, 1}, {0, depth.cut.whole});
  const std::int64_t ends_within_window = trips - 1 - (trips - 1) / period;
  depth.input.sum = static_cast<double>(channels + ends_within_window);
  return depth;
}

double cuts_work(const TileProblem& problem, const PixelCut& pixels, const DepthCut& depth) {
  const LoopCut& cut = pixels.cut;
  if (!problem.has_window() || cut.tile >= problem.image_pixels()) return 1.0;
  const Shape& map = problem.ofm();
  const std::int64_t line = pixels.order.by_columns ? map.height : map.width;
  const std::int64_t lines = pixels.order.by_columns ? map.width : map.height;
  const std::int64_t strip = pixels.order.strip == 0 ? line : std::min(pixels.order.strip, line);
  const std::int64_t sizes = cut.tile % strip != 0
                                 ? cut.tiles_per_image()
                                 : ceil_div(lines, cut.tile / strip) + ceil_div(line, strip);
  const std::int64_t taps = problem.taps();
  std::int64_t times = 1;
  if (depth.cut.tile < taps)
    times += std::min(depth.cut.trips() - 1, taps / std::gcd(taps, depth.cut.tile));
  return static_cast<double>(sizes) * static_cast<double>(times);
}

LoopCuts::LoopCuts(const TileProblem& problem, std::int64_t tile_groups, const PixelCut& pixel_cut,
                   std::int64_t tile_outputs, const DepthCut& depth_cut)
    : groups(tile_groups),
      order(pixel_cut.order),
      pixels(pixel_cut.cut),
      outputs(LoopCut::even(problem.extent().outputs, tile_outputs)),
      depth(depth_cut.cut),
      depth_channels(depth_cut.input.largest) {
  input = {pixel_cut.input.largest * depth_cut.input.largest,
           pixel_cut.input.sum * depth_cut.input.sum};
  second = pixel_cut.second;
  trips = {ceil_div(problem.extent().groups, groups), pixels.trips(), outputs.trips(),
           depth.trips()};
  const std::int64_t taps = problem.taps();
  const auto of_tile = [&](std::int64_t tile) {
    const TileRange range = depth.range(tile);
    const auto channels = problem.input_channels({0, 1}, range);
    const InputTotals part = channels == 1
                                 ? pixel_totals(problem, order, pixels, problem.tap_box(range))
                                 : pixel_cut.input;
    return InputTotals{channels * part.largest, static_cast<double>(channels) * part.sum};
  };
  const std::int64_t num_full = trips.depth - 1;
  if (depth.tile >= taps) {
    // The last tile can be a part of the last channel's window.
    if (num_full > 0 && depth.last() < taps)
      input.sum += of_tile(num_full).sum - pixel_cut.input.sum;
    return;
  }
  // Tiles that start at the same tap of a window load as much; the last one can be smaller.
  const std::int64_t period = taps / std::gcd(taps, depth.tile);
  const InputTotals last = of_tile(num_full);
  input = last;
  for (std::int64_t i = 0; i < std::min(num_full, period); ++i) {
    const InputTotals part = of_tile(i);
    const std::int64_t times = num_full / period + (i < num_full % period ? 1 : 0);
    input.largest = std::max(input.largest, part.largest);
    input.sum += part.sum * static_cast<double>(times);
  }
}

LoopCuts cuts_of(const TileProblem& problem, const Tiling& tiling) {
  return {problem, tiling.tile.groups, cut_pixels(problem, tiling.pixels, tiling.tile.pixels),
          tiling.tile.outputs, cut_depth(problem, tiling.tile.depth)};
}

namespace {

/// Of one group, at most: a core's part of a tile of pixels can begin within a line.
std::int64_t kept_by_a_core(const TileProblem& problem, const LoopCuts& cuts, std::int64_t pixels) {
  if (pixels == cuts.pixels.tile) return cuts.input.largest;
  return std::min(cuts.input.largest,
                  cuts.depth_channels * problem.most_kept_elements(cuts.order, pixels));
}

}  // namespace

TileFootprint footprint_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                           const StepCost& cost, std::int64_t accumulator_bytes) {
  const Division& division = tiling.division;
  const TileExtent tile = division.share_of(cuts.tile());
  TileFootprint footprint;
  footprint.input =
      problem.element_bytes() * tile.groups * kept_by_a_core(problem, cuts, tile.pixels);
  if (problem.has_weights())
    footprint.weight =
        problem.weight_bytes({{0, tile.groups}, {0, 1}, {0, tile.outputs}, {0, tile.depth}});
  const bool sums = cuts.trips.depth > 1 || cost.accumulates(problem, tile);
  std::int64_t outputs = tile.num_outputs();
  std::int64_t seconds = 1;  // second operands on chip at a time
  if (tiling.keeps_sums && revisits_sums(tiling, cuts)) {
    seconds = 2;  // the next step's is loaded into the same slot
    for (std::size_t i = 3; i-- > 0 && tiling.order[i] != TileLoop::kDepth;) {
      const TileLoop loop = tiling.order[i];
      const LoopCut& cut = cuts.of(loop);
      const std::int64_t share = loop == TileLoop::kPixels ? tile.pixels : tile.outputs;
      outputs = outputs / share * std::min(cuts.trips_of(loop) * share, cut.whole);
    }
  }
  const std::int64_t second = problem.second_is_map() ? tile.pixels : cuts.second.largest;
  footprint.output = outputs * (sums ? accumulator_bytes : problem.element_bytes()) +
                     seconds * second * problem.second_channels(tile.groups * tile.outputs) *
                         problem.element_bytes();
  return footprint;
}

TileFootprint least_footprint(const TileProblem& problem, std::int64_t outputs, std::int64_t depth,
                              const StepCost& cost, std::int64_t accumulator_bytes) {
  const std::int64_t middle = problem.image_pixels() / 2;
  const TileExtent tile{1, 1, outputs, depth};
  const TileBlock block{{0, 1}, {middle, middle + 1}, {0, outputs}, {0, depth}, {}};
  TileFootprint footprint;
  footprint.input = problem.kept_bytes(block);
  if (problem.has_weights()) footprint.weight = problem.weight_bytes(block);
  const bool sums = depth < problem.extent().depth || cost.accumulates(problem, tile);
  footprint.output = outputs * (sums ? accumulator_bytes : problem.element_bytes());
  if (problem.has_second())
    footprint.output += problem.second_elements({}, block.pixels) *
                        problem.second_channels(outputs) * problem.element_bytes();
  return footprint;
}

TilingTraffic traffic_of(const TileProblem& problem, const LoopCuts& cuts, const Tiling& tiling,
                         std::int64_t accumulator_bytes) {
  const auto times = [&](TileLoop loop) {
    return surrounds(tiling, cuts, loop) ? static_cast<double>(cuts.trips_of(loop)) : 1.0;
  };
  const TileExtent& whole = problem.extent();
  const auto groups = static_cast<double>(whole.groups);
  const auto element_bytes = static_cast<double>(problem.element_bytes());
  TilingTraffic traffic;
  traffic.input_bytes = groups * cuts.input.sum * element_bytes * times(TileLoop::kOutputs);
  if (problem.has_weights())
    traffic.weight_bytes =
        groups * static_cast<double>(problem.weight_bytes(1)) * times(TileLoop::kPixels);
  traffic.output_bytes = static_cast<double>(problem.stored_bytes(whole));
  if (!tiling.keeps_sums && revisits_sums(tiling, cuts))
    traffic.spilled_bytes = 2.0 * static_cast<double>(cuts.trips.depth - 1) *
                            static_cast<double>(whole.num_outputs()) *
                            static_cast<double>(accumulator_bytes);
  if (problem.has_second())
    traffic.second_bytes = second_channels(problem, cuts) * cuts.second.sum * element_bytes;
  return traffic;
}

bool keeps_stationary(const LoopCuts& cuts, const Tiling& tiling, Stationary stationary) {
  if (stationary == Stationary::kNone) return false;
  for (std::size_t i = 3; i-- > 0;)
    if (cuts.trips_of(tiling.order[i]) > 1) return tiling.order[i] == free_loop_of(stationary);
  return false;
}

std::int64_t compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                               const Tiling& tiling, const StepCost& cost) {
  const Stationary stationary = cost.stationary(problem);
  const bool stays = keeps_stationary(cuts, tiling, stationary);
  const auto classes = [&](TileLoop loop) {
    return classes_of(cuts.of(loop), cuts.trips_of(loop), stays && loop == free_loop_of(stationary),
                      loop == TileLoop::kDepth);
  };
  const LoopCut groups = LoopCut::even(problem.extent().groups, cuts.groups);
  const TileClasses group_classes = classes_of(groups, cuts.trips.groups, false, false);
  const TileClasses pixel_classes = classes(TileLoop::kPixels);
  const TileClasses output_classes = classes(TileLoop::kOutputs);
  const TileClasses depth_classes = classes(TileLoop::kDepth);
  std::int64_t sum = 0;
  double rounded = 0.0;  // the same, without overflow
  for (const TileClass& g : group_classes)
    for (const TileClass& p : pixel_classes)
      for (const TileClass& o : output_classes)
        for (const TileClass& d : depth_classes) {
          const TileContext context{false,
                                    false,
                                    p.continues || o.continues || d.continues,
                                    d.last,
                                    p.stays || o.stays || d.stays,
                                    tiling.division};
          const std::int64_t count = g.count * p.count * o.count * d.count;
          const std::int64_t cycles =
              cost.cycles(problem, {g.size, p.size, o.size, d.size}, context);
          rounded += static_cast<double>(count) * static_cast<double>(cycles);
          if (rounded > static_cast<double>(kMaxTiledCycles)) return kMaxTiledCycles;
          sum += count * cycles;
        }
  if (cuts.tile() == problem.extent())
    return cost.cycles(problem, cuts.tile(), {true, true, false, true, false, tiling.division});
  // The first and the last step differ from the others.
  const auto add = [&](const TileExtent& extent, TileContext context, bool first) {
    sum -= cost.cycles(problem, extent, context);
    (first ? context.first : context.last) = true;
    sum += cost.cycles(problem, extent, context);
  };
  add(cuts.tile(), {false, false, false, cuts.trips.depth == 1, stays, tiling.division}, true);
  add({groups.last(), cuts.pixels.last(), cuts.outputs.last(), cuts.depth.last()},
      {false, false, stays, true, false, tiling.division}, false);
  return sum;
}

std::int64_t least_compute_cycles_of(const TileProblem& problem, const LoopCuts& cuts,
                                     const Division& division, const StepCost& cost) {
  const TileContext shortest{false, false, true, false, true, division};
  if (cuts.tile() == problem.extent())
    return cost.cycles(problem, cuts.tile(), {true, true, false, true, false, division});
  const LoopCut groups = LoopCut::even(problem.extent().groups, cuts.groups);
  const TileClasses group_classes = classes_of(groups, cuts.trips.groups, false, false);
  const TileClasses pixel_classes = classes_of(cuts.pixels, cuts.trips.pixels, false, false);
  const TileClasses output_classes = classes_of(cuts.outputs, cuts.trips.outputs, false, false);
  const TileClasses depth_classes = classes_of(cuts.depth, cuts.trips.depth, false, false);
  double sum = 0.0;
  for (const TileClass& g : group_classes)
    for (const TileClass& p : pixel_classes)
      for (const TileClass& o : output_classes)
        for (const TileClass& d : depth_classes)
          sum +=
              static_cast<double>(g.count * p.count * o.count * d.count) *
              static_cast<double>(cost.cycles(problem, {g.size, p.size, o.size, d.size}, shortest));
  if (sum > static_cast<double>(kMaxTiledCycles)) return kMaxTiledCycles;
  // The first and the last step can be shorter.
  auto cycles = static_cast<std::int64_t>(sum);
  const auto add_end = [&](const TileExtent& extent, TileContext context) {
    cycles += std::min<std::int64_t>(
        0, cost.cycles(problem, extent, context) - cost.cycles(problem, extent, shortest));
  };
  add_end(cuts.tile(), {true, false, true, false, true, division});
  add_end({groups.last(), cuts.pixels.last(), cuts.outputs.last(), cuts.depth.last()},
          {false, true, true, false, true, division});
  return cycles;
}

double estimated_cycles(const TileProblem& problem, const LoopCuts& cuts,
                        const TilingTraffic& traffic, std::int64_t compute_cycles,
                        const TileMemory& memory, const DramEstimate& dram) {
  const TileExtent tile = cuts.tile();
  const TileProblem::OnChip& on_chip = problem.on_chip();
  const double bandwidth = dram.bytes_per_cycle();
  const auto port = static_cast<double>(memory.features.bytes_per_cycle);
  const double input_rate = on_chip.input ? port : bandwidth;
  const double second_rate = on_chip.second ? port : bandwidth;
  const double output_rate = on_chip.output ? port : bandwidth;
  const double weight_rate = on_chip.weights ? port : bandwidth;
  const auto element_bytes = static_cast<double>(problem.element_bytes());
  const double first_input = element_bytes * static_cast<double>(cuts.input.largest * tile.groups);
  const double first_weights =
      problem.has_weights()
          ? element_bytes * static_cast<double>(tile.groups * tile.outputs * tile.depth)
          : 0.0;
  const auto last_output = static_cast<double>(problem.stored_bytes(tile));
  double waited_for = 0.0;  // cycles
  if (memory.input.num_slots == 1) waited_for += traffic.input_bytes / input_rate;
  if (memory.weight.num_slots == 1) waited_for += traffic.weight_bytes / weight_rate;
  if (memory.output.num_slots == 1)
    waited_for += traffic.output_bytes / output_rate + traffic.second_bytes / second_rate +
                  traffic.spilled_bytes / bandwidth;
  const double on_chip_bytes = traffic.on_chip(on_chip);
  const double ends_on_chip = (on_chip.input ? first_input : 0.0) +
                              (on_chip.weights ? first_weights : 0.0) +
                              (on_chip.output ? last_output : 0.0);
  const double ends = first_input + first_weights + last_output;
  const double rest = std::max(0.0, traffic.total() - on_chip_bytes - (ends - ends_on_chip));
  const double rest_on_chip = std::max(0.0, on_chip_bytes - ends_on_chip);
  return 2.0 * dram.least_latency_cycles() + (ends - ends_on_chip) / bandwidth +
         ends_on_chip / port +
         std::max({static_cast<double>(compute_cycles) + waited_for, rest / bandwidth,
                   rest_on_chip / port});
}

}  // namespace tilewake
