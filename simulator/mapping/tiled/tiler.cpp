// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake {

/// Tiles of pixels; their totals are calculated when they are needed.
struct Tiler::PixelSizes {
  PixelOrder order;
  LoopCut cut;
  std::int64_t least_largest_input = 0;  // as InputTotals::largest, or less
};

namespace {

using Order = std::array<TileLoop, 3>;

constexpr std::array<Order, 6> kOrders = {{
    {TileLoop::kPixels, TileLoop::kOutputs, TileLoop::kDepth},
    {TileLoop::kOutputs, TileLoop::kPixels, TileLoop::kDepth},
    {TileLoop::kPixels, TileLoop::kDepth, TileLoop::kOutputs},
    {TileLoop::kOutputs, TileLoop::kDepth, TileLoop::kPixels},
    {TileLoop::kDepth, TileLoop::kPixels, TileLoop::kOutputs},
    {TileLoop::kDepth, TileLoop::kOutputs, TileLoop::kPixels},
}};

// Cost of a step in bytes moved: requests, and time to simulate it.
constexpr double kStepBytes = 1024.0;

// Share of a request's latency charged per step, because not all of it can be hidden. Of 1/16 to 2,
// this value gave the lowest simulated cycles on the shipped machines and five networks.
constexpr double kExposedLatency = 0.5;
constexpr double kLeastExposedCycles = 20.0;  // minimum for any latency, if there is a memory

// Limits of tiles of pixels and of depth. A map of 4K pixels side by side needs 17,280 tiles of 128
// pixels for the rows of an array; beyond these, tiles only cost time, on the machine and here.
constexpr std::int64_t kMaxPixelTrips = 1 << 18;
constexpr std::int64_t kMaxDepthTrips = 1 << 18;

// Limit of the work on one layer, about a second; see cuts_work(). Windows of hundreds of taps that
// are cut can exceed it: the best of the tilings examined until then is taken.
constexpr double kMaxWork = 3e7;

/// The whole extent and its halves, down to `unit` and in multiples of it.
std::vector<std::int64_t> sizes_of(std::int64_t whole, std::int64_t unit, std::int64_t max_trips) {
  std::vector<std::int64_t> sizes = {whole};
  while (sizes.back() > unit) {
    const std::int64_t half = round_up(ceil_div<std::int64_t>(sizes.back(), 2), unit);
    if (half >= sizes.back() || ceil_div(whole, half) > max_trips) break;
    sizes.push_back(half);
  }
  return sizes;
}

/// Orders that differ for loops of which `is_cut` have several tiles.
std::vector<Order> orders_of(const std::array<bool, 3>& is_cut) {
  std::vector<Order> orders;
  std::vector<std::vector<TileLoop>> seen;
  for (const Order& order : kOrders) {
    std::vector<TileLoop> cut;
    for (const TileLoop loop : order)
      if (is_cut[static_cast<std::size_t>(loop)]) cut.push_back(loop);
    if (std::find(seen.begin(), seen.end(), cut) != seen.end()) continue;
    seen.push_back(cut);
    orders.push_back(order);
  }
  return orders;
}

const std::vector<Order>& orders_of(const LoopCuts& cuts) {
  static const std::array<std::vector<Order>, 8> by_loops = [] {
    std::array<std::vector<Order>, 8> all;
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i] = orders_of({(i & 1U) != 0, (i & 2U) != 0, (i & 4U) != 0});
    return all;
  }();
  return by_loops[(cuts.trips.pixels > 1 ? 1U : 0U) + (cuts.trips.outputs > 1 ? 2U : 0U) +
                  (cuts.trips.depth > 1 ? 4U : 0U)];
}

double num_steps(const TileExtent& trips) {
  return static_cast<double>(trips.groups) * static_cast<double>(trips.pixels) *
         static_cast<double>(trips.outputs) * static_cast<double>(trips.depth);
}

/// Numbers of tiles to try near `trips`.
std::vector<std::int64_t> trips_near(std::int64_t trips, std::int64_t max_trips = kMaxPixelTrips) {
  std::vector<std::int64_t> near = {trips * 3 / 4, trips * 3 / 2};
  for (const std::int64_t step : {-2, -1, 1, 2}) near.push_back(trips + step);
  std::erase_if(near, [&](std::int64_t t) { return t < 1 || t == trips || t > max_trips; });
  return near;
}

