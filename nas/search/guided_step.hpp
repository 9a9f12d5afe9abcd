// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// Step "search" of method `guided`: networks of the space of operators are trained by `ranking`,
/// diverse ones first, then those of which a predictor fitted to all of them expects most
/// (nas/guided). Each training has a record, so that a run resumes after any of them.
///   @param num_networks  that are trained
/// Throws TargetMissed, Interrupted.
void search_guided(const RunContext& run, const Target& target, int num_networks,
                   StepRecord& record);

}  // namespace tilewake
