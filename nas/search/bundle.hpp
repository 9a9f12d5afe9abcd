// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/export/layer_weights.hpp"
#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"

namespace tilewake {

/// Writes "deploy/" of a target: what others need to use the winner, without Tilewake.
///   @param record   with architecture, latencies and accuracies
///   @param weights  of the architecture's layers
///   @param onnx     onnx_model() of both
void write_bundle(const RunContext& run, const Target& target, const StepRecord& record,
                  const LayerWeights& weights, const std::string& onnx);

}  // namespace tilewake
