// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"

namespace tilewake {

/// What the time of a layer is spent on. Every cycle counts for exactly one.
enum class Resource {
  kPeArray,  // the PE array, or the lanes of a vector machine, compute; ports of buffers that are
             // too narrow stretch this time
  kVectorUnit,   // the vector unit computes while the PE array waits for it
  kDram,         // waits for a transfer from or to DRAM
  kFeaturePort,  // waits for the port of the memory of feature maps
  kSetup,        // fills and empties the pipe
  kDispatch      // waits for commands of the host
};
inline constexpr std::size_t kNumResources = 6;
using ResourceCycles = std::array<std::int64_t, kNumResources>;

/// "PE array": in files.
std::string_view to_string(Resource resource);
/// The same for people: of a vector machine "vector lanes".
std::string_view to_string(Resource resource, const HardwareConfig& machine);

/// A simulation, and for each of its layers the cycles by resource. They add up to the layer's
/// total_cycles.
struct TimeUse {
  Simulation simulation;
  std::vector<ResourceCycles> layers;  // as simulation.layers

  ResourceCycles total() const;
};

/// Simulates with all events. A wait counts for the memory whose transfer ends with it; for DRAM if
/// transfers of both end in that cycle. Throws as simulate() does.
TimeUse measure_time_use(const Machine& machine, const Workload& workload,
                         const SimulateOptions& options = {});

}  // namespace tilewake
