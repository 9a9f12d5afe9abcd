// SPDX-License-Identifier: Apache-2.0
#include "simulator/energy/memory_footprint.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "simulator/common/math.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/tiled/tiled_mapper.hpp"
#include "simulator/mapping/tiled/tiling_estimate.hpp"

namespace tilewake {
namespace {

/// Ops whose output is a part of their input's tensor, or the other way round.
bool moves_only(Op op) {
  return op == Op::kConcat || op == Op::kChannelSplit || op == Op::kSlice || op == Op::kTranspose ||
         op == Op::kInput || op == Op::kConstant;
}

/// The places of feature maps, and when each is needed: positions of rows.
class Places {
 public:
  Places(const Network& network, const std::vector<TraceRow>& rows, std::int64_t element_bytes)
      : network_(network),
        rows_(rows),
        element_bytes_(element_bytes),
        parent_(network.layers.size() + 1) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    position_.resize(network.layers.size());
    std::unordered_map<std::string_view, std::size_t> node_of = {{"input", input_node()}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto layer = static_cast<std::size_t>(rows[i].index);
      position_[layer] = i;
      node_of[rows[i].layer] = layer;
    }
    for (const TraceRow& row : rows) {
      if (row.op == Op::kInput || row.op == Op::kConstant) continue;
      std::string_view names = row.fused_into;
      while (!names.empty()) {
        const std::size_t plus = std::min(names.find('+'), names.size());
        const auto found = node_of.find(names.substr(0, plus));
        if (found != node_of.end())
          parent_[root(static_cast<std::size_t>(row.index))] = root(found->second);
        names.remove_prefix(std::min(plus + 1, names.size()));
      }
    }
    find_lifetimes();
  }

  struct Place {
    std::int64_t bytes = 0;
    std::int64_t dram_bytes = 0;  // the part that is in DRAM
    std::size_t first = 0;        // rows in which it is needed
    std::size_t last = 0;
    bool is_used = false;
  };
  const std::vector<Place>& places() const { return places_; }

 private:
  std::size_t input_node() const { return network_.layers.size(); }
  std::size_t node(int layer) const {
    return layer == kNetworkInput ? input_node() : static_cast<std::size_t>(layer);
  }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  void use(Place& place, std::size_t position) {
    place.first = place.is_used ? std::min(place.first, position) : position;
    place.last = place.is_used ? std::max(place.last, position) : position;
    place.is_used = true;
  }

  void find_lifetimes() {
    const std::size_t num_nodes = parent_.size();
    std::vector<bool> is_read(num_nodes);
    std::vector<bool> is_stored(num_nodes);  // read outside of its place, or as a part of it
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      for (const int input : network_.layers[i].inputs) {
        is_read[node(input)] = true;
        if (root(node(input)) != root(i) || moves_only(network_.layers[i].op))
          is_stored[node(input)] = true;
      }
    }
    places_.resize(num_nodes);
    for (std::size_t i = 0; i < num_nodes; ++i) {
      Place& place = places_[root(i)];
      const bool is_input = i == input_node();
      const Shape& shape = is_input ? network_.input : network_.layers[i].ofm;
      if (!is_read[i] || is_stored[i])
        place.bytes = std::max(place.bytes, element_bytes_ * network_.batch * shape.num_elements());
      if (is_input) {
        if (is_read[i]) use(place, 0);
        place.dram_bytes = place.bytes;
        continue;
      }
      use(place, position_[i]);
      if (!is_read[i] && !rows_.empty()) use(place, rows_.size() - 1);
      for (const int input : network_.layers[i].inputs)
        use(places_[root(node(input))], position_[i]);
    }
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      Place& place = places_[root(i)];
      const TraceRow& row = rows_[position_[i]];
      const bool is_given = row.op == Op::kInput || row.op == Op::kConstant;
      if (is_given || row.output_in == "dram") place.dram_bytes = place.bytes;
      if (row.output_in.empty()) place.dram_bytes += row.dram_write_bytes;
    }
    for (Place& place : places_) place.dram_bytes = std::min(place.dram_bytes, place.bytes);
  }

  const Network& network_;
  const std::vector<TraceRow>& rows_;
  const std::int64_t element_bytes_;
  std::vector<std::size_t> parent_;  // by layer, last the network's input: maps of one place
  std::vector<std::size_t> position_;
  std::vector<Place> places_;
};

