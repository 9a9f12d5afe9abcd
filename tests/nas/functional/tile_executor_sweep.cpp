// SPDX-License-Identifier: Apache-2.0
// Functional simulation on random networks, machines and tilings.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nas/functional/tile_executor.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"
#include "simulator/network/network_yaml.hpp"
#include "tests/mapping/tiled_costs.hpp"
#include "tests/nas/quantization/quantized_networks.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

constexpr int kNumCases = num_cases(2000);

QuantizedNetwork with_integers(const Network& network, std::uint64_t seed) {
  QuantizationOptions options;
  options.ranges = RangeMethod::kMinMax;
  options.equalize = false;
  options.correct_bias = false;
  return quantize(network, random_weights(network, seed), random_images(network, 4, seed), options)
      .quantized;
}

struct MappedCase {
  QuantizedNetwork quantized;
  Program program;
  bool fuses = false;
  std::vector<float> image;
};

TiledProgram& tiled(MappedCase& mapped) { return std::get<TiledProgram>(mapped.program.core); }

/// The mapper's program for a random machine; half of them with random tilings instead.
MappedCase random_case(std::uint64_t seed) {
  Random random(seed);
  MappedCase mapped;
  mapped.quantized = with_integers(random_quantizable_network(seed % 40), seed % 40);
  const Network& network = mapped.quantized.network;
  mapped.image = image_values(random_images(network, 1, seed), 0);
  mapped.fuses = random.one_in(2);
  while (true) {
    TiledCosts costs = random_costs(random);
    while (costs.memory.element_bytes > 1) costs = random_costs(random);  // int8
    costs.memory.accumulator_bytes = 4;
    if (random.one_in(2))
      costs.memory.features = {random.between(1, 8) * 1024, random.between(1, 64),
                               random.one_in(2)};
    const TiledMachine machine{costs.memory, costs.cost, mapped.fuses, dram_of(20, 8)};
    try {
      mapped.program = map_tiled(network, machine);
    } catch (const InputError&) {
      continue;  // a tile of one output does not fit
    }
    break;
  }
  if (random.one_in(2)) {
    TiledProgram& program = tiled(mapped);
    for (TiledLayer& layer : program.layers)
      layer.tiling = random_tiling(random, layer.problem, *program.cost);
  }
  return mapped;
}

std::vector<TileStep> steps_of(const TiledProgram& program, int index) {
  const TiledLayer& layer = program.layers[static_cast<std::size_t>(index)];
  std::vector<TileStep> steps;
  for (TileWalk walk(layer.problem, layer.tiling, program.cost->stationary(layer.problem));
       !walk.done(); walk.next())
    steps.push_back(walk.step());
  return steps;
}

std::string plan_text(const TiledProgram& program) {
  std::string text;
  for (const TiledLayer& layer : program.layers)
    text += to_string(layer.problem, layer.tiling) + "\n";
  return text;
}

TEST(TileExecutorSweep, EqualsTheReferenceToTheInteger) {
  for (int i = 0; i < kNumCases; ++i) {
    SCOPED_TRACE(i);
    MappedCase mapped = random_case(static_cast<std::uint64_t>(i));
    const std::string plan = plan_text(tiled(mapped));
    const TileExecutor executor(mapped.quantized, mapped.program, mapped.fuses);
    const std::vector<IntegerMap> expected = executor.reference().run_all(mapped.image);
    TileResult result;
    ASSERT_NO_THROW(result = executor.run(mapped.image)) << plan;
    std::size_t compared = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      if (result.maps[k].empty()) continue;  // fused
      ++compared;
      ASSERT_EQ(result.maps[k], expected[k]) << mapped.quantized.network.layers[k].name << "\n"
                                             << plan;
    }
    ASSERT_FALSE(result.maps.back().empty());
    ASSERT_GE(2 * compared, expected.size());
  }
}

/// MobileNetV2 at 64 pixels, whose layers are those at 224.
TEST(TileExecutorSweep, RunsMobileNetV2OnShippedMachines) {
  std::string text = read_text_file(source_path("networks/mobilenet_v2.yaml").string(), 1 << 20);
  const std::string size = "height: 224, width: 224";
  const std::size_t at = text.find(size);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, size.size(), "height: 64, width: 64");
  const QuantizedNetwork quantized = with_integers(read_network_text(text, "small"), 1);
  const std::vector<float> image = image_values(random_images(quantized.network, 1, 1), 0);
  const IntegerExecutor reference(quantized);
  const std::vector<IntegerMap> expected = reference.run_all(image);
  for (const char* machine : {"edge_systolic_32", "tpu_like_128", "dsp_like"}) {
    SCOPED_TRACE(machine);
    const TileResult result = TileExecutor(quantized, shipped_machine(machine)).run(image);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (!result.maps[i].empty()) EXPECT_EQ(result.maps[i], expected[i]);
  }
}

