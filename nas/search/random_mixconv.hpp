// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// Step "search" of random search among MixConv blocks, the control of S3NAS: random networks of
/// the same supernet that take 90 to 100 % of the same share of the limit, each scaled to the limit
/// in a random direction; successive halving chooses. They are as many as cost what supergraph and
/// search cost, an image of the supernet counting twice, and `ranking.max_ranked` more.
///
/// The record has the network before scaling, so that the steps after it are those of S3NAS.
/// Throws Interrupted, or TargetMissed if no network is found.
StepRecord random_mixconv_step(const RunContext& run, const Target& target);

/// Random network number `index`, drawn and scaled likewise, trained like the winner. The record
/// has no architecture where none is found.
StepRecord random_network_step(const RunContext& run, const Target& target, int index);

}  // namespace tilewake
