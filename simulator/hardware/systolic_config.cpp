// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/systolic_config.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxSide = 4096;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

constexpr std::pair<std::string_view, Dataflow> kDataflows[] = {
    {"output_stationary", Dataflow::kOutputStationary},
    {"weight_stationary", Dataflow::kWeightStationary},
    {"input_stationary", Dataflow::kInputStationary},
};

constexpr std::pair<std::string_view, bool> kDepthwiseUnits[] = {{"array", false},
                                                                 {"vector_unit", true}};

SystolicBuffer read_buffer(YamlReader& core, const std::string& key) {
  auto yaml = core.section(key);
  SystolicBuffer buffer;
  buffer.bytes = yaml.integer("bytes", 1, kMaxBytes);
  buffer.num_slots = yaml.integer("num_slots", 1, 2);
  buffer.num_banks = yaml.integer("num_banks", 1, kMaxSide);
  buffer.port_bytes = yaml.integer("port_bytes", 1, kMaxSide);
  yaml.finish();
  return buffer;
}

TileMemory::Buffer slots_of(const SystolicBuffer& buffer) {
  return {buffer.bytes, buffer.num_slots};
}

}  // namespace

const char* to_string(Dataflow dataflow) {
  for (const auto& [name, value] : kDataflows)
    if (value == dataflow) return name.data();
  return "";
}

TileMemory SystolicConfig::tile_memory() const {
  return {slots_of(input), slots_of(weight), slots_of(output), 0, accumulator_bytes};
}

SystolicConfig read_systolic_config(YamlReader& yaml) {
  SystolicConfig c;
  c.rows = yaml.integer("rows", 1, kMaxSide);
  c.cols = yaml.integer("cols", 1, kMaxSide);
  c.dataflow = yaml.choice("dataflow", kDataflows);
  c.overlap_folds = yaml.required<bool>("overlap_folds");
  c.depthwise_on_vector = yaml.choice("depthwise", kDepthwiseUnits);
  c.input = read_buffer(yaml, "input_buffer");
  c.weight = read_buffer(yaml, "weight_buffer");
  c.output = read_buffer(yaml, "output_buffer");
  c.accumulator_bytes = yaml.integer("accumulator_bytes", 1, 8);
  auto vector = yaml.section("vector_unit");
  c.vector_lanes = vector.integer("lanes", 1, kMaxSide);
  c.fuse_elementwise = vector.required<bool>("fuse_elementwise");
  vector.finish();
  return c;
}

}  // namespace tilewake
