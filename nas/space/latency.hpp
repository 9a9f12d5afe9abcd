// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Estimated latency of a network in ms; throws InputError if the machine cannot hold it. The only
/// interface to the machine in this module.
using LatencyEstimate = std::function<double(const Network& network)>;

}  // namespace tilewake
