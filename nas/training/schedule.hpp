// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// The learning rate of step `step` (from 0) of `num_steps`: options.learning_rate x batch / 256,
/// warm-up linear from 1 step's share on, then the schedule in epochs (not counted from the end of
/// the warm-up).
///   @param steps_per_epoch  > 0
double learning_rate(const ScheduleOptions& options, int batch_size, std::int64_t step,
                     double steps_per_epoch, std::int64_t num_steps);

}  // namespace tilewake
