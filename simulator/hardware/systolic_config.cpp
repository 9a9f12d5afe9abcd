// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/systolic_config.hpp"

#include <utility>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxCores = 1024;
constexpr std::int64_t kMaxSide = 4096;
constexpr std::int64_t kMaxFoldCycles = 100'000;
constexpr std::int64_t kMaxSystolicBytes = std::int64_t{1} << 30;

constexpr std::pair<std::string_view, Dataflow> kDataflows[] = {
    {"output_stationary", Dataflow::kOutputStationary},
    {"weight_stationary", Dataflow::kWeightStationary},
    {"input_stationary", Dataflow::kInputStationary},
};

constexpr std::pair<std::string_view, bool> kDepthwiseUnits[] = {{"array", false},
                                                                 {"vector_unit", true}};

struct BufferDocs {
  std::string_view bytes, slots, banks, port, default_banks, default_port;
};

void visit_buffer(YamlFields& fields, std::string_view key, SystolicBuffer& buffer,
                  const BufferDocs& docs) {
  fields.optional([&] {
    fields.section(key, [&] {
      fields.unless_default(buffer.bytes == 0, [&] {
        fields.integer("bytes", buffer.bytes, 0, kMaxSystolicBytes, {"bytes", docs.bytes});
      });
      fields.integer("num_slots", buffer.num_slots, 1, 2, {"", docs.slots});
      fields.integer("num_banks", buffer.num_banks, 1, kMaxSide,
                     {"", docs.banks, docs.default_banks});
      fields.integer("port_bytes", buffer.port_bytes, 1, kMaxSide,
                     {"bytes", docs.port, docs.default_port});
    });
  });
}

/// Ports that were left out feed the array without stalls.
void set_default_ports(SystolicConfig& c) {
  const auto set = [](std::int64_t& value, std::int64_t fallback) {
    if (value == 0) value = fallback;
  };
  set(c.input.num_banks, c.rows);
  set(c.weight.num_banks, c.cols);
  set(c.output.num_banks, c.cols);
  set(c.input.port_bytes, element_bytes(c.element));
  set(c.weight.port_bytes, element_bytes(c.element));
  set(c.output.port_bytes, c.accumulator_bytes);
  set(c.vector_lanes, c.cols);
}

TileMemory::Buffer slots_of(const SystolicBuffer& buffer) {
  return {buffer.bytes, buffer.num_slots};
}

}  // namespace

std::string_view to_string(Dataflow dataflow) { return name_of(kDataflows, dataflow); }

TileMemory SystolicConfig::tile_memory() const {
  return {slots_of(input),   slots_of(weight), slots_of(output),      unified_buffer_bytes,
          accumulator_bytes, feature_memory,   element_bytes(element)};
}

void visit_fields(YamlFields& fields, SystolicConfig& c) {
  fields.unless_default(c.element == ElementType::kInt8, [&] {
    fields.word("element", c.element, kElementTypes,
                {"", "type of features, weights and products: sets their bytes, and their energy"});
  });
  fields.unless_default(c.num_cores == 1, [&] {
    fields.integer("num_cores", c.num_cores, 1, kMaxCores,
                   {"",
                    "identical cores, each with array, buffers and vector unit, that divide each "
                    "tile: its groups, pixels or output channels"});
  });
  fields.integer("rows", c.rows, 1, kMaxSide, {"", "rows of MACs"});
  fields.integer("cols", c.cols, 1, kMaxSide, {"", "columns of MACs"});
  fields.optional([&] {
    fields.word("dataflow", c.dataflow, kDataflows,
                {"", "the operand that stays in the array while the others stream"});
    fields.flag(
        "overlap_folds", c.overlap_folds,
        {"", "while a fold streams, the next one is loaded, or the sums of the last one leave"});
    fields.integer("fold_cycles", c.fold_cycles, 0, kMaxFoldCycles,
                   {"cycles",
                    "of each fold, never hidden: loading its configuration, filling the "
                    "array"});
  });
  fields.optional([&] {
    fields.word("depthwise", c.depthwise_on_vector, kDepthwiseUnits,
                {"", "unit for depthwise convolutions; on the array a channel takes one column"});
  });
  fields.unless_default(c.unified_buffer_bytes == 0, [&] {
    fields.integer(
        "unified_buffer_bytes", c.unified_buffer_bytes, 0, kMaxSystolicBytes,
        {"bytes",
         "one memory for the slots of all buffers without `bytes`, each slot as large as the "
         "layer needs it; 0: none"});
  });
  visit_buffer(fields, "input_buffer", c.input,
               {"features: one slot; left out: in the unified buffer",
                "2: the next tile is loaded while this one is used", "banks, each with a port",
                "bytes per cycle of a port; if all ports together deliver less than the array "
                "consumes, it streams more slowly",
                "one for each row", "an element"});
  visit_buffer(fields, "weight_buffer", c.weight,
               {"weights and biases: one slot", "as above", "as above", "as above",
                "one for each column", "an element"});
  visit_buffer(fields, "output_buffer", c.output,
               {"outputs, partial sums, second operands of add and mul: one slot",
                "2: outputs are stored while the next ones are computed", "as above", "as above",
                "one for each column", "a partial sum"});
  fields.optional([&] {
    fields.integer("accumulator_bytes", c.accumulator_bytes, 1, 8,
                   {"bytes", "of a partial sum in the output buffer, and of a bias"});
    fields.section("vector_unit", [&] {
      fields.integer("lanes", c.vector_lanes, 1, kMaxSide,
                     {"", "operations per cycle: pooling, additions, depthwise products",
                      "one for each column"});
      fields.flag("fuse_elementwise", c.fuse_elementwise,
                  {"", "fuse add and mul into the layer that computes their operand"});
    });
  });
  visit_fields(fields, c.activation_operations);
  visit_fields(fields, c.feature_memory);
  if (c.rows > 0 && c.cols > 0) set_default_ports(c);  // else nothing was read
}

}  // namespace tilewake
