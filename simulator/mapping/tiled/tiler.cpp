// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake {
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

// Limit of tiles per loop: smaller tiles only cost time, on the machine and here.
constexpr std::int64_t kMaxTrips = 8192;

/// The whole extent and its halves, down to `unit` and in multiples of it.
std::vector<std::int64_t> sizes_of(std::int64_t whole, std::int64_t unit) {
  std::vector<std::int64_t> sizes = {whole};
  while (sizes.back() > unit) {
    const std::int64_t half = round_up(ceil_div<std::int64_t>(sizes.back(), 2), unit);
    if (half >= sizes.back() || ceil_div(whole, half) > kMaxTrips) break;
    sizes.push_back(half);
  }
  return sizes;
}

/// The loops with several tiles, outermost first, as digits: orders with equal digits are
/// equivalent.
int real_loops(const Order& order, const std::array<bool, 3>& is_cut) {
  int loops = 0;
  for (const TileLoop loop : order)
    if (is_cut[static_cast<std::size_t>(loop)]) loops = 10 * loops + static_cast<int>(loop) + 1;
  return loops;
}

bool is_repetition(std::size_t index, const std::array<bool, 3>& is_cut) {
  const int loops = real_loops(kOrders[index], is_cut);
  return std::any_of(kOrders.begin(), kOrders.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Order& order) { return real_loops(order, is_cut) == loops; });
}

std::int64_t num_steps(const TileProblem& problem, const LoopCuts& cuts) {
  return ceil_div(problem.extent().groups, cuts.groups) * cuts.pixels.trips() *
         cuts.outputs.trips() * cuts.depth.trips();
}

/// Numbers of tiles to try near `trips`.
std::vector<std::int64_t> trips_near(std::int64_t trips) {
  std::vector<std::int64_t> near = {trips * 3 / 4, trips * 3 / 2};
  for (const std::int64_t step : {-2, -1, 1, 2}) near.push_back(trips + step);
  std::erase_if(near, [&](std::int64_t t) { return t < 1 || t == trips || t > kMaxTrips; });
  return near;
}

/// Whether a tile may have several groups: only if no group is split.
bool cuts_no_group(const TileProblem& problem, const Tiling& tiling) {
  return tiling.tile.outputs == problem.extent().outputs &&
         (tiling.tile.depth == problem.extent().depth || !problem.has_weights());
}

bool can_cut_depth(Op op) {
  return op == Op::kConv2d || op == Op::kFullyConnected || op == Op::kGlobalAvgPool;
}

/// Pixels row by row in halves, also column by column where this makes a difference, and rectangles
/// whose sides are halves of the map's.
std::vector<PixelCut> pixel_cuts(const TileProblem& problem, std::int64_t unit) {
  std::vector<PixelCut> cuts;
  for (const std::int64_t size : sizes_of(problem.extent().pixels, unit))
    cuts.push_back(cut_pixels(problem, {}, size));
  if (!problem.has_window()) return cuts;
  const auto add = [&](const PixelOrder& order, std::int64_t size) {
    if (problem.cut_pixels(order, size).trips() <= kMaxTrips)
      cuts.push_back(cut_pixels(problem, order, size));
  };
  const Shape& map = problem.ofm();
  if (!problem.is_symmetric())
    for (const std::int64_t size : sizes_of(problem.extent().pixels, unit))
      add({true, 0}, size);
  for (const std::int64_t width : sizes_of(map.width, 1))
    for (const std::int64_t height : sizes_of(map.height, 1))
      if (width < map.width) add({false, width}, width * height);
  return cuts;
}

}  // namespace

/// The best tiling so far; if none fits, the one closest to fitting.
struct Tiler::Choice {
  using Rank = std::tuple<double, double>;  // cycles, then bytes and steps
  std::optional<Tiling> tiling;
  Rank rank{std::numeric_limits<double>::infinity(), 0.0};
  TileFootprint closest;
  double fullness = std::numeric_limits<double>::infinity();  // of the closest one
};

bool Tiler::fits(const TileFootprint& f) const {
  const TileMemory& m = memory_;
  if (m.shared_bytes > 0)
    return f.input * m.input.num_slots + f.weight * m.weight.num_slots +
               f.output * m.output.num_slots <=
           m.shared_bytes;
  return f.input <= m.input.bytes && f.weight <= m.weight.bytes && f.output <= m.output.bytes;
}

double Tiler::fullness(const TileFootprint& f) const {
  const auto share = [](std::int64_t needed, std::int64_t bytes) {
    return static_cast<double>(needed) / static_cast<double>(bytes);
  };
  const TileMemory& m = memory_;
  if (m.shared_bytes > 0)
    return share(
        f.input * m.input.num_slots + f.weight * m.weight.num_slots + f.output * m.output.num_slots,
        m.shared_bytes);
  return std::max({share(f.input, m.input.bytes), share(f.weight, m.weight.bytes),
                   share(f.output, m.output.bytes)});
}

/// Cost of a step besides computation and data movement.
double Tiler::exposed_cycles() const {
  if (dram_.is_ideal()) return 0.0;
  return std::max(dram_.latency_cycles(1) * kExposedLatency, kLeastExposedCycles);
}

std::string Tiler::error_of(const TileFootprint& closest) const {
  const TileMemory& m = memory_;
  if (m.shared_bytes > 0)
    return fmt::format(
        "does not fit the local memory of {} bytes: the closest tiling needs {} of input, {} of "
        "weights and {} of output a slot",
        m.shared_bytes, closest.input, closest.weight, closest.output);
  const auto too_large = [](const char* name, std::int64_t needed, std::int64_t bytes) {
    return fmt::format("does not fit the {} buffer of {} bytes: the closest tiling needs {}", name,
                       bytes, needed);
  };
  if (closest.input > m.input.bytes) return too_large("input", closest.input, m.input.bytes);
  if (closest.weight > m.weight.bytes) return too_large("weight", closest.weight, m.weight.bytes);
  return too_large("output", closest.output, m.output.bytes);
}

