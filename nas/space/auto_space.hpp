// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"

namespace tilewake {

/// Reads a space for a data set and a latency limit. With `input: auto`, the side of the input is
/// the largest of the file's `sizes` that the images have and at which a typical network of the
/// space takes at most 1.25 times the limit; the smallest of the sizes if there is none. Search and
/// scaling then change widths and depths, so that resolution is not gained at the expense of all
/// else.
///
/// A typical network has, of MixConv blocks, all blocks and branches as written (`num_blocks`
/// distributed evenly); of operators, the one of the median number of parameters at each position.
///
///   @param limit_ms  above 0
///
/// Throws InputError naming file, line and key.
SearchSpace search_space_within(const DataShape& data, const std::string& text,
                                const std::string& name, double limit_ms,
                                const LatencyEstimate& estimate);
OperatorSpace operator_space_within(const DataShape& data, const std::string& text,
                                    const std::string& name, double limit_ms,
                                    const LatencyEstimate& estimate);

}  // namespace tilewake