/// Whether a tile may have several groups: only if no group is split.
bool cuts_no_group(const TileProblem& problem, const Tiling& tiling) {
  return tiling.tile.outputs == problem.extent().outputs &&
         (tiling.tile.depth == problem.extent().depth || !problem.has_weights());
}

}  // namespace

/// Pixels row by row in halves, also column by column where this makes a difference, and
/// rectangles of about these sizes that are closest to a square.
std::vector<Tiler::PixelSizes> Tiler::pixel_sizes_of(const TileProblem& problem,
                                                     std::int64_t unit) {
  std::vector<PixelSizes> all;
  const auto add = [&](const PixelOrder& order, std::int64_t size) {
    const LoopCut cut = problem.cut_pixels(order, size);
    if (cut.tiles_per_image() > kMaxPixelTrips) return;
    TileBlock middle{{0, 1}, cut.range(cut.trips() / 2), {0, 1}, {0, problem.taps()}, order};
    all.push_back({order, cut, problem.kept_elements(middle)});
  };
  const std::int64_t image = problem.image_pixels();
  const std::vector<std::int64_t> sizes = sizes_of(image, unit, kMaxPixelTrips);
  if (problem.keeps_images_apart()) {
    for (const std::int64_t images : sizes_of(problem.batch(), 1, kMaxPixelTrips))
      if (images > 1) add({}, images * image);
  } else if (problem.batch() > 1) {
    // A tile of less than an image can still be the best one.
    for (const std::int64_t size : sizes_of(problem.extent().pixels, unit, kMaxPixelTrips))
      if (std::find(sizes.begin(), sizes.end(), size) == sizes.end()) add({}, size);
  }
  for (const std::int64_t size : sizes) add({}, size);
  const Shape& map = problem.ofm();
  if (!problem.has_window() || map.height == 1 || map.width == 1) return all;
  const bool is_symmetric = problem.is_symmetric();
  if (!is_symmetric)
    for (const std::int64_t size : sizes) add({true, 0}, size);
  const auto add_rectangle = [&](std::int64_t height, std::int64_t width) {
    const bool is_square = width <= 2 * height && height <= 2 * width;
    if (is_square && width < map.width && height <= map.height) add({false, width}, width * height);
  };
  for (const std::int64_t size : sizes) {
    for (const std::int64_t width : sizes_of(map.width, 1, map.width))
      add_rectangle(ceil_div(size, width), width);
    if (is_symmetric) continue;
    for (const std::int64_t height : sizes_of(map.height, 1, map.height))
      add_rectangle(height, ceil_div(size, height));
  }
  return all;
}

/// The best tiling so far of a problem.
struct Tiler::Choice {
  using Rank = Tiler::Rank;

  Choice(const TileProblem& p, const StepCost& cost)
      : problem(p),
        least_compute(static_cast<double>(cost.least_cycles(p))),
        full_rate_compute(static_cast<double>(cost.full_rate_cycles(p))) {
    const TileExtent& e = p.extent();
    const TileBlock all{{0, e.groups}, {0, e.pixels}, {0, e.outputs}, {0, e.depth}};
    const TileProblem::OnChip& on_chip = p.on_chip();
    (on_chip.weights ? weights_on_chip : weights) = static_cast<double>(p.weight_bytes(all));
    all_input = static_cast<double>(p.input_bytes(all));
    // Tiles leave out what is between windows.
    least_input = p.kept_bytes(all) < p.input_bytes(all) ? 0.0 : all_input;
    (on_chip.output ? others_on_chip : others) += static_cast<double>(p.stored_bytes(e));
    (on_chip.second ? others_on_chip : others) += static_cast<double>(p.second_bytes(all));
  }

  const TileProblem& problem;
  double least_compute;      // cycles
  double full_rate_compute;  // the same, without set-up and exchanges of operands
  double weights = 0.0;      // bytes in DRAM, each once
  double weights_on_chip = 0.0;
  double others = 0.0;  // bytes of outputs and second operands in DRAM
  double others_on_chip = 0.0;
  double all_input = 0.0;    // bytes, each once
  double least_input = 0.0;  // bytes that any tiling loads
  double work_left = kMaxWork;
  std::optional<Tiling> tiling;
  Rank rank{std::numeric_limits<double>::infinity(), 0.0};

