// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/search/search_run.hpp"

namespace tilewake {

/// The first steps of the methods that search operators (HURRICANE, SPOS, random and
/// guided search): selects
/// the operators of run.operators for the machine and checks that the limit can be met. The steps
/// keep a reference to `run`. Throws InputError for several limits, TargetMissed.
MethodSteps operator_steps(RunContext& run);

}  // namespace tilewake
