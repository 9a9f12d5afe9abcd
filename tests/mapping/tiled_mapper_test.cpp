// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_mapper.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/mapping/tiled/tiled_graph.hpp"
#include "simulator/network/network_builder.hpp"
#include "tests/mapping/tiled_costs.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/mapped_networks.hpp"

namespace tilewake {
namespace {

constexpr int kNumMappedNetworks = 90;  // of which every third moves channels

Network mapped_network_of_seed(int seed) {
  return seed % 3 == 2 ? moving_network(seed) : random_network(seed);
}

/// A machine on which everything fits.
TiledMachine large_machine(Random& random) {
  TiledCosts costs = random_costs(random);
  TileMemory& memory = costs.memory;
  for (TileMemory::Buffer* buffer : {&memory.input, &memory.weight, &memory.output})
    buffer->bytes = std::int64_t{1} << 24;
  if (memory.shared_bytes > 0) memory.shared_bytes = std::int64_t{1} << 26;
  return {memory, costs.cost, random.one_in(2), dram_of(100, 16)};
}

/// A byte of DRAM: of an element of a layer's output.
struct Content {
  int layer = -2;
  std::int64_t element = -1;
  int writer = -1;  // TiledProgram::layers
  bool is(const Content& other) const { return layer == other.layer && element == other.element; }
};

/// Carries a program out, whole layers at a time, on a DRAM that remembers what each byte is.
class SymbolicDram {
 public:
  SymbolicDram(const Network& network, std::int64_t bytes, std::int64_t element_bytes)
      : network_(network), element_bytes_(element_bytes), dram_(static_cast<std::size_t>(bytes)) {}

  void put_input(std::int64_t address) { write(address, kNetworkInput, -1); }

  /// Expects the elements of `layer`'s tensor from `address` on, written by layers that `reader`
  /// waits for.
  void expect(const TiledLayer& reader, std::int64_t address, int layer) const {
    const std::set<int> known(reader.reads_from.begin(), reader.reads_from.end());
    const std::int64_t size = network_.shape_of(layer).num_elements() * element_bytes_;
    for (std::int64_t i = 0; i < size; ++i) {
      const Content& found = dram_.at(static_cast<std::size_t>(address + i));
      ASSERT_TRUE(found.is(element_of(layer, i / element_bytes_)))
          << "byte " << i << " of layer " << layer << " is not at the address of the read";
      ASSERT_TRUE(found.writer < 0 || known.contains(found.writer))
          << "does not wait for layer " << found.writer;
    }
  }

  void write(std::int64_t address, int layer, int writer) {
    const std::int64_t size = network_.shape_of(layer).num_elements() * element_bytes_;
    for (std::int64_t i = 0; i < size; ++i) {
      Content content = element_of(layer, i / element_bytes_);
      content.writer = writer;
      dram_.at(static_cast<std::size_t>(address + i)) = content;
    }
  }

 private:
  /// Concats and splits compute nothing.
  Content element_of(int layer, std::int64_t element) const {
    if (layer == kNetworkInput) return {layer, element};
    const Layer& l = network_.layers[static_cast<std::size_t>(layer)];
    if (l.op == Op::kChannelSplit)
      return element_of(l.inputs[0], l.first_channel * l.ifm.height * l.ifm.width + element);
    if (l.op != Op::kConcat) return {layer, element};
    for (const int input : l.inputs) {
      const std::int64_t size = network_.shape_of(input).num_elements();
      if (element < size) return element_of(input, element);
      element -= size;
    }
    return {};
  }