  /// Whether cuts of these are still to be calculated.
  bool takes(const PixelCut& pixel_cut, const DepthCut& depth) {
    const double work = cuts_work(problem, pixel_cut, depth);
    if (work > work_left) return false;
    work_left -= work;
    return true;
  }

  /// Whether these sizes were tried before: then they are no better now. From now on they were.
  bool has_tried(const TileExtent& tile, const PixelOrder& order) {
    for (const auto& [tried, tried_order] : tried_)
      if (tried == tile && tried_order == order) return true;
    tried_.emplace_back(tile, order);
    return false;
  }

  /// Calculated once.
  const PixelCut& pixels(const PixelOrder& order, std::int64_t tile) {
    for (const PixelCut& cut : known_)
      if (cut.cut.tile == tile && cut.order == order) return cut;
    return known_.emplace_back(cut_pixels(problem, order, tile));
  }

 private:
  std::deque<PixelCut> known_;
  std::vector<std::pair<TileExtent, PixelOrder>> tried_;
};

/// Tile sizes of all loops, not yet examined.
struct Tiler::Sizes {
  LeastTime least;
  double steps = 0.0;
  std::int64_t groups = 1;
  std::int64_t outputs = 1;
  const PixelSizes* pixels = nullptr;
  const DepthCut* depth = nullptr;

  Choice::Rank bound(double cycles) const { return {cycles, kStepBytes * steps}; }
  /// Of a heap: the least time without the feature memory and the fewest steps come first.
  friend bool operator<(const Sizes& a, const Sizes& b) {
    return std::tie(b.least.by_dram, b.steps) < std::tie(a.least.by_dram, a.steps);
  }
};

/// The ways in which the cores can divide a tile; at least one.
struct Tiler::Divisions {
  std::array<Division, 3> all;
  std::size_t size = 0;

  const Division* begin() const { return all.data(); }
  const Division* end() const { return all.data() + size; }
};

Tiler::Divisions Tiler::divisions_of(const TileProblem& problem, const TileExtent& tile) const {
  const std::int64_t num_cores = cost_.num_cores();
  Divisions divisions;
  const auto add = [&](DividedLoop loop) { divisions.all[divisions.size++] = {loop, num_cores}; };
  if (num_cores > 1 && tile.groups > 1) add(DividedLoop::kGroups);
  if (num_cores > 1 && tile.outputs > 1 && problem.can_cut_outputs()) add(DividedLoop::kOutputs);
  if (tile.pixels > 1 || divisions.size == 0) add(DividedLoop::kPixels);
  return divisions;
}

bool Tiler::fits(const TileFootprint& f) const {
  const TileMemory& m = memory_;
  std::int64_t shared = 0;
  const auto fits_own = [&](std::int64_t needed, const TileMemory::Buffer& buffer) {
    if (buffer.bytes > 0) return needed <= buffer.bytes;
    shared += needed * buffer.num_slots;
    return shared <= m.shared_bytes;
  };
  return fits_own(f.input, m.input) && fits_own(f.weight, m.weight) && fits_own(f.output, m.output);
}

double Tiler::fullness(const TileFootprint& f) const {
  const auto share = [](std::int64_t needed, std::int64_t bytes) {
    return static_cast<double>(needed) / static_cast<double>(bytes);
  };
  const TileMemory& m = memory_;
  double largest = 0.0;
  std::int64_t shared = 0;
  const auto add = [&](std::int64_t needed, const TileMemory::Buffer& buffer) {
    if (buffer.bytes > 0)
      largest = std::max(largest, share(needed, buffer.bytes));
    else
      shared += needed * buffer.num_slots;
  };
  add(f.input, m.input);
  add(f.weight, m.weight);
  add(f.output, m.output);
  return shared > 0 ? std::max(largest, share(shared, m.shared_bytes)) : largest;
}

/// Cost of a step besides computation and data movement.
double Tiler::exposed_cycles() const {
  if (dram_.is_ideal()) return 0.0;
  return std::max(dram_.least_latency_cycles() * kExposedLatency, kLeastExposedCycles);
}

