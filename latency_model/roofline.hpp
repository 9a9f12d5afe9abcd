// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Cycles of a layer by peak figures only: the baseline that the model must beat.
///
///   cycles = max(effective MACs / peak MACs per cycle, bytes / peak bytes per cycle)
///   bytes  = all inputs (of a channel_split, its output size) + weights + output, one byte per
///            element, each moved once
///
/// A layer without MACs has the second term only. Biases, partly filled arrays, on-chip residency
/// and latencies are ignored.
///
/// Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for
/// Multicore Architectures", CACM 52(4), 2009.
double roofline_cycles(const HardwareConfig& hardware, const Network& network, const Layer& layer);

}  // namespace tilewake