  const Network& network_;
  const std::int64_t element_bytes_;
  std::vector<Content> dram_;
};

/// Layers that are fused, by the one that computes them.
std::map<std::string, int> fused_layers(const Network& network, const Program& program) {
  std::map<std::string, int> fused;
  for (const ProgramLayer& l : program.layers) {
    const Layer& layer = network.layers[static_cast<std::size_t>(l.network_layer)];
    const bool is_view = layer.op == Op::kConcat || layer.op == Op::kChannelSplit;
    if (!l.fused_into.empty() && !is_view) fused[l.fused_into] = l.network_layer;
  }
  return fused;
}

TEST(TiledMapperTest, EveryLayerReadsWhatWasComputedForItAndWaitsForIt) {
  for (int seed = 0; seed < kNumMappedNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    const Network network = mapped_network_of_seed(seed);
    const TiledMachine machine = large_machine(random);
    const Program program = map_tiled(network, machine);
    const auto& tiled = std::get<TiledProgram>(program.core);
    const std::map<std::string, int> fused = fused_layers(network, program);
    const TiledGraph graph =
        make_tiled_graph(network, machine.fuse_elementwise, 0, machine.memory.element_bytes);
    const std::int64_t input_address =
        tiled.layers.front().sums_address - graph.end_address + graph.input_address;
    SymbolicDram dram(network, tiled.layers.front().sums_address, machine.memory.element_bytes);
    dram.put_input(input_address);
    std::vector<int> next_copy(network.layers.size());
    std::int64_t weights_end = 0;
    for (std::size_t i = 0; i < tiled.layers.size(); ++i) {
      const TiledLayer& t = tiled.layers[i];
      const int index = t.program_layer;
      const Layer& l = network.layers[static_cast<std::size_t>(index)];
      SCOPED_TRACE("layer " + std::to_string(index) + " " + l.name);
      for (const int writer : t.reads_from) ASSERT_LT(writer, static_cast<int>(i));
      if (l.op == Op::kConcat) {
        const auto& copies = graph.nodes[static_cast<std::size_t>(index)].copies;
        const int position =
            copies.at(static_cast<std::size_t>(next_copy[static_cast<std::size_t>(index)]++));
        const int input = l.inputs.at(static_cast<std::size_t>(position));
        dram.expect(t, t.input_address, input);
        dram.write(t.output_address, input, static_cast<int>(i));
      } else {
        int first = l.inputs[0];
        int second = -2;
        int result = index;
        if (l.is_elementwise()) {
          second = l.inputs[1];
          if (network.shape_of(first) != l.ifm) std::swap(first, second);
        } else if (fused.contains(l.name)) {
          result = fused.at(l.name);
          const std::vector<int>& operands =
              network.layers[static_cast<std::size_t>(result)].inputs;
          second = operands[0] == index ? operands[1] : operands[0];
        }
        const Shape& map = network.shape_of(first);
        const std::int64_t skipped = l.first_channel * map.height * map.width;
        dram.expect(t, t.input_address - skipped * machine.memory.element_bytes, first);
        EXPECT_EQ(t.problem.has_second(), second != -2);
        if (second != -2) dram.expect(t, t.second_address, second);
        dram.write(t.output_address, result, static_cast<int>(i));
      }
      const TileExtent& e = t.problem.extent();
      EXPECT_EQ(t.weight_address, l.op == Op::kConcat ? 0 : weights_end);
      weights_end +=
          t.problem.weight_bytes({{0, e.groups}, {0, e.pixels}, {0, e.outputs}, {0, e.depth}});
      EXPECT_LE(weights_end, input_address);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(TiledMapperTest, EveryLayerIsComputedOnceOrFused) {
  for (int seed = 0; seed < kNumMappedNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    const Network network = mapped_network_of_seed(seed);
    const Program program = map_tiled(network, large_machine(random));
    const auto& tiled = std::get<TiledProgram>(program.core);
    std::vector<int> times(network.layers.size());
    for (const TiledLayer& l : tiled.layers) ++times.at(static_cast<std::size_t>(l.program_layer));
    ASSERT_EQ(program.layers.size(), network.layers.size());
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const bool is_concat = network.layers[i].op == Op::kConcat;
      EXPECT_EQ(program.layers[i].network_layer, static_cast<int>(i));
      EXPECT_EQ(program.layers[i].fused_into.empty(), times[i] > 0);
      EXPECT_TRUE(is_concat || times[i] <= 1);
    }
  }
}

TEST(TiledMapperTest, TransposeThatMovesNothingCostsNothing) {
  const auto program_of = [](bool transposes) {
    NetworkBuilder builder("n", {8, 4, 4});
    const auto add = [&](const char* name, Op op, std::vector<int> inputs, Shape to) {
      Layer l;
      l.name = name;
      l.op = op;
      l.inputs = std::move(inputs);
      l.ofm = to;
      if (op == Op::kTranspose) {
        l.view = {8, 1, 16};
        l.order = {1, 0, 2};
      }
      return builder.add(std::move(l));
    };
    int map = add("a", Op::kConv2d, {kNetworkInput}, {8, 0, 0});
    if (transposes) map = add("t", Op::kTranspose, {map}, {8, 4, 4});
    const int b = add("b", Op::kConv2d, {map}, {8, 0, 0});
    add("all", Op::kConcat, {map, b}, {});
    Random random(7);
    return map_tiled(builder.build(), large_machine(random));
  };
  const Program with = program_of(true);
  const Program without = program_of(false);
  EXPECT_EQ(with.layers[1].fused_into, "a");
  EXPECT_EQ(with.layers[1].steps, 0);
  const auto& tiled = std::get<TiledProgram>(with.core).layers;
  const auto& expected = std::get<TiledProgram>(without.core).layers;
  ASSERT_EQ(tiled.size(), expected.size());
  for (std::size_t i = 0; i < tiled.size(); ++i) {
    EXPECT_TRUE(tiled[i].problem == expected[i].problem);
    EXPECT_EQ(tiled[i].tiling.tile, expected[i].tiling.tile);
    EXPECT_EQ(tiled[i].input_address, expected[i].input_address);
    EXPECT_EQ(tiled[i].output_address, expected[i].output_address);
    EXPECT_EQ(tiled[i].weight_address, expected[i].weight_address);
    EXPECT_EQ(tiled[i].reads_from, expected[i].reads_from);
  }
}

TEST(TiledMapperTest, WeightsOfTilesAreAPartition) {
  for (int seed = 0; seed < 500; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const TileProblem problem = random_problem(random, 4, 1 + seed % 2);
    if (!problem.has_weights()) continue;
    const Tiling tiling = random_tiling(random, problem);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, to_string(problem, tiling)));
    std::map<std::int64_t, std::int64_t> ranges;
    for (TileWalk walk(problem, tiling, Stationary::kNone); !walk.done(); walk.next()) {
      const TileBlock& block = walk.step().block;
      ranges[problem.weight_offset(block)] = problem.weight_bytes(block);
    }
    std::int64_t end = 0;
    for (const auto& [begin, bytes] : ranges) {
      ASSERT_EQ(begin, end);
      end += bytes;
    }
    EXPECT_EQ(end, problem.weight_bytes(problem.extent().groups));
  }
}

TEST(TiledMapperTest, RefusalNamesLayerAndBuffer) {
  NetworkBuilder builder("wide", {64, 4, 32});
  Layer l;
  l.name = "squeeze";
  l.inputs = {kNetworkInput};
  l.ofm.channels = 16;
  builder.add(l);
  const Network network = builder.build();
  Random random(1);
  SystolicConfig c = random_systolic(random);
  c.rows = c.cols = 16;
  c.dataflow = Dataflow::kWeightStationary;
  c.input.bytes = c.output.bytes = 1 << 20;
  c.element = ElementType::kInt8;
  c.weight.bytes = c.accumulator_bytes;  // a bias, but no weight in addition
  const TiledMachine machine{c.tile_memory(), std::make_shared<systolic::SystolicCost>(c), true,
                             dram_of(100, 16)};
  EXPECT_EQ(input_error_of([&] { map_tiled(network, machine); }),
            fmt::format("layer squeeze: does not fit the weight buffer of {} bytes: the closest "
                        "tiling needs {}",
                        c.accumulator_bytes, c.accumulator_bytes + 1));
}

}  // namespace
}  // namespace tilewake