/// A transposed network has the same tiles: a map that is wider than high is tiled as its
/// transpose, and where the window is higher or wider than the other, both are tried.
Tiling Tiler::best(const TileProblem& problem) const {
  const Shape& map = problem.ofm();
  const bool is_square = problem.has_square_window();
  if (!problem.has_window() || (is_square && map.width <= map.height))
    return search(problem).tiling;
  Found found = search(problem.transposed());
  found.tiling.pixels.by_columns = !found.tiling.pixels.by_columns;
  // The taps of a window are in one order only.
  const bool is_usable = found.tiling.tile.depth >= problem.taps();
  if (is_square && is_usable) return found.tiling;
  const Found direct = search(problem);
  return is_usable && found.rank < direct.rank ? found.tiling : direct.tiling;
}

Tiler::Found Tiler::search(const TileProblem& problem) const {
  const TileExtent unit = cost_.granularity(problem);
  Choice choice(problem, cost_);
  search_halves(unit, choice);
  if (!choice.tiling) search_halves({1, 1, 1, 1}, choice);
  if (!choice.tiling) refuse(problem);
  refine(unit, choice);
  return {*choice.tiling, choice.rank};
}

void Tiler::search_halves(const TileExtent& unit, Choice& choice) const {
  const TileProblem& problem = choice.problem;
  const TileExtent& whole = problem.extent();
  const std::vector<PixelSizes> pixel_sizes = pixel_sizes_of(problem, unit.pixels);
  const std::vector<std::int64_t> output_sizes = sizes_of(
      whole.outputs, problem.can_cut_outputs() ? unit.outputs : whole.outputs, whole.outputs);
  const std::vector<std::int64_t> group_sizes = sizes_of(whole.groups, unit.groups, whole.groups);
  std::vector<DepthCut> depths;
  for (const std::int64_t size :
       sizes_of(whole.depth, problem.can_cut_depth() ? unit.depth : whole.depth, kMaxDepthTrips))
    depths.push_back(cut_depth(problem, size));
  std::vector<Sizes> heap;
  const auto add_all = [&](const DepthCut& depth) {
    for (const std::int64_t groups : group_sizes) {
      // A tile of several groups contains whole groups only.
      if (groups > 1 && depth.cut.tile < whole.depth && problem.has_weights()) continue;
      for (const PixelSizes& pixels : pixel_sizes)
        add_sizes(groups, pixels, output_sizes, depth, choice, heap);
    }
  };
  // A good choice to begin with excludes most of the others at once.
  add_all(depths.front());
  if (!heap.empty()) consider(*std::max_element(heap.begin(), heap.end()), choice);
  for (auto depth = depths.begin() + 1; depth < depths.end(); ++depth) add_all(*depth);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty() && heap.front().bound(heap.front().least.by_dram) <= choice.rank) {
    std::pop_heap(heap.begin(), heap.end());
    if (heap.back().bound(heap.back().least.cycles) <= choice.rank) consider(heap.back(), choice);
    heap.pop_back();
  }
}

/// Adds the tiles of these sizes that may fit and be better than the choice.
void Tiler::add_sizes(std::int64_t groups, const PixelSizes& pixels,
                      const std::vector<std::int64_t>& output_sizes, const DepthCut& depth,
                      const Choice& choice, std::vector<Sizes>& heap) const {
  const TileProblem& problem = choice.problem;
  const TileExtent& whole = problem.extent();
  TileExtent trips{ceil_div(whole.groups, groups), pixels.cut.trips(), 1, depth.cut.trips()};
  if (least_time(choice, {}, choice.all_input, trips).at_full_rate > std::get<0>(choice.rank))
    return;
  const std::int64_t element = problem.element_bytes();
  TileFootprint least;
  if (depth.cut.tile >= problem.taps())
    least.input = element * groups * pixels.least_largest_input * depth.input.largest;
  TileFootprint fitting = least;
  if (depth.cut.tile < problem.taps()) {
    const LoopCut& cut = pixels.cut;
    fitting.input =
        element * groups *
        problem.kept_elements(
            {{0, 1}, cut.range(cut.trips() / 2), {0, 1}, {0, depth.cut.tile}, pixels.order});
  }
  const std::int64_t num_cores = cost_.num_cores();
  for (const std::int64_t outputs : output_sizes) {
    if (groups > 1 && outputs < whole.outputs) return;
    if (problem.has_weights()) least.weight = element * groups * outputs * depth.cut.tile;
    least.output = element * groups * outputs * pixels.cut.tile;
    fitting.weight = least.weight;
    fitting.output = least.output;
    const auto of_a_core = [&](std::int64_t bytes) {
      return num_cores == 1 ? bytes : ceil_div(bytes, num_cores);
    };
    if (!fits({of_a_core(fitting.input), of_a_core(fitting.weight), of_a_core(fitting.output)}))
      continue;
    trips.outputs = ceil_div(whole.outputs, outputs);
    const LeastTime time = least_time(choice, least, choice.all_input, trips);
    if (time.at_full_rate <= std::get<0>(choice.rank))
      heap.push_back({time, num_steps(trips), groups, outputs, &pixels, &depth});
  }
}

