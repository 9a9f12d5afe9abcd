// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/search/search_run.hpp"

namespace tilewake {

/// The first steps of S3NAS, and of its twin that counts multiply-accumulates: designs the depths
/// of run.space, checks that the limits can be met, and, if `last` requires it, trains the
/// supergraph that all targets share. The steps keep a reference to `run`.
MethodSteps s3nas_steps(RunContext& run, Step last);

/// An estimate that ignores the machine: cycles in proportion to multiply-accumulates.
CyclePredictor macs_predictor(double cycles_per_mac);

/// The choices, one per block, of the fastest network, by the table's pairs of neighbours.
std::vector<int> fastest_choices(const LatencyTable& table);

}  // namespace tilewake
