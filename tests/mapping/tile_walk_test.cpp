// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tile_walk.hpp"

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mapping/tiled_costs.hpp"

namespace tilewake {
namespace {

constexpr int kNumWalks = 500;

struct WalkCase {
  TileProblem problem;
  Tiling tiling;
  TiledCosts machine;
  std::string text;
};

WalkCase random_walk_case(int seed) {
  Random random(static_cast<std::uint64_t>(seed));
  TiledCosts machine = random_costs(random);
  const TileProblem problem =
      random_problem(random, machine.memory.accumulator_bytes, machine.memory.element_bytes);
  const Tiling tiling = random_tiling(random, problem);
  const std::string text = fmt::format("seed {}: {} of {}, {}", seed, to_string(problem, tiling),
                                       to_string(problem.op()), machine.name);
  return {problem, tiling, std::move(machine), text};
}

std::vector<TileStep> steps_of(const WalkCase& c) {
  std::vector<TileStep> steps;
  for (TileWalk walk(c.problem, c.tiling, c.machine.cost->stationary(c.problem)); !walk.done();
       walk.next())
    steps.push_back(walk.step());
  return steps;
}

/// The nest, loop by loop.
std::vector<TileBlock> blocks_of(const WalkCase& c) {
  const TileExtent& whole = c.problem.extent();
  const TileExtent& tile = c.tiling.tile;
  std::vector<TileBlock> blocks;
  TileBlock block;
  const auto go_from = [](std::int64_t begin, TileRange& range, std::int64_t size, std::int64_t end,
                          const std::function<void()>& body) {
    for (range.begin = begin; range.begin < end; range.begin += size) {
      range.end = std::min(range.begin + size, end);
      body();
    }
  };
  const auto go_through = [&](TileRange& range, std::int64_t size, std::int64_t end,
                              const std::function<void()>& body) {
    go_from(0, range, size, end, body);
  };
  const std::function<void(std::size_t)> nest = [&](std::size_t depth) {
    if (depth == 3) return blocks.push_back(block);
    const auto body = [&] { nest(depth + 1); };
    switch (c.tiling.order[depth]) {
      case TileLoop::kPixels: {
        const Shape& map = c.problem.ofm();
        const std::int64_t strip = c.tiling.pixels.strip;
        const std::int64_t image = c.problem.image_pixels();
        if (strip == 0) {
          const bool is_part = c.problem.keeps_images_apart() && tile.pixels < image;
          const std::int64_t part = is_part ? image : whole.pixels;
          for (std::int64_t first = 0; first < whole.pixels; first += part)
            go_from(first, block.pixels, tile.pixels, first + part, body);
          return;
        }
        const bool by_columns = c.tiling.pixels.by_columns;
        const std::int64_t line = by_columns ? map.height : map.width;
        const std::int64_t lines = by_columns ? map.width : map.height;
        for (std::int64_t first = 0; first < whole.pixels; first += image)
          for (std::int64_t begin = 0; begin < line; begin += strip) {
            const std::int64_t width = std::min(strip, line - begin);
            go_from(first + begin * lines, block.pixels, tile.pixels / strip * width,
                    first + (begin + width) * lines, body);
          }
        return;
      }
      case TileLoop::kOutputs:
        return go_through(block.outputs, tile.outputs, whole.outputs, body);
      case TileLoop::kDepth:
        return go_through(block.depth, tile.depth, whole.depth, body);
    }
  };
  go_through(block.groups, tile.groups, whole.groups, [&] { nest(0); });
  return blocks;
}

using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
Key input_of(const TileBlock& b) { return {b.groups.begin, b.pixels.begin, b.depth.begin}; }
Key weights_of(const TileBlock& b) { return {b.groups.begin, b.outputs.begin, b.depth.begin}; }
Key outputs_of(const TileBlock& b) { return {b.groups.begin, b.pixels.begin, b.outputs.begin}; }

TEST(TileWalkTest, EveryProductIsComputedOnce) {
  for (int seed = 0; seed < kNumWalks; ++seed) {
    const WalkCase c = random_walk_case(seed);
    SCOPED_TRACE(c.text);
    const TileExtent& e = c.problem.extent();
    std::vector<int> times(static_cast<std::size_t>(e.num_outputs() * e.depth));
    for (const TileStep& step : steps_of(c)) {
      const TileBlock& b = step.block;
      for (std::int64_t g = b.groups.begin; g < b.groups.end; ++g)
        for (std::int64_t p = b.pixels.begin; p < b.pixels.end; ++p)
          for (std::int64_t o = b.outputs.begin; o < b.outputs.end; ++o)
            for (std::int64_t d = b.depth.begin; d < b.depth.end; ++d)
              ++times[static_cast<std::size_t>(((g * e.pixels + p) * e.outputs + o) * e.depth + d)];
    }
    ASSERT_EQ(times, std::vector<int>(times.size(), 1));
  }
}

TEST(TileWalkTest, StepsAreThoseOfTheNestOfLoops) {
  for (int seed = 0; seed < kNumWalks; ++seed) {
    const WalkCase c = random_walk_case(seed);
    SCOPED_TRACE(c.text);
    const std::vector<TileStep> steps = steps_of(c);
    const std::vector<TileBlock> blocks = blocks_of(c);
    ASSERT_EQ(steps.size(), blocks.size());
    const TileWalk walk(c.problem, c.tiling, Stationary::kNone);
    EXPECT_EQ(walk.num_steps(), static_cast<std::int64_t>(steps.size()));
    for (std::size_t i = 0; i < steps.size(); ++i) {
      ASSERT_EQ(steps[i].block.extent(), blocks[i].extent()) << "step " << i;
      ASSERT_EQ(input_of(steps[i].block), input_of(blocks[i])) << "step " << i;
      ASSERT_EQ(weights_of(steps[i].block), weights_of(blocks[i])) << "step " << i;
      EXPECT_EQ(steps[i].context.first, i == 0);
      EXPECT_EQ(steps[i].context.last, i + 1 == steps.size());
      EXPECT_EQ(steps[i].context.ends_depth, blocks[i].depth.end == c.problem.extent().depth);
    }
  }
}

TEST(TileWalkTest, OperandsAreLoadedWhereTheyChangeAndFreedBeforeTheyDo) {
  for (int seed = 0; seed < kNumWalks; ++seed) {
    const WalkCase c = random_walk_case(seed);
    SCOPED_TRACE(c.text);
    const Stationary stationary = c.machine.cost->stationary(c.problem);
    const auto what_stays = [&](const TileBlock& b) {
      return stationary == Stationary::kInput    ? input_of(b)
             : stationary == Stationary::kWeight ? weights_of(b)
                                                 : outputs_of(b);
    };
    const std::vector<TileStep> steps = steps_of(c);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const TileStep& step = steps[i];
      const TileBlock* before = i > 0 ? &steps[i - 1].block : nullptr;
      const TileBlock* next = i + 1 < steps.size() ? &steps[i + 1].block : nullptr;
      const auto is_that_of = [&](const TileBlock* other, auto key) {
        return other != nullptr && key(*other) == key(step.block);
      };
      ASSERT_EQ(step.loads_input, !is_that_of(before, input_of)) << "step " << i;
      ASSERT_EQ(step.loads_weights, !is_that_of(before, weights_of)) << "step " << i;
      ASSERT_EQ(step.frees_input, !is_that_of(next, input_of)) << "step " << i;
      ASSERT_EQ(step.frees_weights, !is_that_of(next, weights_of)) << "step " << i;
      const bool any = stationary != Stationary::kNone;
      ASSERT_EQ(step.context.continues, any && is_that_of(before, what_stays)) << "step " << i;
      ASSERT_EQ(step.context.stays, any && is_that_of(next, what_stays)) << "step " << i;
    }
  }
}

// Sums that stay: a part of the output buffer is open as long as it holds one that is not complete.
// Others: it is that of one tile, and what is not complete leaves and comes back.
TEST(TileWalkTest, PartialSumsStayOrAreSpilledAndReadBack) {
  for (int seed = 0; seed < kNumWalks; ++seed) {
    const WalkCase c = random_walk_case(seed);
    SCOPED_TRACE(c.text);
    const std::vector<TileStep> steps = steps_of(c);
    std::set<Key> incomplete;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const TileStep& step = steps[i];
      const Key outputs = outputs_of(step.block);
      const bool is_met_again = incomplete.count(outputs) > 0;
      const bool holds_incomplete = !incomplete.empty();
      if (step.context.ends_depth)
        incomplete.erase(outputs);
      else
        incomplete.insert(outputs);
      bool opens = !holds_incomplete;
      bool closes = incomplete.empty();
      if (!c.tiling.keeps_sums) {
        opens = i == 0 || outputs_of(steps[i - 1].block) != outputs;
        closes = i + 1 == steps.size() || outputs_of(steps[i + 1].block) != outputs;
      }
      ASSERT_EQ(step.opens_output, opens) << "step " << i;
      ASSERT_EQ(step.closes_output, closes) << "step " << i;
      ASSERT_EQ(step.loads_sums, opens && is_met_again) << "step " << i;
      ASSERT_EQ(step.spills_sums, closes && !step.context.ends_depth) << "step " << i;
    }
    EXPECT_TRUE(incomplete.empty());
  }
}

}  // namespace
}  // namespace tilewake