/// Whether the run ends with an error of the mapping or another result.
bool is_caught(const MappedCase& mapped, const TileExecutor::StepsOf& steps) {
  const TileExecutor executor(mapped.quantized, mapped.program, mapped.fuses);
  try {
    return executor.run(mapped.image, steps).maps != executor.run(mapped.image).maps;
  } catch (const std::logic_error&) {
    return true;
  }
}

/// The same of a program that was changed, against the reference.
bool is_caught_at_all(const MappedCase& mapped) {
  try {
    const TileExecutor executor(mapped.quantized, mapped.program, mapped.fuses);
    const TileResult result = executor.run(mapped.image);
    const std::vector<IntegerMap> expected = executor.reference().run_all(mapped.image);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (!result.maps[i].empty() && result.maps[i] != expected[i]) return true;
    return false;
  } catch (const std::logic_error&) {
    return true;
  }
}

TEST(TileExecutorSweep, CatchesATileThatIsDroppedOrDoneTwice) {
  Random random(7);
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(num_cases(80)); ++seed) {
    MappedCase mapped = random_case(seed);
    const TiledProgram& program = tiled(mapped);
    const auto index =
        static_cast<int>(random.between(0, static_cast<std::int64_t>(program.layers.size()) - 1));
    const std::vector<TileStep> steps = steps_of(program, index);
    const auto at =
        static_cast<std::ptrdiff_t>(random.between(0, static_cast<std::int64_t>(steps.size()) - 1));
    const auto run_with = [&](const std::vector<TileStep>& changed) {
      return is_caught(mapped, [&](int i) { return i == index ? changed : steps_of(program, i); });
    };
    std::vector<TileStep> dropped = steps;
    dropped.erase(dropped.begin() + at);
    EXPECT_TRUE(run_with(dropped)) << seed;
    std::vector<TileStep> twice = steps;
    twice.insert(twice.begin() + at, steps[static_cast<std::size_t>(at)]);
    EXPECT_TRUE(run_with(twice)) << seed;
  }
}

/// Whether `step` uses an operand that was loaded for its own block, so that it cannot have
/// `other`.
bool depends_on_order(const TiledLayer& layer, const TileStep& step, const TileBlock& other) {
  const TileBlock& own = step.block;
  const bool other_depth = !(own.groups == other.groups && own.depth == other.depth);
  return (!step.loads_input && (other_depth || !(own.pixels == other.pixels))) ||
         (layer.problem.has_weights() && !step.loads_weights &&
          (other_depth || !(own.outputs == other.outputs)));
}

TEST(TileExecutorSweep, CatchesTilesThatAreSwapped) {
  Random random(8);
  const int wanted = num_cases(80);
  int tried = 0;
  for (std::uint64_t seed = 0; tried < wanted; ++seed) {
    MappedCase mapped = random_case(seed);
    const TiledProgram& program = tiled(mapped);
    const auto index =
        static_cast<int>(random.between(0, static_cast<std::int64_t>(program.layers.size()) - 1));
    std::vector<TileStep> steps = steps_of(program, index);
    const auto pick = [&] {
      return static_cast<std::size_t>(
          random.between(0, static_cast<std::int64_t>(steps.size()) - 1));
    };
    const std::size_t at = pick();
    const std::size_t other = pick();
    if (!depends_on_order(program.layers[static_cast<std::size_t>(index)], steps[at],
                          steps[other].block))
      continue;
    std::swap(steps[at].block, steps[other].block);
    ++tried;
    EXPECT_TRUE(is_caught(mapped, [&](int i) { return i == index ? steps : steps_of(program, i); }))
        << seed;
  }
}

/// An input that is read at another address, and a missing wait for the layers that write it.
TEST(TileExecutorSweep, CatchesAddressesAndWaitsThatAreWrong) {
  Random random(9);
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(num_cases(80)); ++seed) {
    MappedCase moved = random_case(seed);
    std::vector<TiledLayer>& layers = tiled(moved).layers;
    const auto index =
        static_cast<std::size_t>(random.between(1, static_cast<std::int64_t>(layers.size()) - 1));
    ++layers[index].input_address;
    EXPECT_TRUE(is_caught_at_all(moved)) << seed;
    MappedCase hasty = random_case(seed);
    for (TiledLayer& layer : tiled(hasty).layers) layer.reads_from.clear();
    EXPECT_TRUE(is_caught_at_all(hasty)) << seed;
  }
}

}  // namespace
}  // namespace tilewake
