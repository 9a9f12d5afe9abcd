// SPDX-License-Identifier: Apache-2.0
#include "nas/functional/tile_executor.hpp"

#include <map>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "nas/functional/tile_execution.hpp"
#include "nas/quantization/layer_arithmetic.hpp"
#include "nas/quantization/window.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"
#include "simulator/mapping/tiled/layer_parts.hpp"

namespace tilewake {
namespace {

bool fuses_elementwise_of(const HardwareConfig& hardware) {
  if (hardware.arithmetic() != ElementType::kInt8)
    throw InputError(fmt::format(
        "{}: functional simulation computes in int8, and the machine in {} (core.element or "
        "energy.element)",
        hardware.name, to_string(hardware.arithmetic())));
  if (const auto* systolic = std::get_if<SystolicConfig>(&hardware.core))
    return systolic->fuse_elementwise;
  if (const auto* vector = std::get_if<VectorConfig>(&hardware.core))
    return vector->fuse_elementwise;
  throw InputError(fmt::format(
      "{}: functional simulation is for machines of the kinds systolic and vector, which work tile "
      "by tile; a plan of the kind midap has times and banks, but does not say in which order "
      "values are computed",
      hardware.name));
}

/// Refuses the machine before the network.
Program program_of(const Network& network, const HardwareConfig& hardware) {
  static_cast<void>(fuses_elementwise_of(hardware));
  return map_network(network, hardware);
}

}  // namespace

TileExecutor::TileExecutor(const QuantizedNetwork& quantized, const HardwareConfig& hardware)
    : TileExecutor(quantized, program_of(quantized.network, hardware),
                   fuses_elementwise_of(hardware)) {}

TileExecutor::TileExecutor(QuantizedNetwork quantized, Program program, bool fuses_elementwise)
    : reference_(std::move(quantized)),
      program_(std::move(program)),
      graph_(make_tiled_graph(reference_.quantized().network, fuses_elementwise, 0)) {
  if (!std::holds_alternative<TiledProgram>(program_.core))
    throw std::invalid_argument("not a program of a machine that works in tiles");
  find_roles();
  find_conversions();
  find_base();
}

TileExecutor::Role TileExecutor::role_of(int index) const {
  const Network& network = reference_.quantized().network;
  const Layer& l = layer(index);
  Role role;
  role.layer = index;
  if (l.op == Op::kConcat) {
    role.is_copy = true;
    return role;
  }
  std::vector<Shape> shapes;
  for (const int input : l.inputs) shapes.push_back(network.shape_of(input));
  const LayerPart part = parts_of(l, shapes, /*batch=*/1, /*holds_groups=*/true).front();
  role.is_copy = l.op == Op::kChannelShuffle;
  role.input_place = part.input;
  role.input = l.inputs[static_cast<std::size_t>(part.input)];
  if (part.second >= 0) role.second = l.inputs[static_cast<std::size_t>(part.second)];
  role.fused = node(index).fused;
  if (role.fused >= 0) role.second = node(index).second;
  return role;
}

void TileExecutor::find_roles() {
  std::vector<std::size_t> copies(reference_.quantized().network.layers.size(), 0);
  for (const TiledLayer& tiled : tiled().layers) {
    Role role = role_of(tiled.program_layer);
    if (layer(role.layer).op == Op::kConcat) {
      const std::vector<int>& places = node(role.layer).copies;
      std::size_t& next = copies[static_cast<std::size_t>(role.layer)];
      if (next == places.size())
        throw std::logic_error(fmt::format("{}: more copies than inputs", layer(role.layer).name));
      role.input_place = places[next++];
      role.input = layer(role.layer).inputs[static_cast<std::size_t>(role.input_place)];
    }
    roles_.push_back(role);
  }
}

const TileExecutor::Conversion* TileExecutor::conversion(int map, std::int64_t channel) const {
  if (map == kNetworkInput) return nullptr;
  const auto& channels = conversions_[static_cast<std::size_t>(map)];
  return channels.empty() ? nullptr : channels[static_cast<std::size_t>(channel)].get();
}

/// Parts of a concat keep their own scales in memory, where other layers read them, too; what reads
/// the concat converts them.
void TileExecutor::find_conversions() {
  const QuantizedNetwork& quantized = reference_.quantized();
  conversions_.resize(quantized.network.layers.size());
  const auto of = [&](int map, std::int64_t channel) -> std::shared_ptr<const Conversion> {
    if (map == kNetworkInput) return nullptr;
    const auto& channels = conversions_[static_cast<std::size_t>(map)];
    return channels.empty() ? nullptr : channels[static_cast<std::size_t>(channel)];
  };
  for (std::size_t i = 0; i < conversions_.size(); ++i) {
    const Layer& l = quantized.network.layers[i];
    const QuantizedLayer& integers = quantized.layers[i];
    auto& converted = conversions_[i];
    if (l.op == Op::kConcat) {
      for (std::size_t k = 0; k < l.inputs.size(); ++k) {
        const int input = l.inputs[k];
        const std::int64_t zero_point = quantized.of(input).zero_point;
        std::map<const Conversion*, std::shared_ptr<const Conversion>> known;
        for (std::int64_t c = 0; c < quantized.network.shape_of(input).channels; ++c) {
          const std::shared_ptr<const Conversion> before = of(input, c);
          std::shared_ptr<const Conversion>& all = known[before.get()];
          if (!all) {
            Conversion bytes;
            for (int byte = 0; byte < 256; ++byte) {
              const std::int64_t value = before ? (*before)[static_cast<std::size_t>(byte)] : byte;
              bytes.push_back(after_table(integers, joined_value(integers, k, value - zero_point)));
            }
            all = std::make_shared<const Conversion>(std::move(bytes));
          }
          converted.push_back(all);
        }
      }
    } else if (l.moves_channels()) {
      for (std::int64_t c = 0; c < l.ofm.channels; ++c)
        converted.push_back(of(l.inputs[0], moved_from(l, c)));
    }
  }
}

/// The program's maps lie where the graph's do, but for one distance.
void TileExecutor::find_base() {
  const std::vector<TiledLayer>& layers = tiled().layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::int64_t distance = layers[i].output_address - graph_address(roles_[i]);
    if (i == 0) base_ = distance;
    if (distance != base_)
      throw std::logic_error(
          fmt::format("{}: the output is stored elsewhere than where its readers look for it",
                      layer(roles_[i].layer).name));
  }
}

std::int64_t TileExecutor::graph_address(const Role& role) const {
  const Layer& l = layer(role.layer);
  std::int64_t address = node(role.layer).address;
  if (l.op != Op::kConcat) return address;
  for (int k = 0; k < role.input_place; ++k)
    address += reference_.quantized()
                   .network.shape_of(l.inputs[static_cast<std::size_t>(k)])
                   .num_elements();
  return address;
}

TileResult TileExecutor::run(std::span<const float> image, const StepsOf& steps_of) const {
  return TileExecution(*this, image).run(steps_of);
}

}  // namespace tilewake
