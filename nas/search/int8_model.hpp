// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nas/common/accuracy.hpp"
#include "nas/export/layer_weights.hpp"
#include "nas/search/bundle.hpp"
#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Begins the line of a record's log that says why a network has none.
inline constexpr std::string_view kNoInt8Model = "no int8 model";

/// Quantizes a network after training, and with `train.qat.epochs` trains it on in int8 and keeps
/// what is better on validation images. Sets the accuracies in int8 of `record`, which has those in
/// floats, and adds to its log. None where the network has a layer without integer arithmetic; the
/// reason is in the log.
///   @param directory    of metrics and checkpoint
///   @param fingerprint  of the step, for the checkpoint
///   @param teacher      of the training in int8; null: none
std::optional<BundledInt8> int8_of(const RunContext& run, const std::string& directory,
                                   const Network& network, const LayerWeights& weights,
                                   StepRecord& record, const std::string& fingerprint,
                                   const Teacher* teacher);

/// Of a network quantized after training, on the validation images. Throws InputError where it has
/// a layer without integer arithmetic.
Accuracy int8_accuracy(const RunContext& run, const Network& network, const LayerWeights& weights);

}  // namespace tilewake
