// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/step_budget.hpp"

#include <limits>
#include <variant>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr double kInOrderStepBytes = 4096.0;

// These models serve a request of any size in one step.
double step_bytes(const LatencyBandwidthDramConfig& /*dram*/) {
  return std::numeric_limits<double>::infinity();
}
double step_bytes(const IdealDramConfig& /*dram*/) {
  return std::numeric_limits<double>::infinity();
}
double step_bytes(const BankedDramConfig& dram) {
  return dram.scheduling == DramScheduling::kFrFcfs ? static_cast<double>(dram.burst_bytes())
                                                    : kInOrderStepBytes;
}

}  // namespace

double dram_step_bytes(const DramConfig& dram) {
  return std::visit([](const auto& model) { return step_bytes(model); }, dram);
}

void StepBudget::spend(const std::string& layer, double steps) {
  spent_ += steps;
  if (spent_ <= static_cast<double>(options_.max_steps)) return;
  throw InputError(fmt::format(
      "layer {}: simulating the network up to here takes about {:.3g} steps, more than {}{}", layer,
      spent_, options_.max_steps, options_.hint));
}

}  // namespace tilewake
