// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "nas/evolution/evolution.hpp"
#include "nas/search/target_context.hpp"
#include "nas/space/space_design.hpp"
#include "nas/supernet/path_supernet.hpp"
#include "nas/training/phase.hpp"

namespace tilewake {

/// What the steps that search operators have in common.
struct OperatorContext {
  OperatorSpace space;
  SpaceDesign design;  // of its operators
};

/// One path a step, every free position drawn uniformly: all parameters of the others keep still.
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

/// Paths of the space, those of a latency within the target and of parameters within the space's
/// limit being feasible.
PathSpace path_space(const TargetContext& context, const OperatorSpace& space);

/// Validation accuracy of a path with inherited weights; the statistics of its batch
/// normalisation are computed anew before.
double inherited_accuracy(const TargetContext& context, PathSupernet& supernet,
                          const OperatorPath& path, std::int64_t validation_images);

/// Images that the evolution's score of one network takes: calibration and validation.
std::int64_t images_of_a_score(const TargetContext& context);

/// SPOS: trains the supernet, one path a step, then evolves the path of the highest accuracy within
/// the target. HURRICANE does so in two stages: first the later positions, the earlier ones fixed
/// to their operator of the best score; then the earlier ones, the later fixed to what was found,
/// with the weights of the first stage.
///
/// What is found is the best candidate that keeps to the target on the simulator, too. Throws
/// TargetMissed where there is none.
StepRecord one_shot_step(const TargetContext& context, const OperatorContext& operators,
                         bool two_stages);

/// Where one_shot_step leaves the supernet of one stage.
std::string supernet_checkpoint(const TargetContext& context);

}  // namespace tilewake
