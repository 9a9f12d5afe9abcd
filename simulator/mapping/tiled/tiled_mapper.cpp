// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/tiled/tiled_mapper.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/mapping/fused_names.hpp"
#include "simulator/mapping/tiled/feature_residency.hpp"
#include "simulator/mapping/tiled/layer_parts.hpp"
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
        graph_(make_tiled_graph(network, machine.fuse_elementwise, weights_end(),
                                machine.memory.element_bytes)) {
    std::vector<std::int64_t> weight_bytes;
    std::int64_t address = 0;
    for (const Layer& l : network.layers) {
      weight_bytes.push_back(stored_weight_bytes(l));
      weight_address_.push_back(address);
      address += weight_bytes.back();
    }
    places_ = place_on_chip(network, graph_, weight_bytes, machine.memory, machine.dram);
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
    program_.estimated_cycles += static_cast<double>(machine_.dispatch.inference_cycles);
    for (const ProgramLayer& l : program_.layers)
      if (l.fused_into.empty())
        program_.estimated_cycles += static_cast<double>(machine_.dispatch.layer_cycles);
    program_.core = std::move(tiled_);
    return std::move(program_);
  }

 private:
  const Layer& layer(int index) const { return network_.layers[static_cast<std::size_t>(index)]; }
  const TiledGraph::Node& node(int index) const {
    return graph_.nodes[static_cast<std::size_t>(index)];
  }

  std::int64_t bytes_of(std::int64_t num_elements) const {
    return num_elements * machine_.memory.element_bytes;
  }
  TileProblem problem_of(const Layer& l, std::int64_t bias_bytes, std::int64_t batch) const {
    return {l, bias_bytes, batch, machine_.memory.element_bytes};
  }

  /// Weights and biases are stored before all tensors, in the order of use.
  std::int64_t weights_end() const {
    std::int64_t bytes = 0;
    for (const Layer& l : network_.layers) bytes += stored_weight_bytes(l);
    return bytes;
  }
  std::int64_t stored_weight_bytes(const Layer& l) const {
    return tilewake::stored_weight_bytes(l, machine_.memory);
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
    const int owner = layer(index).weights_of >= 0 ? layer(index).weights_of : index;
    if (!places_.weights.empty() && stored_weight_bytes(layer(owner)) > 0) {
      const Place& place = places_.weights[static_cast<std::size_t>(owner)];
      row.weights_in = place.on_chip ? "chip" : "dram";
      row.weights_reason = place.reason;
    }
    if (n.host >= 0) {
      row.fused_into = layer(n.host).name;
      writers_.back() = writers_of(n.host);
    } else if (layer(index).is_source()) {
      row.fused_into = "input";
    } else if (is_view_of_input(layer(index))) {
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
    std::vector<Shape> inputs;
    for (const int input : l.inputs) inputs.push_back(network_.shape_of(input));
    for (const LayerPart& part : parts_of(l, inputs, network_.batch, holds_groups(l))) {
      map_part(index, part);
      writers_.back().push_back(static_cast<int>(tiled_.layers.size()) - 1);
    }
  }

  /// Whether the buffers hold a whole group of a softmax or layer_norm, or all channels of a lrn.
  bool holds_groups(const Layer& l) const {
    if (l.op != Op::kSoftmax && l.op != Op::kLayerNorm && l.op != Op::kLrn) return true;
    const TileProblem problem = problem_of(l, machine_.memory.accumulator_bytes, 1);
    const Tiling one_group{{1, 1, problem.extent().outputs, 1}};
    return tiler_.fits(footprint_of(problem, cuts_of(problem, one_group), one_group, *machine_.cost,
                                    machine_.memory.accumulator_bytes));
  }

  void map_part(int index, const LayerPart& part) {
    const Layer& l = layer(index);
    TiledLayer tiled{index, problem_of(part.layer, machine_.memory.accumulator_bytes, part.batch)};
    TileProblem& problem = tiled.problem;
    problem.set_reach(part.reach);
    if (part.biased_outputs >= 0) problem.set_biased_outputs(part.biased_outputs);
    if (part.stores_nothing) problem.set_stores_nothing();
    problem.set_more_operations(more_operations(index, part));

    const auto owner = static_cast<std::size_t>(l.weights_of >= 0 ? l.weights_of : index);
    TileProblem::OnChip on_chip;
    on_chip.weights = !places_.weights.empty() && places_.weights[owner].on_chip;
    tiled.weight_address = weight_address_[owner];
    if (part.input >= 0) {
      const int first = l.inputs[static_cast<std::size_t>(part.input)];
      const Shape& map = network_.shape_of(first);
      on_chip.input = is_on_chip(first);
      tiled.input_address = graph_.address_of(first) +
                            bytes_of(network_.batch * l.first_channel * map.height * map.width);
      add_reads(tiled.reads_from, first);
    } else if (part.input == LayerPart::kTable) {
      on_chip.input = on_chip.weights && !options_.cold;
      tiled.input_address = tiled.weight_address;
    }
    if (part.weights >= 0) {
      const int map = l.inputs[static_cast<std::size_t>(part.weights)];
      tiled.has_map_as_weights = true;
      on_chip.weights = is_on_chip(map);
      tiled.weight_address = graph_.address_of(map);
      add_reads(tiled.weights_from, map);
    }
    const int second =
        part.second >= 0 ? l.inputs[static_cast<std::size_t>(part.second)] : node(index).second;
    if (part.second >= 0 || node(index).fused >= 0) {
      Shape shape = network_.shape_of(second);
      if (l.op == Op::kEmbedding) shape = {1, l.ofm.height, 1};
      if (l.op == Op::kMatmul) shape.channels *= network_.batch;
      problem.set_second(shape);
      on_chip.second = is_on_chip(second);
      tiled.second_address = graph_.address_of(second);
      add_reads(tiled.reads_from, second);
    }
    if (part.statistics.channels > 0) {
      problem.set_second(part.statistics);
      tiled.second_address = graph_.end_address;
      tiled.reads_from.push_back(static_cast<int>(tiled_.layers.size()) - 1);
    }
    on_chip.output = is_on_chip(index) && !part.stores_statistics;
    tiled.output_address = part.stores_statistics
                               ? graph_.end_address
                               : node(index).address + bytes_of(part.output_offset);
    problem.set_on_chip(on_chip);
    add(std::move(tiled), l.name);
  }

  /// Of the vector unit for each output: activations, also that of the fused layer, exponentials
  /// of softmax and powers of lrn.
  std::int64_t more_operations(int index, const LayerPart& part) const {
    if (!part.has_activation) return 0;
    const ActivationOperations& cost = machine_.activation_operations;
    const Layer& l = layer(index);
    std::int64_t operations = cost.of(l.activation);
    if (node(index).fused >= 0) operations += cost.of(layer(node(index).fused).activation);
    // A window over channels counts its sum only: squares and the product with the power are extra.
    if (l.op == Op::kLrn) operations += cost.exponential + (part.layer.op == Op::kLrn ? 0 : 2);
    // With separate sums, exponentials are computed for these, too.
    if (l.op == Op::kSoftmax)
      operations += (part.statistics.channels > 0 ? 2 : 1) * cost.exponential;
    return operations;
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
      if (std::binary_search(copies.begin(), copies.end(), static_cast<int>(k))) {
        copy(index, input, address);
        writers.push_back(static_cast<int>(tiled_.layers.size()) - 1);
      } else {
        producers.add(layer(worker_of(input)).name);
        for (const int writer : writers_of(input)) writers.push_back(writer);
      }
      address += bytes_of(network_.batch * shape.num_elements());
    }
    if (node(index).copies.empty()) program_.layers.back().fused_into = producers.text();
    budget_.spend(l.name, static_cast<double>(writers.size()));  // nested ones repeat them
    writers_.back() = std::move(writers);
  }

  void copy(int concat, int input, std::int64_t address) {
    Layer l;
    l.op = Op::kConcat;
    l.ifm = l.ofm = network_.shape_of(input);
    TiledLayer tiled{concat, problem_of(l, 0, network_.batch)};
    tiled.input_address = graph_.address_of(input);
    tiled.output_address = address;
    tiled.problem.set_on_chip({is_on_chip(input), false, is_on_chip(concat)});
    add_reads(tiled.reads_from, input);
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

  void add_reads(std::vector<int>& reads, int input) const {
    for (const int writer : writers_of(input)) reads.push_back(writer);
  }

  void add(TiledLayer tiled, const std::string& name) {
    TilingPlan plan = plan_of(tiled.problem, name);
    tiled.tiling = plan.tiling;
    tiled.sums_address = graph_.end_address;
    budget_.spend(name, plan.steps);
    program_.layers.back().steps += plan.steps;
    program_.layers.back().milestones += plan.num_tiles;
    program_.estimated_cycles += plan.cycles;
    std::string& text = program_.layers.back().plan;
    if (!text.empty()) text += "; ";
    text += plan.text;
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
    const std::int64_t compute_cycles =
        compute_cycles_of(problem, cuts, plan.tiling, *machine_.cost);
    if (compute_cycles == kMaxTiledCycles)
      throw InputError(fmt::format("would take more than {} cycles", kMaxTiledCycles));
    plan.num_tiles = TileWalk(problem, plan.tiling, machine_.cost->stationary(problem)).num_steps();
    const TilingTraffic traffic =
        traffic_of(problem, cuts, plan.tiling, machine_.memory.accumulator_bytes);
    plan.steps = static_cast<double>(plan.num_tiles) + traffic.total() / machine_.dram.step_bytes();
    // Maps on chip do not wait for DRAM at the ends of the layer.
    const TileProblem::OnChip& on_chip = problem.on_chip();
    const int num_waits = (on_chip.input ? 0 : 1) + (on_chip.output ? 0 : 1);
    plan.cycles =
        estimated_cycles(problem, cuts, traffic, compute_cycles, machine_.memory, machine_.dram) -
        (2 - num_waits) * machine_.dram.least_latency_cycles();
    if (num_waits > 0) plan.cycles += static_cast<double>(plan.num_tiles) * tiler_.step_cycles();
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

Network part_of(Network network, std::int64_t images) {
  set_batch(network, images);
  return network;
}

/// Whether all repetitions of `a` take less time than those of `b`, by more than what the estimates
/// of layers leave out: a layer's first loads overlap the layer before.
bool takes_less(const Program& a, const Program& b) {
  constexpr double kMargin = 0.98;
  return a.estimated_cycles * static_cast<double>(a.repetitions) <
         kMargin * b.estimated_cycles * static_cast<double>(b.repetitions);
}

}  // namespace

std::int64_t stored_weight_bytes(const Layer& layer, const TileMemory& memory) {
  if (layer.weights_of >= 0) return 0;
  if (layer.op == Op::kEmbedding) return memory.element_bytes * layer.num_params();
  const bool has_factors = layer.is_norm() && layer.bias;
  const bool has_biases = (layer.has_weights() && layer.bias) || has_factors;
  return memory.element_bytes * (layer.num_weights() + (has_factors ? layer.ofm.channels : 0)) +
         memory.accumulator_bytes * (has_biases ? layer.ofm.channels : 0);
}

Program map_tiled(const Network& network, const TiledMachine& machine,
                  const MappingOptions& options) {
  if (network.batch == 1 || machine.memory.features.bytes == 0)
    return TiledMapper(network, machine, options).map();
  MappingOptions steady = options;
  steady.cold = false;
  Program best = TiledMapper(network, machine, steady).map();
  steady.on_layer = nullptr;
  std::int64_t images = network.batch;  // of a part
  for (std::int64_t n = network.batch / 2; n >= 1; --n) {
    if (network.batch % n != 0) continue;
    Program program = TiledMapper(part_of(network, n), machine, steady).map();
    program.repetitions = network.batch / n;
    if (!takes_less(program, best)) continue;
    best = std::move(program);
    images = n;
  }
  if (best.repetitions > 1)
    best.schedule = fmt::format("tiled, {} {} at a time", images, images == 1 ? "image" : "images");
  if (!options.cold) return best;
  Program first = TiledMapper(part_of(network, images), machine, options).map();
  if (best.repetitions == 1) return first;
  best.first_repetition = std::make_shared<const Program>(std::move(first));
  return best;
}

}  // namespace tilewake
