// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiler.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "tests/mapping/tiled_costs.hpp"
#include "tests/support/transposed.hpp"

namespace tilewake {
namespace {

constexpr int kNumProblems = 300;

struct TilerCase {
  TiledCosts machine;
  TileProblem problem;
  DramEstimate dram;
  std::string text;
};

TilerCase random_tiler_case(Random& random, int seed) {
  TiledCosts machine = random_costs(random);
  const TileProblem problem =
      random_problem(random, machine.memory.accumulator_bytes, machine.memory.element_bytes);
  const DramEstimate dram = dram_of(random.one_in(2) ? 0 : 100, random.between(1, 64));
  const std::string text = fmt::format("seed {}: {} {}, {}", seed, to_string(problem.op()),
                                       to_string(problem, {problem.extent()}), machine.name);
  return {std::move(machine), problem, dram, text};
}

TileProblem problem_of(const Layer& layer, const TileMemory& memory) {
  return {layer, memory.accumulator_bytes, 1, memory.element_bytes};
}

bool fits(const TileMemory& m, const TileFootprint& f) {
  const std::pair<std::int64_t, TileMemory::Buffer> needs[] = {
      {f.input, m.input}, {f.weight, m.weight}, {f.output, m.output}};
  std::int64_t shared = 0;
  for (const auto& [needed, buffer] : needs) {
    if (buffer.bytes == 0) shared += needed * buffer.num_slots;
    if (buffer.bytes > 0 && needed > buffer.bytes) return false;
  }
  return shared <= m.shared_bytes;
}

TileFootprint footprint(const TilerCase& c, const Tiling& tiling) {
  return footprint_of(c.problem, cuts_of(c.problem, tiling), tiling, *c.machine.cost,
                      c.machine.memory.accumulator_bytes);
}

double cycles(const TilerCase& c, const Tiling& tiling) {
  const LoopCuts cuts = cuts_of(c.problem, tiling);
  const TilingTraffic traffic =
      traffic_of(c.problem, cuts, tiling, c.machine.memory.accumulator_bytes);
  const std::int64_t compute = compute_cycles_of(c.problem, cuts, tiling, *c.machine.cost);
  return estimated_cycles(c.problem, cuts, traffic, compute, c.machine.memory, c.dram);
}

/// Maximum time that the Tiler adds to a tiling for exposed latency.
double exposed(const TilerCase& c, const Tiling& tiling) {
  const TileWalk walk(c.problem, tiling, Stationary::kNone);
  return std::max(0.5 * c.dram.latency_cycles(1), 20.0) * static_cast<double>(walk.num_steps());
}

/// A whole loop, or halves of it in multiples of what fills the hardware, a few times.
std::int64_t random_halves(Random& random, std::int64_t whole, std::int64_t unit) {
  std::int64_t size = whole;
  for (std::int64_t i = random.between(0, 4); i > 0 && size > unit; --i)
    size = std::min(size, round_up(ceil_div<std::int64_t>(size, 2), unit));
  return size;
}

/// The best tiling; nothing where none fits.
std::optional<Tiling> best_of(const Tiler& tiler, const TileProblem& problem) {
  try {
    return tiler.best(problem);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

TEST(TilerTest, NoTilingInHalvesThatFitsIsFasterThanTheChoice) {
  int num_compared = 0;
  for (int seed = 0; seed < kNumProblems; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const TilerCase c = random_tiler_case(random, seed);
    SCOPED_TRACE(c.text);
    const Tiler tiler(c.machine.memory, *c.machine.cost, c.dram);
    const std::optional<Tiling> choice = best_of(tiler, c.problem);
    if (choice) {
      EXPECT_TRUE(fits(c.machine.memory, footprint(c, *choice)));
    }
    const TileExtent unit = c.machine.cost->granularity(c.problem);
    const TileExtent& whole = c.problem.extent();
    for (int i = 0; i < 100; ++i) {
      Tiling other = random_tiling(random, c.problem, *c.machine.cost);
      other.pixels.strip = 0;
      other.tile.pixels = random_halves(random, whole.pixels, unit.pixels);
      const std::int64_t image = c.problem.image_pixels();
      if (c.problem.keeps_images_apart())
        other.tile.pixels = random.one_in(2) ? random_halves(random, image, unit.pixels)
                                             : image * random_halves(random, c.problem.batch(), 1);
      if (other.tile.groups > 1)
        other.tile.groups = random_halves(random, whole.groups, unit.groups);
      if (other.tile.outputs < whole.outputs)
        other.tile.outputs = random_halves(random, whole.outputs, unit.outputs);
      if (other.tile.depth < whole.depth)
        other.tile.depth = random_halves(random, whole.depth, unit.depth);
      if (other.tile.groups < unit.groups || !fits(c.machine.memory, footprint(c, other))) continue;
      ASSERT_TRUE(choice) << "refused, but fits: " << to_string(c.problem, other);
      // It compares whole cycles.
      ASSERT_LE(cycles(c, *choice), cycles(c, other) + exposed(c, other) + 1.0)
          << to_string(c.problem, *choice) << " against " << to_string(c.problem, other);
      ++num_compared;
    }
  }
  EXPECT_GT(num_compared, 10 * kNumProblems);
}

// Windows that are not square are searched as they are, one loop at a time: on tiny maps, and with
// strides that differ, a few searches end with another tiling.
TEST(TilerTest, ATransposedLayerTakesAsLong) {
  int num_farther = 0;
  for (int seed = 0; seed < kNumProblems; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    TilerCase c = random_tiler_case(random, seed);
    const Layer layer = random_layer(random, Op::kConv2d, 24, 32);
    // The dot products of a vector processor run along the rows of a window.
    const bool is_vector = c.machine.name.starts_with("vector");
    if (is_vector && layer.kernel_height != layer.kernel_width) continue;
    c.problem = problem_of(layer, c.machine.memory);
    SCOPED_TRACE(c.text);
    const Tiler tiler(c.machine.memory, *c.machine.cost, c.dram);
    const std::optional<Tiling> choice = best_of(tiler, c.problem);
    TilerCase other = c;
    other.problem = problem_of(transposed_layer(layer), c.machine.memory);
    const std::optional<Tiling> transposed = best_of(tiler, other.problem);
    ASSERT_EQ(choice.has_value(), transposed.has_value());
    if (!choice) continue;
    const double before = cycles(c, *choice) + exposed(c, *choice);
    const double after = cycles(other, *transposed) + exposed(other, *transposed);
    if (std::abs(after - before) > 0.05 * before + 2.0) ++num_farther;
    EXPECT_NEAR(after, before, 0.2 * before + 2.0)
        << to_string(c.problem, *choice) << " and " << to_string(other.problem, *transposed);
  }
  EXPECT_LE(num_farther, kNumProblems / 50);
}

TEST(TilerTest, LargerBuffersAreNeverSlower) {
  for (int seed = 0; seed < kNumProblems; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const TilerCase c = random_tiler_case(random, seed);
    SCOPED_TRACE(c.text);
    const std::optional<Tiling> before =
        best_of(Tiler(c.machine.memory, *c.machine.cost, c.dram), c.problem);
    TilerCase larger = c;
    TileMemory& m = larger.machine.memory;
    for (std::int64_t* bytes : {&m.input.bytes, &m.weight.bytes, &m.output.bytes, &m.shared_bytes})
      *bytes *= random.between(1, 4);
    const std::optional<Tiling> after = best_of(Tiler(m, *c.machine.cost, c.dram), c.problem);
    if (!before) continue;
    ASSERT_TRUE(after);
    EXPECT_LE(cycles(larger, *after), cycles(c, *before) + exposed(c, *before) + 1.0);
  }
}

/// A 1x1 convolution of 64 channels to 16 on a map of 32 columns.
TileProblem wide_problem() {
  Layer l;
  l.ifm = {64, 1, 32};
  l.ofm = {16, 1, 32};
  return {l, 4};
}

SystolicConfig array_of_16(Dataflow dataflow) {
  SystolicConfig c;
  c.rows = c.cols = 16;
  c.dataflow = dataflow;
  c.input = c.weight = c.output = {1 << 20, 2, 16, 4};
  c.accumulator_bytes = 4;
  c.vector_lanes = 16;
  return c;
}

std::string error_of(const Tiler& tiler) {
  try {
    static_cast<void>(tiler.best(wide_problem()));
    return "fits";
  } catch (const InputError& e) {
    return e.what();
  }
}

std::string error_of(const SystolicConfig& c) {
  const systolic::SystolicCost cost(c);
  return error_of(Tiler(c.tile_memory(), cost, dram_of(100, 8)));
}

TEST(TilerTest, RefusalNamesTheBufferAndWhatItWouldNeed) {
  SystolicConfig c = array_of_16(Dataflow::kWeightStationary);
  EXPECT_EQ(error_of(c), "fits");
  c.input.bytes = 1;  // a pixel of one channel
  EXPECT_EQ(error_of(c), "fits");
  c.weight.bytes = 4;  // an output of one weight and a bias
  EXPECT_EQ(error_of(c), "does not fit the weight buffer of 4 bytes: the closest tiling needs 5");
  c.weight.bytes = 5;
  c.output.bytes = 3;  // a partial sum
  EXPECT_EQ(error_of(c), "does not fit the output buffer of 3 bytes: the closest tiling needs 4");
}

// The input fits in parts of the depth, the output only without partial sums.
TEST(TilerTest, RefusalIsTrueWhereEachBufferFitsInSomeTiling) {
  SystolicConfig c = array_of_16(Dataflow::kOutputStationary);
  c.output.bytes = 1;
  EXPECT_EQ(error_of(c), "fits");
  c.input.bytes = 63;  // all channels of a pixel
  EXPECT_EQ(error_of(c), "does not fit the input buffer of 63 bytes: the closest tiling needs 64");
  c.output.bytes = 4;
  EXPECT_EQ(error_of(c), "fits");
}

TEST(TilerTest, RefusalOfASharedMemoryNamesTheNeedOfEachOperand) {
  Random random(1);
  VectorConfig c = random_vector(random);
  c.lanes = 16;
  c.dot_length = 4;
  c.lane_axis = LaneAxis::kChannels;
  c.element = ElementType::kInt8;
  c.accumulator_bytes = 4;
  c.local_memory_bytes = 9;
  const vector::VectorCost cost(c);
  // A pixel of a channel; an output with a weight, a bias and a partial sum.
  EXPECT_EQ(error_of(Tiler(c.tile_memory(), cost, dram_of(100, 8))),
            "does not fit the memory of 9 bytes that its tiles share: the closest tiling needs 1 "
            "of input, 5 of weights and 4 of output a slot");
}

// Every tiling of the separate buffers fits a unified one that has their bytes in sum.
TEST(TilerTest, AUnifiedBufferOfTheSameBytesIsNeverSlower) {
  int num_compared = 0;
  int num_faster = 0;
  for (int seed = 0; seed < 2 * kNumProblems; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    TilerCase c = random_tiler_case(random, seed);
    if (c.machine.memory.shared_bytes > 0) continue;
    SCOPED_TRACE(c.text);
    const std::optional<Tiling> before =
        best_of(Tiler(c.machine.memory, *c.machine.cost, c.dram), c.problem);
    TilerCase unified = c;
    TileMemory& m = unified.machine.memory;
    for (TileMemory::Buffer* buffer : {&m.input, &m.weight, &m.output}) {
      if (random.one_in(4)) continue;  // stays a separate memory
      m.shared_bytes += buffer->num_slots * buffer->bytes;
      buffer->bytes = 0;
    }
    const std::optional<Tiling> after = best_of(Tiler(m, *c.machine.cost, c.dram), c.problem);
    if (!before) continue;
    ASSERT_TRUE(after);
    ++num_compared;
    const double separate = cycles(c, *before);
    EXPECT_LE(cycles(unified, *after), separate + exposed(c, *before) + 1.0);
    if (cycles(unified, *after) < 0.9 * separate) ++num_faster;
  }
  EXPECT_GT(num_compared, kNumProblems / 2);
  EXPECT_GT(num_faster, 0);
}

std::string error_of(const SystolicConfig& c, const TileProblem& problem) {
  const systolic::SystolicCost cost(c);
  try {
    static_cast<void>(Tiler(c.tile_memory(), cost, dram_of(100, 8)).best(problem));
    return "fits";
  } catch (const InputError& e) {
    return e.what();
  }
}

// 1 M pixels in tiles of 4 are as many as are tried; smaller tiles fit, but are too many.
TEST(TilerTest, ABufferThatHoldsATileIsNotCalledTooSmall) {
  Layer l;
  l.ifm = {1, 1024, 1024};
  l.ofm = {1, 1024, 1024};
  const TileProblem problem(l, 4);
  SystolicConfig c = array_of_16(Dataflow::kOutputStationary);
  c.input.bytes = 4;
  EXPECT_EQ(error_of(c, problem), "fits");
  c.input.bytes = 2;
  EXPECT_NE(error_of(c, problem), "fits");
  EXPECT_EQ(error_of(c, problem).find("does not fit"), std::string::npos);
}

TEST(TilerTest, AnyNumberOfChannelsFitsWhereOneDoes) {
  Layer l;
  l.op = Op::kDepthwiseConv2d;
  l.kernel_height = l.kernel_width = 3;
  l.ifm = {65536, 34, 34};
  l.ofm = {65536, 32, 32};
  SystolicConfig c = array_of_16(Dataflow::kOutputStationary);
  c.input.bytes = c.weight.bytes = c.output.bytes = 64;
  EXPECT_EQ(error_of(c, TileProblem(l, 4)), "fits");
}

// Windows that no buffer holds are cut within; each cut of thousands of taps costs time.
TEST(TilerTest, TheSearchIsBoundedForWindowsOfAnySize) {
  for (const std::int64_t kernel : {101, 1021}) {
    Layer l;
    l.kernel_height = l.kernel_width = kernel;
    l.ifm = {8, 1500, 1500};
    l.ofm = {8, 1501 - kernel, 1501 - kernel};
    SystolicConfig c = array_of_16(Dataflow::kWeightStationary);
    c.input.bytes = c.weight.bytes = c.output.bytes = 2048;
    const std::clock_t begin = std::clock();
    static_cast<void>(error_of(c, TileProblem(l, 4)));
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, 20.0) << kernel;  // a minute and more without a bound
  }
}

}  // namespace
}  // namespace tilewake