/// No tiling with these tiles takes less, rounded down. `tile` has the least that the largest tile
/// loads and stores. If both pixels and outputs are cut, features are loaded for every tile of
/// outputs, or weights for every tile of pixels.
Tiler::LeastTime Tiler::least_time(const Choice& choice, const TileFootprint& tile,
                                   double input_bytes, const TileExtent& trips) const {
  const double steps = num_steps(trips);
  const TileProblem::OnChip& on_chip = choice.problem.on_chip();
  const double bandwidth = dram_.bytes_per_cycle();
  const auto port = static_cast<double>(memory_.features.bytes_per_cycle);
  const double from_dram = on_chip.input ? 0.0 : input_bytes;
  const double from_chip = on_chip.input ? input_bytes : 0.0;
  double ends_on_chip = 0.0;
  double ends_in_dram = 0.0;
  const auto add_end = [&](std::int64_t bytes, bool is_on_chip) {
    (is_on_chip ? ends_on_chip : ends_in_dram) +=
        static_cast<double>(bytes) / (is_on_chip ? port : bandwidth);
  };
  add_end(tile.input, on_chip.input);
  add_end(tile.weight, on_chip.weights);
  add_end(tile.output, on_chip.output);
  double waits = 0.0;
  if (memory_.input.num_slots == 1) waits += from_dram / bandwidth + from_chip / port;
  if (memory_.weight.num_slots == 1)
    waits += choice.weights / bandwidth + choice.weights_on_chip / port;
  if (memory_.output.num_slots == 1)
    waits += choice.others / bandwidth + choice.others_on_chip / port;
  const double beside = waits + ends_on_chip + ends_in_dram;
  const double of_steps = steps * static_cast<double>(cost_.least_step_cycles());
  const double compute = choice.least_compute + of_steps + beside;
  const double at_full_rate = choice.full_rate_compute + of_steps + beside;
  // Times of both memories if each byte is moved once.
  double by_dram = (from_dram + choice.weights + choice.others) / bandwidth;
  const double chip =
      (from_chip + choice.weights_on_chip + choice.others_on_chip) / port + ends_in_dram;
  double by_both = std::max(by_dram + ends_on_chip, chip);
  if (trips.pixels > 1 && trips.outputs > 1) {
    const auto again = static_cast<double>(trips.outputs - 1);
    const auto weights_again = static_cast<double>(trips.pixels - 1);
    const double with_input = by_dram + from_dram * again / bandwidth;
    const double with_weights = by_dram + choice.weights * weights_again / bandwidth;
    by_dram = std::min(with_input, with_weights);
    by_both = std::min(std::max(with_input + ends_on_chip, chip + from_chip * again / port),
                       std::max(with_weights + ends_on_chip,
                                chip + choice.weights_on_chip * weights_again / port));
  }
  const double others = 2.0 * latency_cycles_ + steps * step_cycles_;
  return {std::floor(others + std::max(compute, by_both)), others + beside,
          std::floor(others + std::max(at_full_rate, by_both)),
          std::floor(others + std::max(at_full_rate, by_dram))};
}

void Tiler::consider(const Sizes& sizes, Choice& choice) const {
  const PixelCut& pixels = choice.pixels(sizes.pixels->order, sizes.pixels->cut.tile);
  if (!choice.takes(pixels, *sizes.depth)) return;
  consider({choice.problem, sizes.groups, pixels, sizes.outputs, *sizes.depth}, choice);
}

