// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_mapper.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/mapping/fused_names.hpp"
#include "simulator/mapping/tiled/feature_residency.hpp"
#include "simulator/mapping/tiled/tiled_graph.hpp"
#include "simulator/mapping/tiled/tiler.hpp"

namespace tilewake {
namespace {

// Cost of the search of a tiling, in steps (some tens of microseconds).
constexpr double kSearchSteps = 200.0;

class TiledMapper {
 public:
  TiledMapper(const Network& network, const TiledMachine& machine, const MappingOptions& options)
      : network_(network),
        machine_(machine),
        options_(options),
        budget_(options),
        tiler_(machine.memory, *machine.cost, machine.dram),
        graph_(make_tiled_graph(network, machine.fuse_elementwise, weights_end())) {
    std::vector<std::int64_t> weight_bytes;
    std::int64_t address = 0;
    for (const Layer& l : network.layers) {
      weight_bytes.push_back(stored_weight_bytes(l));
      weight_address_.push_back(address);
      address += weight_bytes.back();
    }
    places_ = place_on_chip(network, graph_, weight_bytes, machine.memory.features, machine.dram);
    tiled_.memory = machine.memory;
    tiled_.cold = options.cold;
    tiled_.cost = machine.cost;
  }

  Program map() {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      if (options_.on_layer) options_.on_layer(network_.layers[i].name, i, network_.layers.size());
      map_layer(static_cast<int>(i));
    }
    program_.schedule = "tiled";
    program_.core = std::move(tiled_);
    return std::move(program_);
  }

