// SPDX-License-Identifier: Apache-2.0
#include "nas/training/schedule.hpp"

#include <cassert>
#include <cmath>

namespace tilewake {
namespace {

constexpr double kPi = 3.141592653589793;
constexpr double kReferenceBatch = 256.0;  // batch size of ScheduleOptions::learning_rate

/// Factor on the learning rate after warm-up.
double schedule_share(const ScheduleOptions& options, double epoch, double progress) {
  switch (options.kind) {
    case ScheduleKind::kStaircase:
      // The offset compensates for rounding of the division at the start of a stair.
      return std::pow(options.decay_rate, std::floor(epoch / options.decay_epochs + 1e-9));
    case ScheduleKind::kCosine:
      return options.final_share +
             (1.0 - options.final_share) * 0.5 * (1.0 + std::cos(kPi * progress));
    case ScheduleKind::kConstant:
      return 1.0;
  }
  return 1.0;
}

}  // namespace

double learning_rate(const ScheduleOptions& options, int batch_size, std::int64_t step,
                     double steps_per_epoch, std::int64_t num_steps) {
  assert(steps_per_epoch > 0.0 && num_steps > 0);
  const double base = options.learning_rate * batch_size / kReferenceBatch;
  const double warmup_steps = options.warmup_epochs * steps_per_epoch;
  const auto steps_begun = static_cast<double>(step + 1);
  if (steps_begun <= warmup_steps) return base * steps_begun / warmup_steps;
  const double epoch = static_cast<double>(step) / steps_per_epoch;
  const double progress = static_cast<double>(step) / static_cast<double>(num_steps);
  return base * schedule_share(options, epoch, progress);
}

}  // namespace tilewake
