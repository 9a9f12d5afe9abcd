// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/latency_table.hpp"
#include "nas/search/target_context.hpp"
#include "nas/supernet/supernet.hpp"

namespace tilewake {

/// Each step returns its record, from the step store where it was done before, and throws
/// Interrupted, or TargetMissed where no network keeps to the limit.

/// Search: thresholds and weights of the supernet learn with the latency loss, from the end of the
/// supergraph phase.
///   @param supergraph_checkpoint  whose weights and optimizer it goes on with
StepRecord search_step(const TargetContext& context, const SearchSpace& space,
                       const LatencyTable& table, const std::string& supergraph_checkpoint);

/// Scaling: the found network to the limit in several directions, the best by short training.
StepRecord scale_step(const TargetContext& context, const StepRecord& search);

/// Filling: single steps of width, depth or resolution, each confirmed by the simulator, until none
/// fits the limit any more.
StepRecord fill_step(const TargetContext& context, const StepRecord& search);

/// Post-processing: squeeze-and-excitation and h-swish where they buy more than scaling does.
StepRecord postprocess_step(const TargetContext& context, const StepRecord& search,
                            const StepRecord& scaled);

/// Training of the winner.
StepRecord train_step(const TargetContext& context, const StepRecord& postprocessed);

/// Test accuracy, simulation, and the files of the result.
StepRecord evaluate_step(const TargetContext& context, const StepRecord& trained);

/// A random network of the space that takes at least 95 % of `latency_ms` and at most that, trained
/// like the winner. The record has no architecture where none of many draws does.
StepRecord random_step(const TargetContext& context, const SearchSpace& space, double latency_ms,
                       int index);

/// Trains `architecture` like the winner and notes what it comes to, under this name.
StepRecord trained_alike(const TargetContext& context, Architecture architecture,
                         const std::string& name);

/// The fastest choice at every block of a table, by its pairs of neighbours.
std::vector<int> fastest_choices(const LatencyTable& table);

/// Gates as a recipe has them.
GateOptions gate_options(const SearchOptions& options);

}  // namespace tilewake
