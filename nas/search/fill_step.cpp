// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "nas/search/confirmed_scaling.hpp"
#include "nas/search/steps.hpp"

namespace tilewake {

StepRecord fill_step(const TargetContext& context, const StepRecord& search) {
  const std::string fingerprint = fingerprint_of({search.fingerprint, "fill"});
  if (const auto done = context.steps.find("scale", fingerprint)) return *done;
  StepRecord record = search;
  record.step = "scale";
  record.fingerprint = fingerprint;
  record.log.clear();
  record.values.clear();
  const ConfirmedCandidate filled = fill_and_confirm(context, *search.architecture);
  if (filled.is_rejected()) {
    record.log.push_back("nothing could be filled: " + filled.rejected());
  } else {
    record.architecture = filled.scaled.architecture;
    record.estimated_ms = filled.scaled.estimated_ms;
    record.simulated_ms = filled.simulated_ms;
    for (const std::string& fill : filled.scaled.fills) record.log.push_back("filled: " + fill);
  }
  record.architecture->name = "scaled";
  record.log.push_back(fmt::format("estimated {}, simulated {}, {:.1f} % of the limit: {}",
                                   as_ms(*record.estimated_ms), as_ms(*record.simulated_ms),
                                   100.0 * *record.simulated_ms / context.target_ms,
                                   in_one_line(*record.architecture)));
  context.steps.save("scale", record);
  return record;
}

}  // namespace tilewake
