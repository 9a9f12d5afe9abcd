// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulator/cli/status_line.hpp"
#include "simulator/engine/events.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Progress of the simulation of a network, shown after the first second: the layer, a percentage
/// and the time left, from the estimates of the program.
class SimulationProgress final : public EventSink {
 public:
  /// To be called before each layer is mapped.
  void on_mapping(const std::string& layer, std::size_t index, std::size_t num_layers);

  /// To be called before `program` runs; its events follow.
  void begin(const Network& network, const Program& program);
  void on_event(const Event& event) override;

 private:
  struct Layer {
    std::string name;
    double steps = 0.0;
    double milestones = 0.0;
    std::int64_t num_reached = 0;
  };

  static double share_of(const Layer& layer);

  StatusLine line_;
  std::vector<Layer> layers_;
  double total_steps_ = 0.0;
  double done_steps_ = 0.0;
  std::uint64_t num_events_ = 0;
};

}  // namespace tilewake
