// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/program.hpp"
#include "simulator/mapping/step_budget.hpp"
#include "simulator/network/network.hpp"

namespace tilewake::midap {

/// The reference schedule if the reference compiler has one, otherwise the plain schedule.
Program map_midap(const Network& network, const MidapConfig& config, const DramConfig& dram,
                  const MappingOptions& options);

}  // namespace tilewake::midap
