// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

/// Reads a topology of SCALE-Sim: a header, then one layer a line,
///
///   name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride
///   name, M, N, K                              (the header says so; a matrix product M x K by K x
///   N)
///
/// with, if need be, a stride of the columns behind that of the rows. The layers of a topology know
/// nothing of one another, so that each becomes a network of its own, "<stem of path>/<layer>",
/// whose one layer reads its feature map from outside: a conv2d without bias and padding (a
/// product: 1 x 1, K channels of M rows to N channels).
///
/// SCALE-Sim rounds the number of windows up and lets the last one reach over the edge; the feature
/// map here is as large as its windows reach, 227 x 227 where a file has 224 for 11 x 11 by 4.
/// Source: SCALE-Sim v2, scalesim/topology_utils.py.
///
/// Throws InputError "PATH:LINE: COLUMN: what".
std::vector<Network> read_scalesim_topology(const std::string& text, const std::string& path);

}  // namespace tilewake