void Tiler::consider(const LoopCuts& cuts, Choice& choice) const {
  const TileProblem& problem = choice.problem;
  const TileExtent& trips = cuts.trips;
  const double steps = num_steps(trips);
  const std::int64_t element = problem.element_bytes();
  const double input_bytes =
      static_cast<double>(element * problem.extent().groups) * cuts.input.sum;
  const TileExtent tile = cuts.tile();
  const TileFootprint moved{
      element * cuts.input.largest * tile.groups,
      problem.has_weights() ? element * tile.groups * tile.outputs * tile.depth : 0,
      problem.stored_bytes(tile)};
  const LeastTime least = least_time(choice, moved, input_bytes, trips);
  double bytes =
      input_bytes + choice.weights + choice.weights_on_chip + choice.others + choice.others_on_chip;
  if (trips.pixels > 1 && trips.outputs > 1)
    bytes +=
        std::min(input_bytes * static_cast<double>(trips.outputs - 1),
                 (choice.weights + choice.weights_on_chip) * static_cast<double>(trips.pixels - 1));
  const double least_bytes = bytes + kStepBytes * steps;
  if (Choice::Rank{least.cycles, least_bytes} >= choice.rank) return;
  for (const Division& division : divisions_of(problem, tile))
    consider(cuts, least, least_bytes, division, choice);
}

void Tiler::consider(const LoopCuts& cuts, const LeastTime& least, double least_bytes,
                     const Division& division, Choice& choice) const {
  const TileProblem& problem = choice.problem;
  const TileExtent& trips = cuts.trips;
  const double steps = num_steps(trips);
  const std::int64_t least_compute = least_compute_cycles_of(problem, cuts, division, cost_);
  if (Choice::Rank{least.with(least_compute), least_bytes} >= choice.rank) return;
  const Stationary stationary = cost_.stationary(problem);
  std::array<std::optional<std::int64_t>, 2> compute_cycles;  // the operand does not stay, stays
  for (const Order& order : orders_of(cuts)) {
    for (const bool keeps_sums : {true, false}) {
      if (!keeps_sums && trips.depth == 1) continue;
      const Tiling tiling{cuts.tile(), order, keeps_sums, cuts.order, division};
      if (!fits(footprint_of(problem, cuts, tiling, cost_, memory_.accumulator_bytes))) continue;
      const TilingTraffic traffic = traffic_of(problem, cuts, tiling, memory_.accumulator_bytes);
      const double latency = steps * step_cycles_;
      auto& compute = compute_cycles[keeps_stationary(cuts, tiling, stationary) ? 1 : 0];
      if (!compute) {
        // The data movement alone takes longer than the best tiling so far: skip the rest.
        if (std::floor(estimated_cycles(problem, cuts, traffic, 0, memory_, dram_) + latency) >
            std::get<0>(choice.rank))
          continue;
        compute = compute_cycles_of(problem, cuts, tiling, cost_);
      }
      const Choice::Rank rank{
          std::round(estimated_cycles(problem, cuts, traffic, *compute, memory_, dram_) + latency),
          traffic.total() + kStepBytes * steps};
      if (rank < choice.rank) {
        choice.rank = rank;
        choice.tiling = tiling;
      }
    }
  }
}

void Tiler::try_tiling(const Tiling& sizes, Choice& choice) const {
  const TileExtent& tile = sizes.tile;
  const TileExtent& whole = choice.problem.extent();
  if (choice.has_tried(tile, sizes.pixels)) return;
  const TileExtent trips{
      ceil_div(whole.groups, tile.groups),
      choice.problem.cut_pixels(sizes.pixels, tile.pixels).trips(),
      ceil_div(whole.outputs, tile.outputs),
      ceil_div(whole.depth, tile.depth),
  };
  if (least_time(choice, {}, choice.least_input, trips).cycles > std::get<0>(choice.rank)) return;
  const PixelCut& pixels = choice.pixels(sizes.pixels, tile.pixels);
  const DepthCut depth = cut_depth(choice.problem, tile.depth);
  if (!choice.takes(pixels, depth)) return;
  consider({choice.problem, tile.groups, pixels, tile.outputs, depth}, choice);
}

