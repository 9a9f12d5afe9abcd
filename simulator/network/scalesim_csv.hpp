// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Reads a SCALE-Sim topology: a header, then one layer per line,
///
///   name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride
///   name, M, N, K          (selected by the header; a matrix product M x K by K x N)
///
/// optionally with a column stride after the row stride. The layers of a topology are not
/// connected, so each becomes a network "<stem of path>/<layer>" of one conv2d without bias and
/// padding. A product is a 1 x 1 convolution from K to N channels on M rows.
///
/// SCALE-Sim rounds the number of windows up; the last one may exceed the edge. Here the feature
/// map is enlarged to cover all windows: 227 x 227 if a file has 224 for 11 x 11 with stride 4.
/// Source: SCALE-Sim v2, scalesim/topology_utils.py.
///
/// Throws InputError "PATH:LINE: COLUMN: message".
std::vector<Network> read_scalesim_topology(const std::string& text, const std::string& path);

}  // namespace tilewake
