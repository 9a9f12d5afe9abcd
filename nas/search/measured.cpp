// SPDX-License-Identifier: Apache-2.0
#include "nas/search/measured.hpp"

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

void measure(const RunContext& run, StepRecord& record) {
  const Network network = to_network(*record.architecture);
  record.estimated_ms = run.estimate_ms(network);
  record.estimated_mj.reset();
  if (run.predict_energy) {
    try {
      record.estimated_mj = run.predict_energy(network).total_cycles;
    } catch (const InputError&) {  // a class of layers without training data
      if (!run.targets_mj.empty()) throw;
    }
  }
  const NetworkCosts costs = run.simulate(network);
  record.simulated_ms = costs.ms;
  record.simulated_mj.reset();
  if (costs.mj > 0.0) record.simulated_mj = costs.mj;
}

std::string measured_text(const RunContext& run, const StepRecord& record) {
  std::string text = fmt::format("estimated {}, simulated {}", as_ms(*record.estimated_ms),
                                 as_ms(*record.simulated_ms));
  if (record.simulated_mj) text += fmt::format(", {}", as_mj(*record.simulated_mj));
  if (run.measured_device.is_known())
    text += ", " + device_latency_text(run.measured_device, *record.simulated_ms);
  return text;
}

}  // namespace tilewake
