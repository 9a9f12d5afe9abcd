// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Cuts `network` up for `hardware`. A pure function.
/// Throws InputError naming layer and buffer if something fits nowhere, or is not supported.
Program map_network(const Network& network, const HardwareConfig& hardware);

}  // namespace tilewake
