// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/simulation_progress.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/cli/units.hpp"

namespace tilewake {
namespace {

constexpr std::uint64_t kEventsBetweenLooks = 64;  // at the clock

/// A tile is computed, or a piece of a feature map is loaded: what ProgramLayer::milestones counts.
bool is_milestone(const Event& event) {
  return (event.unit == Unit::kPeArray && event.kind == EventKind::kCompute) ||
         (event.unit == Unit::kFmem && event.kind == EventKind::kTransfer);
}

}  // namespace

void SimulationProgress::on_mapping(const std::string& layer, std::size_t index,
                                    std::size_t num_layers) {
  if (!line_.is_due()) return;
  line_.show(fmt::format("mapping layer '{}' ({} of {})", layer,
                         with_separators(static_cast<std::int64_t>(index) + 1),
                         with_separators(static_cast<std::int64_t>(num_layers))));
}

void SimulationProgress::begin(const Network& network, const Program& program) {
  layers_.clear();
  total_steps_ = 0.0;
  done_steps_ = 0.0;
  for (const ProgramLayer& layer : program.layers) {
    const std::string& name = network.layers[static_cast<std::size_t>(layer.network_layer)].name;
    layers_.push_back({name, layer.steps, static_cast<double>(layer.milestones), 0});
    total_steps_ += layer.steps;
  }
}

/// The share of a layer that is done, 0..1, from its estimated number of milestones.
double SimulationProgress::share_of(const Layer& layer) {
  constexpr double kMostBeforeTheEnd = 0.99;
  if (layer.milestones <= 0.0) return 0.0;
  return std::min(static_cast<double>(layer.num_reached) / layer.milestones, kMostBeforeTheEnd);
}

void SimulationProgress::on_event(const Event& event) {
  if (event.layer < 0 || static_cast<std::size_t>(event.layer) >= layers_.size()) return;
  Layer& layer = layers_[static_cast<std::size_t>(event.layer)];
  if (is_milestone(event)) ++layer.num_reached;
  if (event.kind == EventKind::kLayer) {
    done_steps_ += layer.steps;
    layer.steps = 0.0;
  }
  if (++num_events_ % kEventsBetweenLooks != 0 || !line_.is_due()) return;
  const double done = (done_steps_ + layer.steps * share_of(layer)) / std::max(total_steps_, 1.0);
  const double share = std::min(done, 1.0);
  line_.show(fmt::format("simulating layer '{}', {:.0f} %{}", layer.name, 100.0 * share,
                         time_left(line_.elapsed_seconds(), share)));
}

}  // namespace tilewake
