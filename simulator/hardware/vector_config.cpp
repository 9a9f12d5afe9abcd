// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/vector_config.hpp"

#include <utility>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxLanes = 4096;
constexpr std::int64_t kMaxVectorBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxOverheadCycles = 1'000'000;
constexpr NumberRange kEfficiency = {0.001, 1.0};
constexpr NumberRange kRelativeSpeed = {0.01, 100.0};
constexpr NumberRange kWinogradSpeedup = {1.0, 9.0};  // products per output of a direct convolution
constexpr std::int64_t kMaxWinogradChannels = 65536;

constexpr std::pair<std::string_view, LaneAxis> kLaneAxes[] = {{"channels", LaneAxis::kChannels},
                                                               {"pixels", LaneAxis::kPixels}};

}  // namespace

std::string_view to_string(LaneAxis axis) { return name_of(kLaneAxes, axis); }

TileMemory VectorConfig::tile_memory() const {
  const TileMemory::Buffer buffer{0, num_slots};
  return {buffer,
          buffer,
          buffer,
          local_memory_bytes,
          accumulator_bytes,
          feature_memory,
          element_bytes(element)};
}

void visit_fields(YamlFields& fields, VectorConfig& c) {
  fields.unless_default(c.element == ElementType::kInt8, [&] {
    fields.word("element", c.element, kElementTypes,
                {"", "type of features, weights and products: sets their bytes, and their energy"});
  });
  fields.optional([&] {
    fields.integer("num_cores", c.num_cores, 1, 1024, {"", "cores that share a tile"});
  });
  fields.integer("lanes", c.lanes, 1, kMaxLanes, {"", "accumulators of a core"});
  fields.optional([&] {
    fields.integer(
        "dot_length", c.dot_length, 1, 64,
        {"", "products along the input channels per lane and cycle; 1 for depthwise convolutions"});
    fields.word("lane_axis", c.lane_axis, kLaneAxes, {"", "dimension of the lanes"});
  });
  fields.integer("local_memory_bytes", c.local_memory_bytes, 1, kMaxVectorBytes,
                 {"bytes", "for tiles of features, weights and outputs, in total over all slots"});
  fields.optional([&] {
    fields.integer("num_slots", c.num_slots, 1, 2,
                   {"", "2: the next tile is loaded while this one is used"});
    fields.integer("accumulator_bytes", c.accumulator_bytes, 1, 8,
                   {"bytes", "of a spilled partial sum, and of a bias"});
    fields.flag("fuse_elementwise", c.fuse_elementwise,
                {"", "fuse add and mul into the layer that computes their operand"});
    fields.section("efficiency", [&] {
      const FieldDoc doc{"", "share of cycles in which the inner loop computes"};
      fields.number("conv2d", c.efficiency.conv2d, kEfficiency, doc);
      fields.number("depthwise_conv2d", c.efficiency.depthwise_conv2d, kEfficiency, doc);
      fields.number("fully_connected", c.efficiency.fully_connected, kEfficiency, doc);
      fields.number("pool", c.efficiency.pool, kEfficiency, doc);
      fields.number("elementwise", c.efficiency.elementwise, kEfficiency, doc);
    });
  });
  fields.unless_default(c.relative_speed == VectorConfig::RelativeSpeed{}, [&] {
    fields.section("relative_speed", [&] {
      fields.number("pointwise_conv2d", c.relative_speed.pointwise_conv2d, kRelativeSpeed,
                    {"", "of the inner loops of 1x1 convolutions, compared with others"});
      fields.number("grouped_conv2d", c.relative_speed.grouped_conv2d, kRelativeSpeed,
                    {"", "of the inner loops of convolutions in groups, compared with others"});
    });
  });
  fields.optional([&] {
    fields.section("winograd", [&] {
      fields.number("speedup", c.winograd.speedup, kWinogradSpeedup,
                    {"",
                     "3x3 convolutions of stride 1 take their inner loops divided by this; 1: "
                     "direct convolution"});
      fields.integer("min_channels", c.winograd.min_channels, 1, kMaxWinogradChannels,
                     {"", "only with at least so many input and output channels"});
    });
  });
  fields.optional([&] {
    fields.integer("loop_cycles", c.loop_cycles, 0, kMaxOverheadCycles,
                   {"cycles", "per inner loop: set-up, and storing the vector of results"});
    fields.integer("issue_cycles", c.issue_cycles, 0, kMaxOverheadCycles,
                   {"cycles", "per tile: starting the cores and waiting for all"});
  });
  visit_fields(fields, c.activation_operations);
  visit_fields(fields, c.feature_memory);
}

}  // namespace tilewake
