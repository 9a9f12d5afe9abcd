// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// The learning rate of step `step` (from 0) of `num_steps`: options.learning_rate x batch / 256.
/// Linear warm-up from the share of one step, then the schedule by epochs counted from the start.
///   @param steps_per_epoch  > 0
double learning_rate(const ScheduleOptions& options, int batch_size, std::int64_t step,
                     double steps_per_epoch, std::int64_t num_steps);

}  // namespace tilewake
