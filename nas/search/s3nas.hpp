// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nas/search/search_run.hpp"

namespace tilewake {

/// Whether the supernet is sized to the limit, so that every target has its own.
bool sizes_supernet(const RunContext& run);

/// The first steps of S3NAS, and of its twin that counts multiply-accumulates: designs widths and
/// depths of run.space, checks that the limits can be met, and, if `last` requires it, trains the
/// supergraph. All targets of `run` share it; where the supernet is sized, `run` has one target.
/// The steps keep a reference to `run`.
///   @param directory  of the space and the supergraph
MethodSteps s3nas_steps(RunContext& run, Step last, const std::string& directory);

/// An estimate that ignores the machine: cycles in proportion to multiply-accumulates.
CyclePredictor macs_predictor(double cycles_per_mac);

/// The choices, one per block, of the fastest network, by the table's pairs of neighbours.
std::vector<int> fastest_choices(const LatencyTable& table);

}  // namespace tilewake
