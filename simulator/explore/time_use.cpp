// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/time_use.hpp"

#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "simulator/common/error.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/mapping/program.hpp"

namespace tilewake {
namespace {

constexpr std::string_view kResourceNames[kNumResources] = {
    "PE array", "vector unit", "DRAM", "feature memory port", "set-up", "dispatch"};

std::int64_t& cycles_of(ResourceCycles& cycles, Resource resource) {
  return cycles[static_cast<std::size_t>(resource)];
}

/// Divides computation between PE array and vector unit, and waits between DRAM and the port of the
/// memory of feature maps.
class TimeUseSink final : public EventSink {
 public:
  /// Of each layer of the network that runs.
  struct Layer {
    std::int64_t vector_cycles = 0;
    std::int64_t port_cycles = 0;  // of waits
  };

  void begin(std::size_t num_layers) {
    layers_.assign(num_layers, {});
    wait_.reset();
    for (std::set<std::int64_t>& ends : ends_) ends.clear();
  }

  /// The layers of the network that ended.
  const std::vector<Layer>& finish() {
    end_wait();
    return layers_;
  }

  bool wants_details() const override { return true; }

  void on_event(const Event& event) override {
    switch (event.kind) {
      case EventKind::kRequest:
      case EventKind::kStore:
        ends_[event.unit == Unit::kFeatureMemory ? 1 : 0].insert(event.end_cycle);
        return;
      case EventKind::kVector:
        layer(event.layer).vector_cycles += event.end_cycle - event.begin_cycle;
        return;
      case EventKind::kStall:
        // A wait is reported in parts, each of which ends with a transfer.
        if (wait_ && wait_->end_cycle == event.begin_cycle && wait_->layer == event.layer &&
            wait_->cause == event.cause) {
          wait_->end_cycle = event.end_cycle;
        } else {
          end_wait();
          wait_ = event;
        }
        return;
      case EventKind::kCompute:
      case EventKind::kSetup:
      case EventKind::kDispatch:
      case EventKind::kLayer:
        return end_wait();
      case EventKind::kTransfer:
      case EventKind::kOccupancy:
        return;
    }
  }

 private:
  Layer& layer(int index) { return layers_.at(static_cast<std::size_t>(index)); }

  void end_wait() {
    if (!wait_) return;
    const auto& [of_dram, of_port] = ends_;
    if (of_port.contains(wait_->end_cycle) && !of_dram.contains(wait_->end_cycle)) {
      layer(wait_->layer).port_cycles += wait_->end_cycle - wait_->begin_cycle;
    }
    for (std::set<std::int64_t>& ends : ends_) {
      ends.erase(ends.begin(), ends.lower_bound(wait_->end_cycle));
    }
    wait_.reset();
  }

  std::vector<Layer> layers_;
  std::optional<Event> wait_;
  std::array<std::set<std::int64_t>, 2> ends_;  // of transfers: DRAM, memory of feature maps
};

ResourceCycles resources_of(const TraceRow& row, const TimeUseSink::Layer& layer) {
  ResourceCycles cycles{};
  cycles_of(cycles, Resource::kPeArray) = row.compute_cycles - layer.vector_cycles;
  cycles_of(cycles, Resource::kVectorUnit) = layer.vector_cycles;
  cycles_of(cycles, Resource::kDram) =
      row.stall_dram_cycles + row.stall_write_cycles - layer.port_cycles;
  cycles_of(cycles, Resource::kFeaturePort) = layer.port_cycles;
  cycles_of(cycles, Resource::kSetup) = row.setup_cycles;
  cycles_of(cycles, Resource::kDispatch) = row.dispatch_cycles;
  for (const std::int64_t part : cycles) {
    if (part < 0) throw SimulationError("'" + row.layer + "': parts of its time exceed the whole");
  }
  return cycles;
}

}  // namespace

std::string_view to_string(Resource resource) {
  return kResourceNames[static_cast<std::size_t>(resource)];
}

std::string_view to_string(Resource resource, const HardwareConfig& machine) {
  if (resource == Resource::kPeArray && std::holds_alternative<VectorConfig>(machine.core))
    return "vector lanes";
  return to_string(resource);
}

ResourceCycles TimeUse::total() const {
  ResourceCycles sum{};
  for (const ResourceCycles& layer : layers) {
    for (std::size_t i = 0; i < kNumResources; ++i) sum[i] += layer[i];
  }
  return sum;
}

TimeUse measure_time_use(const Machine& machine, const Workload& workload,
                         const SimulateOptions& options) {
  TimeUse result;
  TimeUseSink sink;
  SimulateOptions with_sink = options;
  with_sink.events.push_back(&sink);
  with_sink.on_program = [&](const Network& network, const Program& program) {
    sink.begin(program.layers.size());
    if (options.on_program) options.on_program(network, program);
  };
  with_sink.on_network = [&](const SimulatedNetwork& network) {
    const std::vector<TimeUseSink::Layer>& layers = sink.finish();
    for (std::size_t i = 0; i < network.rows.size(); ++i) {
      result.layers.push_back(resources_of(network.rows[i], layers[i]));
    }
    if (options.on_network) options.on_network(network);
  };
  result.simulation = simulate(machine, workload, with_sink);
  return result;
}

}  // namespace tilewake
