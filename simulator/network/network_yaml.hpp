// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Reads a network file (format: networks/README.md). Blocks are expanded, shapes inferred, and
/// everything checked: throws InputError naming file, line and key.
Network read_network(const std::string& path);

/// Same, from text already in memory; `name` stands in for the file in errors.
Network read_network_text(const std::string& text, const std::string& name);

/// Writes plain layers only (blocks stay expanded); reading it back gives an equal network.
void write_network(std::ostream& os, const Network& network);

}  // namespace tilewake
