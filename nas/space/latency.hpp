// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Estimated latency of a network in ms; throws InputError for one that the machine cannot hold.
/// What designs, scales and samples networks knows the machine by this alone.
using LatencyEstimate = std::function<double(const Network& network)>;

}  // namespace tilewake