/// Bytes of the buffers that each row uses.
std::vector<std::int64_t> buffer_bytes(const TiledProgram& program, std::size_t num_rows,
                                       std::int64_t accumulator_bytes) {
  std::vector<std::int64_t> bytes(num_rows);
  for (const TiledLayer& layer : program.layers) {
    const LoopCuts cuts = cuts_of(layer.problem, layer.tiling);
    const TileFootprint tile =
        footprint_of(layer.problem, cuts, layer.tiling, *program.cost, accumulator_bytes);
    const bool is_one_tile = cuts.tile() == layer.problem.extent();
    const auto slots = [&](const TileMemory::Buffer& buffer) {
      return is_one_tile ? std::int64_t{1} : buffer.num_slots;
    };
    const TileMemory& memory = program.memory;
    std::int64_t& most = bytes[static_cast<std::size_t>(layer.program_layer)];
    most = std::max(most, layer.tiling.division.num_cores * (slots(memory.input) * tile.input +
                                                             slots(memory.weight) * tile.weight +
                                                             slots(memory.output) * tile.output));
  }
  return bytes;
}

/// Weights of a layer in WMEM: a slot of each CIM, twice if there are more.
std::vector<std::int64_t> buffer_bytes(const MidapProgram& program, std::size_t num_rows,
                                       const Network& network, const std::vector<TraceRow>& rows,
                                       std::int64_t wmem_bytes) {
  std::vector<std::int64_t> bytes(num_rows);
  for (const MidapLayer& layer : program.layers) {
    const auto row = static_cast<std::size_t>(layer.program_layer);
    const Layer& l = network.layers[static_cast<std::size_t>(rows[row].index)];
    bytes[row] = std::min(wmem_bytes, l.num_weights());
  }
  return bytes;
}

}  // namespace

MemoryFootprint memory_footprint(const Network& network, const Program& program,
                                 const HardwareConfig& hardware,
                                 const std::vector<TraceRow>& rows) {
  const std::int64_t element = element_bytes(hardware.element());
  const Places places(network, rows, element);
  const auto* midap = std::get_if<MidapProgram>(&program.core);
  std::int64_t map_bytes = 0;  // memory in which maps stay on chip
  std::vector<std::int64_t> buffers;
  if (midap != nullptr) {
    const std::vector<OnChipBufferInfo> memories = on_chip_buffers(hardware);
    map_bytes = memories[0].bytes;
    buffers = buffer_bytes(*midap, rows.size(), network, rows, memories[1].bytes);
  } else {
    const auto& tiled = std::get<TiledProgram>(program.core);
    map_bytes = tiled.memory.features.bytes;
    buffers = buffer_bytes(tiled, rows.size(), tiled.memory.accumulator_bytes);
  }
  std::int64_t weights_in_dram = 0;
  std::int64_t weights_on_chip = 0;
  for (const TraceRow& row : rows) {
    const Layer& layer = network.layers[static_cast<std::size_t>(row.index)];
    const std::int64_t bytes =
        midap != nullptr ? layer.num_params()
                         : stored_weight_bytes(layer, std::get<TiledProgram>(program.core).memory);
    (row.weights_in == "chip" ? weights_on_chip : weights_in_dram) += bytes;
  }
  // Bytes that begin and end to be needed, by row.
  std::vector<std::int64_t> on_chip(rows.size() + 1);
  std::vector<std::int64_t> in_dram(rows.size() + 1);
  for (const Places::Place& place : places.places()) {
    if (!place.is_used) continue;
    const std::int64_t chip_bytes = map_bytes > 0 ? place.bytes - place.dram_bytes : 0;
    on_chip[place.first] += chip_bytes;
    on_chip[place.last + 1] -= chip_bytes;
    in_dram[place.first] += place.dram_bytes;
    in_dram[place.last + 1] -= place.dram_bytes;
  }
  MemoryFootprint footprint;
  std::int64_t maps_on_chip = 0;
  std::int64_t maps_in_dram = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    maps_on_chip += on_chip[i];
    maps_in_dram += in_dram[i];
    const std::int64_t kept = std::min(map_bytes, maps_on_chip + weights_on_chip);
    footprint.peak_chip_bytes = std::max(footprint.peak_chip_bytes, kept + buffers[i]);
    footprint.dram_footprint_bytes =
        std::max(footprint.dram_footprint_bytes, maps_in_dram + weights_in_dram);
  }
  return footprint;
}

}  // namespace tilewake