void Tiler::consider(const TileProblem& problem, const LoopCuts& cuts, Choice& choice) const {
  const std::array<bool, 3> is_cut = {cuts.pixels.trips() > 1, cuts.outputs.trips() > 1,
                                      cuts.depth.trips() > 1};
  for (std::size_t i = 0; i < kOrders.size(); ++i) {
    if (is_repetition(i, is_cut)) continue;
    for (const bool keeps_sums : {true, false}) {
      if (!keeps_sums && cuts.depth.trips() == 1) continue;
      const Tiling tiling{cuts.tile(), kOrders[i], keeps_sums, cuts.order};
      const TileFootprint footprint =
          footprint_of(problem, cuts, tiling, cost_, memory_.accumulator_bytes);
      if (!fits(footprint)) {
        if (fullness(footprint) < choice.fullness) {
          choice.closest = footprint;
          choice.fullness = fullness(footprint);
        }
        continue;
      }
      const TilingTraffic traffic = traffic_of(problem, cuts, tiling, memory_.accumulator_bytes);
      // The data movement alone takes longer than the best tiling so far: skip the rest.
      if (std::round(estimated_cycles(problem, cuts, traffic, 0, memory_, dram_)) >
          std::get<0>(choice.rank))
        continue;
      const std::int64_t compute = compute_cycles_of(problem, cuts, tiling, cost_);
      const auto steps = static_cast<double>(num_steps(problem, cuts));
      const Choice::Rank rank{
          std::round(estimated_cycles(problem, cuts, traffic, compute, memory_, dram_) +
                     steps * exposed_cycles()),
          traffic.total() + kStepBytes * steps};
      if (rank < choice.rank) {
        choice.rank = rank;
        choice.tiling = tiling;
      }
    }
  }
}

Tiling Tiler::best(const TileProblem& problem) const {
  const TileExtent unit = cost_.granularity(problem);
  Choice choice;
  search_halves(problem, unit, choice);
  if (!choice.tiling) search_halves(problem, {1, 1, 1, 1}, choice);
  if (!choice.tiling) throw InputError(error_of(choice.closest));
  refine(problem, unit, choice);
  return *choice.tiling;
}

void Tiler::search_halves(const TileProblem& problem, const TileExtent& unit,
                          Choice& choice) const {
  const TileExtent& whole = problem.extent();
  std::vector<std::int64_t> outputs = sizes_of(whole.outputs, unit.outputs);
  std::vector<DepthCut> depths;
  for (const std::int64_t size :
       sizes_of(whole.depth, can_cut_depth(problem.op()) ? unit.depth : whole.depth))
    depths.push_back(cut_depth(problem, size));
  for (const std::int64_t groups : sizes_of(whole.groups, unit.groups))
    for (const PixelCut& pixels : pixel_cuts(problem, unit.pixels))
      for (const std::int64_t output : outputs)
        for (const DepthCut& depth : depths) {
          // A tile of several groups contains whole groups only.
          if (groups > 1 && (output < whole.outputs ||
                             (depth.cut.tile < whole.depth && problem.has_weights())))
            continue;
          consider(problem, {problem, groups, pixels, output, depth}, choice);
        }
}

/// Changes the number of tiles of one loop at a time, as long as this improves the estimate.
void Tiler::refine(const TileProblem& problem, const TileExtent& unit, Choice& choice) const {
  const TileExtent& whole = problem.extent();
  for (bool better = true; better;) {
    const Choice::Rank before = choice.rank;
    const auto try_sizes = [&](std::int64_t TileExtent::*loop) {
      const Tiling best = *choice.tiling;
      for (const std::int64_t trips : trips_near(ceil_div(whole.*loop, best.tile.*loop))) {
        const std::int64_t even = ceil_div(whole.*loop, trips);
        for (const std::int64_t size : {even, std::min(round_up(even, unit.*loop), whole.*loop)}) {
          Tiling tiling = best;
          tiling.tile.*loop = size;
          consider(problem, cuts_of(problem, tiling), choice);
        }
      }
    };
    if (cuts_no_group(problem, *choice.tiling)) try_sizes(&TileExtent::groups);
    if (choice.tiling->pixels.strip == 0)
      try_sizes(&TileExtent::pixels);
    else
      refine_rectangle(problem, choice);
    if (choice.tiling->tile.groups == 1 || !problem.has_weights()) {
      try_sizes(&TileExtent::outputs);
      if (can_cut_depth(problem.op())) try_sizes(&TileExtent::depth);
    }
    better = choice.rank < before;
  }
}

void Tiler::refine_rectangle(const TileProblem& problem, Choice& choice) const {
  const Tiling best = *choice.tiling;
  const std::int64_t width = best.pixels.strip;
  const std::int64_t height = best.tile.pixels / width;
  const auto try_rectangle = [&](std::int64_t h, std::int64_t w) {
    Tiling tiling = best;
    tiling.pixels.strip = w < problem.ofm().width ? w : 0;
    tiling.tile.pixels = h * w;
    consider(problem, cuts_of(problem, tiling), choice);
  };
  for (const std::int64_t trips : trips_near(ceil_div(problem.ofm().width, width)))
    try_rectangle(height, ceil_div(problem.ofm().width, trips));
  for (const std::int64_t trips : trips_near(ceil_div(problem.ofm().height, height)))
    try_rectangle(ceil_div(problem.ofm().height, trips), width);
}

}  // namespace tilewake
