// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulator/engine/events.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {

/// The cost of a layer.
struct LayerCost {
  std::int64_t cycles = 0;
  std::int64_t feature_stalls = 0;
  std::int64_t weight_stalls = 0;
  std::int64_t bias_stalls = 0;
  std::int64_t write_stalls = 0;
  std::int64_t dram_bytes = 0;  // read

  std::int64_t& stalls(Cause cause) {
    switch (cause) {
      case Cause::kFeatures:
        return feature_stalls;
      case Cause::kWeights:
        return weight_stalls;
      case Cause::kBias:
        return bias_stalls;
      default:
        return write_stalls;
    }
  }
  LayerCost& operator+=(const LayerCost& part) {
    cycles += part.cycles;
    feature_stalls += part.feature_stalls;
    weight_stalls += part.weight_stalls;
    bias_stalls += part.bias_stalls;
    write_stalls += part.write_stalls;
    dram_bytes += part.dram_bytes;
    return *this;
  }
  std::string text() const {
    return fmt::format("{} cycles, stalls {} features {} weights {} bias {} writes, {} bytes",
                       cycles, feature_stalls, weight_stalls, bias_stalls, write_stalls,
                       dram_bytes);
  }
  friend bool operator==(const LayerCost&, const LayerCost&) = default;
};

/// Sums the engine's events up by layer.
class CostSink final : public EventSink {
 public:
  explicit CostSink(const Program& program) : by_row_(program.layers.size()) {}

  void on_event(const Event& event) override {
    if (event.layer < 0) return;
    LayerCost& cost = by_row_[static_cast<std::size_t>(event.layer)];
    if (event.kind == EventKind::kLayer) cost.cycles += event.end_cycle - event.begin_cycle;
    if (event.kind == EventKind::kStall) cost.stalls(event.cause) += event.amount;
    if (event.kind == EventKind::kRequest) cost.dram_bytes += event.amount;
  }
  const LayerCost& of(const MidapLayer& layer) const {
    return by_row_[static_cast<std::size_t>(layer.program_layer)];
  }

 private:
  std::vector<LayerCost> by_row_;
};

}  // namespace tilewake
