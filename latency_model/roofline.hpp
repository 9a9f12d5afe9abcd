// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// What a layer takes when nothing but the peak figures counts: the model to beat.
///
///   cycles = max(effective MACs / peak MACs per cycle, bytes / peak bytes per cycle)
///   bytes  = all inputs (of a channel_split, what it takes) + weights + output, one byte an
///            element, each moved once
///
/// A layer without MACs has the second term only. Biases, partly filled arrays, what is already on
/// chip and all latencies are left out.
///
/// Source: Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for
/// Multicore Architectures", CACM 52(4), 2009.
double roofline_cycles(const HardwareConfig& hardware, const Network& network, const Layer& layer);

}  // namespace tilewake