 private:
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }
  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }

  /// Weights and biases are stored before all tensors, in the order of use.
  std::int64_t weights_end() const {
    std::int64_t bytes = 0;
    for (const Layer& l : network_.layers) bytes += stored_weight_bytes(l);
    return bytes;
  }
  std::int64_t stored_weight_bytes(const Layer& l) const {
    if (l.weights_of >= 0) return 0;
    if (l.op == Op::kEmbedding) return l.num_params();
    const std::int64_t biases = l.has_weights() && l.bias ? l.ofm.channels : 0;
    return l.weight_bytes() + biases * machine_.memory.accumulator_bytes;
  }

  void map_layer(int index) {
    const TiledGraph::Node& n = node(index);
    writers_.emplace_back();
    program_.layers.push_back({index, "", ""});
    ProgramLayer& row = program_.layers.back();
    if (!places_.outputs.empty()) {
      const Place& place = places_.outputs[static_cast<std::size_t>(index)];
      row.output_in = place.on_chip ? "chip" : "dram";
      row.spill_reason = place.reason;
    }
    if (!places_.weights.empty() && layer(index).has_weights()) {
      const int owner = layer(index).weights_of >= 0 ? layer(index).weights_of : index;
      const Place& place = places_.weights[static_cast<std::size_t>(owner)];
      row.weights_in = place.on_chip ? "chip" : "dram";
      row.weights_reason = place.reason;
    }
    if (n.host >= 0) {
      row.fused_into = layer(n.host).name;
      writers_.back() = writers_of(n.host);
    } else if (layer(index).is_source()) {
      row.fused_into = "input";
    } else if (layer(index).op == Op::kChannelSplit) {
      const int input = layer(index).inputs[0];
      row.fused_into = input == kNetworkInput ? "input" : layer(worker_of(input)).name;
      writers_.back() = writers_of(input);
    } else if (layer(index).op == Op::kConcat) {
      map_concat(index);
    } else {
      map_node(index);
    }
  }

  void map_node(int index) {
    const Layer& l = layer(index);
    if (static_cast<int>(l.op) > static_cast<int>(Op::kChannelShuffle)) {
      throw InputError(fmt::format("layer {}: {} is not modelled yet", l.name, to_string(l.op)));
    }
    TiledLayer tiled{
        index, TileProblem(l, machine_.memory.accumulator_bytes, network_.batch), {}, {}};
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
    const auto owner = static_cast<std::size_t>(l.weights_of >= 0 ? l.weights_of : index);
    const bool has_resident_weights = !places_.weights.empty() && places_.weights[owner].on_chip;
    tiled.problem.set_on_chip({is_on_chip(first), tiled.problem.has_second() && is_on_chip(second),
                               is_on_chip(index), has_resident_weights});
    const Shape& map = network_.shape_of(first);
    tiled.input_address =
        graph_.address_of(first) + network_.batch * l.first_channel * map.height * map.width;
    add_reads(tiled, first);
    if (tiled.problem.has_second()) {
      tiled.second_address = graph_.address_of(second);
      add_reads(tiled, second);
    }
    tiled.weight_address = weight_address_[owner];
    tiled.output_address = node(index).address;
    add(std::move(tiled), l.name);
    writers_.back() = {static_cast<int>(tiled_.layers.size()) - 1};
  }

  void map_concat(int index) {
    const Layer& l = layer(index);
    FusedNames producers;
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
        producers.add(layer(worker_of(input)).name);
        for (const int writer : writers_of(input)) writers.push_back(writer);
      }
      address += network_.batch * shape.num_elements();
    }
    if (node(index).copies.empty()) program_.layers.back().fused_into = producers.text();
    budget_.spend(l.name, static_cast<double>(writers.size()));  // nested ones repeat them
    writers_.back() = std::move(writers);
  }

  void copy(int concat, int input, std::int64_t address) {
    Layer l;
    l.op = Op::kConcat;
    l.ifm = l.ofm = network_.shape_of(input);
    TiledLayer tiled{concat, TileProblem(l, 0, network_.batch), {}, {}};
    tiled.input_address = graph_.address_of(input);
    tiled.output_address = address;
    tiled.problem.set_on_chip({is_on_chip(input), false, is_on_chip(concat)});
    add_reads(tiled, input);
    add(std::move(tiled), layer(concat).name);
  }

  /// Whether the output of a layer, or the network's input, is in the memory of feature maps.
  bool is_on_chip(int index) const {
    return index != kNetworkInput && !places_.outputs.empty() &&
           places_.outputs[static_cast<std::size_t>(index)].on_chip;
  }

  /// The layer that does the work of `index`.
  int worker_of(int index) const { return node(index).host >= 0 ? node(index).host : index; }

  std::vector<int> writers_of(int index) const {
    if (index == kNetworkInput) return {};
    return writers_[static_cast<std::size_t>(index)];
  }

  void add_reads(TiledLayer& tiled, int input) const {
    for (const int writer : writers_of(input)) tiled.reads_from.push_back(writer);
  }

  void add(TiledLayer tiled, const std::string& name) {
    TilingPlan plan = plan_of(tiled.problem, name);
    tiled.tiling = plan.tiling;
    tiled.sums_address = graph_.end_address;
    budget_.spend(name, plan.steps);
    program_.layers.back().steps += plan.steps;
    program_.layers.back().milestones += plan.num_tiles;
    program_.layers.back().plan = std::move(plan.text);
    tiled_.layers.push_back(std::move(tiled));
  }

  TilingPlan plan_of(const TileProblem& problem, const std::string& name) {
    return machine_.tilings->plan_of(problem, [&] {
      budget_.spend(name, kSearchSteps);
      try {
        return search_plan(problem);
      } catch (const InputError& e) {
        throw InputError(fmt::format("layer {}: {}", name, e.what()));
      }
    });
  }

  TilingPlan search_plan(const TileProblem& problem) const {
    TilingPlan plan;
    plan.tiling = tiler_.best(problem);
    const LoopCuts cuts = cuts_of(problem, plan.tiling);
    if (compute_cycles_of(problem, cuts, plan.tiling, *machine_.cost) == kMaxTiledCycles)
      throw InputError(fmt::format("would take more than {} cycles", kMaxTiledCycles));
    plan.num_tiles = TileWalk(problem, plan.tiling, machine_.cost->stationary(problem)).num_steps();
    const double bytes =
        traffic_of(problem, cuts, plan.tiling, machine_.memory.accumulator_bytes).total();
    plan.steps = static_cast<double>(plan.num_tiles) + bytes / machine_.dram.step_bytes();
    plan.text = to_string(problem, plan.tiling);
    return plan;
  }

  const Network& network_;
  const TiledMachine& machine_;
  const MappingOptions& options_;
  StepBudget budget_;
  Tiler tiler_;
  TiledGraph graph_;
  Places places_;
  Program program_;
  TiledProgram tiled_;
  std::vector<std::vector<int>> writers_;  // by network layer: tiled layers that write its output
  std::vector<std::int64_t> weight_address_;  // by network layer
};

}  // namespace

Program map_tiled(const Network& network, const TiledMachine& machine,
                  const MappingOptions& options) {
  return TiledMapper(network, machine, options).map();
}

}  // namespace tilewake
