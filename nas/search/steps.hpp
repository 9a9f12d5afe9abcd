// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// The steps after scaling (scale_step.hpp). Each returns its record, which it reads where the step
/// was done before, and throws Interrupted.

/// Post-processing: squeeze-and-excitation and h-swish where they gain more than scaling does.
StepRecord postprocess_step(const RunContext& run, const Target& target, const StepRecord& search,
                            const StepRecord& scaled);

/// Training of the winner, from scratch.
StepRecord train_step(const RunContext& run, const Target& target, const StepRecord& before);

/// Test accuracy and simulated latency; writes architecture.yaml, model.onnx and the
/// files for deployment (bundle.hpp).
StepRecord evaluate_step(const RunContext& run, const Target& target, const StepRecord& trained);

/// Trains another network like the winner, for comparison. `name` is that of its record.
StepRecord train_for_comparison(const RunContext& run, const Target& target,
                                Architecture architecture, const std::string& name);

}  // namespace tilewake
