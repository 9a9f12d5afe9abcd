// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/tile_memory.hpp"

#include <optional>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxFeatureBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxFeatureBytesPerCycle = 65536;

}  // namespace

std::array<std::size_t, 3> TileMemory::memory_of_buffer() const {
  std::array<std::size_t, 3> memories{};
  std::size_t count = 0;
  std::optional<std::size_t> shared;
  const std::array<const Buffer*, 3> buffers = {&input, &weight, &output};
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const bool is_shared = buffers[i]->bytes == 0;
    memories[i] = is_shared && shared ? *shared : count++;
    if (is_shared) shared = memories[i];
  }
  return memories;
}

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