/// Changes the number of tiles of one loop at a time, as long as this improves the estimate.
void Tiler::refine(const TileExtent& unit, Choice& choice) const {
  const TileProblem& problem = choice.problem;
  const TileExtent& whole = problem.extent();
  for (bool better = true; better;) {
    const Choice::Rank before = choice.rank;
    // Sizes of `extent` in multiples of `least`, and of `multiple`.
    const auto try_near = [&](std::int64_t TileExtent::*loop, std::int64_t extent,
                              std::int64_t least, std::int64_t multiple) {
      const Tiling best = *choice.tiling;
      const std::int64_t max_trips = loop == &TileExtent::depth ? kMaxDepthTrips : kMaxPixelTrips;
      for (const std::int64_t trips : trips_near(ceil_div(extent, best.tile.*loop), max_trips)) {
        const std::int64_t even = round_up(ceil_div(extent, trips), least);
        Tiling tiling = best;
        tiling.tile.*loop = even;
        try_tiling(tiling, choice);
        tiling.tile.*loop = std::min(round_up(even, multiple), extent);
        if (tiling.tile.*loop != even) try_tiling(tiling, choice);
      }
    };
    const auto try_sizes = [&](std::int64_t TileExtent::*loop) {
      try_near(loop, whole.*loop, 1, unit.*loop);
    };
    const auto try_pixels = [&] {
      const std::int64_t image = problem.image_pixels();
      const std::int64_t size = choice.tiling->tile.pixels;
      if (!problem.keeps_images_apart()) return try_sizes(&TileExtent::pixels);
      if (size >= image) try_near(&TileExtent::pixels, whole.pixels, image, image);
      if (size <= image) try_near(&TileExtent::pixels, image, 1, unit.pixels);
    };
    if (cuts_no_group(problem, *choice.tiling)) try_sizes(&TileExtent::groups);
    if (choice.tiling->pixels.strip == 0)
      try_pixels();
    else
      refine_rectangle(choice);
    if (choice.tiling->tile.groups == 1 || !problem.has_weights()) {
      if (problem.can_cut_outputs()) try_sizes(&TileExtent::outputs);
      if (problem.can_cut_depth()) try_sizes(&TileExtent::depth);
    }
    better = choice.rank < before;
  }
}

void Tiler::refine_rectangle(Choice& choice) const {
  const Shape& map = choice.problem.ofm();
  const Tiling best = *choice.tiling;
  const std::int64_t width = best.pixels.strip;
  const std::int64_t height = best.tile.pixels / width;
  const auto try_rectangle = [&](std::int64_t h, std::int64_t w) {
    Tiling tiling = best;
    tiling.pixels.strip = w < map.width ? w : 0;
    tiling.tile.pixels = h * w;
    try_tiling(tiling, choice);
  };
  for (const std::int64_t trips : trips_near(ceil_div(map.width, width)))
    try_rectangle(height, ceil_div(map.width, trips));
  for (const std::int64_t trips : trips_near(ceil_div(map.height, height)))
    try_rectangle(ceil_div(map.height, trips), width);
}

/// Throws what the smallest tile needs, or that only the number of tiles is too large.
void Tiler::refuse(const TileProblem& problem) const {
  const TileExtent& whole = problem.extent();
  TileFootprint closest;
  double least = std::numeric_limits<double>::infinity();
  const std::int64_t least_depth = problem.can_cut_depth() ? 1 : whole.depth;
  const std::int64_t least_outputs = problem.can_cut_outputs() ? 1 : whole.outputs;
  for (const std::int64_t outputs : sizes_of(whole.outputs, least_outputs, whole.outputs))
    for (const std::int64_t depth : sizes_of(whole.depth, least_depth, whole.depth)) {
      const TileFootprint footprint =
          least_footprint(problem, outputs, depth, cost_, memory_.accumulator_bytes);
      if (fullness(footprint) >= least) continue;
      closest = footprint;
      least = fullness(footprint);
    }
  if (fits(closest))
    throw InputError(fmt::format(
        "no tiling was found that fits the on-chip memory and has at most {} tiles of pixels and "
        "{} of products; give it more memory",
        kMaxPixelTrips, kMaxDepthTrips));
  const TileMemory& m = memory_;
  const auto check = [](const char* name, std::int64_t needed, const TileMemory::Buffer& buffer) {
    if (buffer.bytes > 0 && needed > buffer.bytes)
      throw InputError(
          fmt::format("does not fit the {} buffer of {} bytes: the closest tiling needs {}", name,
                      buffer.bytes, needed));
  };
  check("input", closest.input, m.input);
  check("weight", closest.weight, m.weight);
  check("output", closest.output, m.output);
  throw InputError(fmt::format(
      "does not fit the memory of {} bytes that its tiles share: the closest tiling needs {} of "
      "input, {} of weights and {} of output a slot",
      m.shared_bytes, closest.input, closest.weight, closest.output));
}

}  // namespace tilewake
