// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <fmt/format.h>

#include "simulator/api/inputs.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"

namespace tilewake {

/// Plans how `machine` executes `network`, which was read from `path`. Throws InputError that names
/// both if the network does not fit, or exceeds the bounds of `options`.
///   @param mapper  of `machine`
inline Program map_workload(const std::string& path, const Network& network, const Machine& machine,
                            const NetworkMapper& mapper, const MappingOptions& options = {}) {
  try {
    return mapper.map(network, options);
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: on {}: {}", path, machine.config.name, e.what()));
  }
}

}  // namespace tilewake
