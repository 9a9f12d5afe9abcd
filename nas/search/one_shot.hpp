// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/evolution/evolution.hpp"
#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"
#include "nas/space/space_design.hpp"
#include "nas/supernet/path_supernet.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

/// Trains one path a step, every free position drawn uniformly; parameters outside the path do not
/// change.
class PathLearner final : public Learner {
 public:
  /// @param fixed  per position the choice that it always has; -1 where it is free
  PathLearner(PathSupernet supernet, const OperatorSpace& space, std::vector<int> fixed,
              double label_smoothing);

  torch::nn::Module& module() override { return *supernet_; }
  std::vector<ParameterGroup> groups() override;
  Result forward(const torch::Tensor& images, const torch::Tensor& labels,
                 const StepContext& context) override;

 private:
  PathSupernet supernet_;
  PathSpace paths_;
  double label_smoothing_;
};

/// Paths of run.operators; feasible are those of a latency within the target and of parameters
/// within the space's limit.
PathSpace path_space(const RunContext& run, const Target& target);

/// Validation accuracy of a path with inherited weights; the statistics of its batch normalisation
/// are computed before.
double inherited_accuracy(const RunContext& run, PathSupernet& supernet, const OperatorPath& path,
                          std::int64_t validation_images);

/// Images that the evolution's score of one network takes: calibration and validation.
std::int64_t images_of_a_score(const RunContext& run);

/// Step "search" of SPOS: trains the supernet, one path a step, then evolves the path of the
/// highest accuracy within the target. HURRICANE does so in two stages: first the later positions,
/// the earlier ones fixed to their operator of the best score; then the earlier ones, the later
/// ones fixed to the operators found, with the weights of the first stage.
///   @param design  of run.operators
/// The result is the best candidate that keeps to the target on the simulator as well. Throws
/// TargetMissed where there is none.
StepRecord one_shot_step(const RunContext& run, const Target& target, const SpaceDesign& design);

/// The supernet of SPOS, which has one stage.
std::string supernet_checkpoint(const Target& target);

}  // namespace tilewake
