// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/network/network.hpp"

namespace tilewake {

struct ScalesimTopology {
  std::vector<Network> networks;      // one a layer
  std::vector<std::string> warnings;  // lines and columns that were passed over
};

/// Reads a SCALE-Sim topology: a header, then one layer per line, either a convolution or, if the
/// header has M, N and K, a matrix product M x K by K x N:
///
///   name, ifmap height, ifmap width, filter height, filter width, channels, filters, stride
///   name, M, N, K
///
/// The header says the order of the columns, and which of these are there too: stride of columns
/// (unnamed ones after a convolution are it), batch (equal in all layers), sparsity ("1:1" or "1"
/// only). Columns of other names are not read, with a warning. A header that has a size of
/// convolutions twice, or unknown names in place of them, is read in SCALE-Sim's order, with a
/// warning. Blank lines and comments (`#`) are passed over, and, with a
/// warning, lines without numbers. Separators are commas or tabs.
///
/// The layers of a topology are not connected, so each becomes a network "<stem of path>/<layer>"
/// of one conv2d without bias and padding. A product is a 1 x 1 convolution from K to N channels on
/// M rows; M or K above 2^20 is divided into two dimensions. A layer with "DP" in its name is a
/// depthwise convolution.
///
/// SCALE-Sim rounds the number of windows up; the last one may exceed the edge. Here the feature
/// map is enlarged to cover all windows: 227 x 227 if a file has 224 for 11 x 11 with stride 4.
/// Source: SCALE-Sim v2, scalesim/topology_utils.py.
///
/// Throws InputError "PATH:LINE: COLUMN: message".
ScalesimTopology read_scalesim_topology(const std::string& text, const std::string& path);

}  // namespace tilewake
