// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/tile_memory.hpp"

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxFeatureBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxFeatureBytesPerCycle = 65536;

}  // namespace

void visit_fields(YamlFields& fields, FeatureMemory& m) {
  fields.optional([&] {
    fields.integer("feature_memory_bytes", m.bytes, 0, kMaxFeatureBytes,
                   {"bytes", "memory in which feature maps stay on chip between layers; 0: none"});
    fields.integer("feature_memory_bytes_per_cycle", m.bytes_per_cycle, 1, kMaxFeatureBytesPerCycle,
                   {"bytes", "of its port per cycle, for reads and writes together"});
    fields.flag("resident_weights", m.keeps_weights,
                {"",
                 "weights stay in it from one inference to the next, as far as they fit beside "
                 "the feature maps"});
  });
}

}  // namespace tilewake
