// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_mapper.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/mapping/tiled/tiled_graph.hpp"
#include "simulator/mapping/tiled/tiler.hpp"

namespace tilewake {
namespace {

// Beyond this many steps a simulation takes minutes: the machine is too small for the network.
constexpr std::int64_t kMaxSteps = 50'000'000;

class TiledMapper {
 public:
  TiledMapper(const Network& network, const TiledMachine& machine)
      : network_(network),
        machine_(machine),
        tiler_(machine.memory, *machine.cost, machine.dram),
        graph_(make_tiled_graph(network, machine.fuse_elementwise, weights_end())) {
    tiled_.memory = machine.memory;
    tiled_.cost = machine.cost;
  }

  Program map() {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) map_layer(static_cast<int>(i));
    if (num_steps_ > kMaxSteps)
      throw InputError(fmt::format("needs {} steps on this machine; at most {} are simulated",
                                   num_steps_, kMaxSteps));
    program_.schedule = "tiled";
    program_.core = std::move(tiled_);
    return std::move(program_);
  }

 private:
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }
  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }

  /// Weights and biases lie in front of all tensors, in the order in which they are needed.
  std::int64_t weights_end() const {
    std::int64_t bytes = 0;
    for (const Layer& l : network_.layers) bytes += stored_weight_bytes(l);
    return bytes;
  }
  std::int64_t stored_weight_bytes(const Layer& l) const {
    const std::int64_t biases = l.has_weights() && l.bias ? l.ofm.channels : 0;
    return l.weight_bytes() + biases * machine_.memory.accumulator_bytes;
  }

  void map_layer(int index) {
    const TiledGraph::Node& n = node(index);
    writers_.emplace_back();
    program_.layers.push_back({index, "", ""});
    if (n.host >= 0) {
      program_.layers.back().fused_into = layer(n.host).name;
      writers_.back() = writers_of(n.host);
    } else if (layer(index).op == Op::kConcat) {
      map_concat(index);
    } else {
      map_node(index);
    }
  }

  void map_node(int index) {
    const Layer& l = layer(index);
    TiledLayer tiled{index, TileProblem(l, machine_.memory.accumulator_bytes), {}, {}};
    int first = l.inputs[0];
    int second = node(index).second;
    if (l.is_elementwise()) {
      second = l.inputs[1];
      if (network_.shape_of(first) != l.ifm) std::swap(first, second);
    }
    if (l.is_elementwise() || node(index).fused >= 0) {
      const bool is_map = network_.shape_of(second) == l.ofm;
      tiled.problem.set_second(is_map ? TileProblem::Second::kMap : TileProblem::Second::kVector);
    }
    const Shape& map = network_.shape_of(first);
    tiled.input_address = graph_.address_of(first) + l.first_channel * map.height * map.width;
    add_reads(tiled, first);
    if (tiled.problem.has_second()) {
      tiled.second_address = graph_.address_of(second);
      add_reads(tiled, second);
    }
    tiled.weight_address = weights_used_;
    weights_used_ += stored_weight_bytes(l);
    tiled.output_address = node(index).address;
    add(std::move(tiled), l.name);
    writers_.back() = {static_cast<int>(tiled_.layers.size()) - 1};
  }

  void map_concat(int index) {
    const Layer& l = layer(index);
    std::vector<std::string> producers;
    std::vector<int> writers;
    std::int64_t address = node(index).address;
    for (std::size_t k = 0; k < l.inputs.size(); ++k) {
      const int input = l.inputs[k];
      const Shape& shape = network_.shape_of(input);
      const std::vector<int>& copies = node(index).copies;
      if (std::find(copies.begin(), copies.end(), static_cast<int>(k)) != copies.end()) {
        copy(index, input, address);
        writers.push_back(static_cast<int>(tiled_.layers.size()) - 1);
      } else {
        const int host = node(input).host;
        producers.push_back(layer(host >= 0 ? host : input).name);
        for (const int writer : writers_of(input)) writers.push_back(writer);
      }
      address += shape.num_elements();
    }
    if (node(index).copies.empty())
      program_.layers.back().fused_into = fmt::format("{}", fmt::join(producers, "+"));
    writers_.back() = std::move(writers);
  }

  void copy(int concat, int input, std::int64_t address) {
    Layer l;
    l.op = Op::kConcat;
    l.ifm = l.ofm = network_.shape_of(input);
    TiledLayer tiled{concat, TileProblem(l, 0), {}, {}};
    tiled.input_address = graph_.address_of(input);
    tiled.output_address = address;
    add_reads(tiled, input);
    add(std::move(tiled), layer(concat).name);
  }

  std::vector<int> writers_of(int index) const {
    if (index == kNetworkInput) return {};
    return writers_[static_cast<std::size_t>(index)];
  }

  void add_reads(TiledLayer& tiled, int input) const {
    for (const int writer : writers_of(input)) tiled.reads_from.push_back(writer);
  }

  void add(TiledLayer tiled, const std::string& name) {
    tiled.tiling = tiling_of(tiled.problem, name);
    tiled.sums_address = graph_.end_address;
    num_steps_ +=
        TileWalk(tiled.problem, tiled.tiling, machine_.cost->stationary(tiled.problem)).num_steps();
    program_.layers.back().plan = to_string(tiled.problem, tiled.tiling);
    tiled_.layers.push_back(std::move(tiled));
  }

  /// Networks repeat their layers: each problem is searched once.
  Tiling tiling_of(const TileProblem& problem, const std::string& name) {
    for (const TiledLayer& known : tiled_.layers)
      if (known.problem == problem) return known.tiling;
    try {
      const Tiling tiling = tiler_.best(problem);
      if (compute_cycles_of(problem, cuts_of(problem, tiling.tile), tiling, *machine_.cost) ==
          kMaxTiledCycles)
        throw InputError(fmt::format("would take more than {} cycles", kMaxTiledCycles));
      return tiling;
    } catch (const InputError& e) {
      throw InputError(fmt::format("layer {}: {}", name, e.what()));
    }
  }

  const Network& network_;
  const TiledMachine& machine_;
  Tiler tiler_;
  TiledGraph graph_;
  Program program_;
  TiledProgram tiled_;
  std::vector<std::vector<int>> writers_;  // tiled layers that write a network layer's output
  std::int64_t weights_used_ = 0;
  std::int64_t num_steps_ = 0;
};

}  // namespace

Program map_tiled(const Network& network, const TiledMachine& machine) {
  return TiledMapper(network, machine).map();
}

}  // namespace tilewake
