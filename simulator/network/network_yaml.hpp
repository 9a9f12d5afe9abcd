// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Reads a network file (format: networks/README.md), expands blocks and infers shapes. Throws
/// InputError naming file, line and key.
Network read_network(const std::string& path);

/// Same, from text in memory; `name` replaces the path in error messages.
Network read_network_text(const std::string& text, const std::string& name);

/// Writes plain layers only (blocks stay expanded). Reading the result returns an equal network.
void write_network(std::ostream& os, const Network& network);

}  // namespace tilewake
