// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/search/one_shot.hpp"

namespace tilewake {

/// Random search: random networks of the space that keep to the target, ranked by short training;
/// as many as cost what training and evolution of SPOS do (images trained on count three times
/// those scored on), or as the recipe says.
StepRecord random_search_step(const TargetContext& context, const OperatorContext& operators);

/// Random network number `index` of the space that keeps to the target, what it leaves of that
/// filled, trained like the winner. The record has no architecture where none of many draws does.
StepRecord random_operators_step(const TargetContext& context, const OperatorContext& operators,
                                 int index);

/// How well accuracies with the weights of one_shot_step's supernet order networks: Kendall's tau
/// of those of config.num_correlated random networks within the target against what they reach
/// when each is trained from scratch by `ranking`. `values`: tau, then both accuracies of every
/// network; none where there are fewer than two networks.
StepRecord correlation_step(const TargetContext& context, const OperatorContext& operators);

}  // namespace tilewake
