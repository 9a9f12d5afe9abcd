// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/vector_config.hpp"

#include <string_view>
#include <utility>

#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxLanes = 4096;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxOverheadCycles = 1'000'000;
constexpr double kMinEfficiency = 0.001;

constexpr std::pair<std::string_view, LaneAxis> kLaneAxes[] = {{"channels", LaneAxis::kChannels},
                                                               {"pixels", LaneAxis::kPixels}};

}  // namespace

const char* to_string(LaneAxis axis) {
  for (const auto& [name, value] : kLaneAxes)
    if (value == axis) return name.data();
  return "";
}

TileMemory VectorConfig::tile_memory() const {
  const TileMemory::Buffer buffer{0, num_slots};
  return {buffer, buffer, buffer, local_memory_bytes, accumulator_bytes};
}

VectorConfig read_vector_config(YamlReader& yaml) {
  VectorConfig c;
  c.num_cores = yaml.integer("num_cores", 1, 1024);
  c.lanes = yaml.integer("lanes", 1, kMaxLanes);
  c.dot_length = yaml.integer("dot_length", 1, 64);
  c.lane_axis = yaml.choice("lane_axis", kLaneAxes);
  c.local_memory_bytes = yaml.integer("local_memory_bytes", 1, kMaxBytes);
  c.num_slots = yaml.integer("num_slots", 1, 2);
  c.accumulator_bytes = yaml.integer("accumulator_bytes", 1, 8);
  c.fuse_elementwise = yaml.required<bool>("fuse_elementwise");
  auto efficiency = yaml.section("efficiency");
  c.efficiency.conv2d = efficiency.number("conv2d", kMinEfficiency, 1);
  c.efficiency.depthwise_conv2d = efficiency.number("depthwise_conv2d", kMinEfficiency, 1);
  c.efficiency.fully_connected = efficiency.number("fully_connected", kMinEfficiency, 1);
  c.efficiency.pool = efficiency.number("pool", kMinEfficiency, 1);
  c.efficiency.elementwise = efficiency.number("elementwise", kMinEfficiency, 1);
  efficiency.finish();
  c.loop_cycles = yaml.integer("loop_cycles", 0, kMaxOverheadCycles);
  c.issue_cycles = yaml.integer("issue_cycles", 0, kMaxOverheadCycles);
  return c;
}

}  // namespace tilewake
