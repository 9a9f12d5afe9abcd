// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/training/state_archive.hpp"

namespace tilewake {

/// Parameters that are trained alike.
struct ParameterGroup {
  std::vector<torch::Tensor> parameters;
  bool weight_decay = true;
  double rate_scale = 1.0;  // factor on the learning rate
  // Whether a step leaves a parameter without gradient alone, and all that the optimizer keeps of
  // it: for supernets of which a step trains one path. Else it decays and coasts.
  bool skip_without_gradient = false;
};

/// Groups of a module: what decays (weights of more than one dimension), and what does not (batch
/// normalisation, biases).
std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& module);

/// Changes parameters by their gradients. The learning rate is given with every step; all state is
/// in tensors that can be saved.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// An undefined gradient counts as zero where its group does not skip it.
  virtual void step(double learning_rate) = 0;
  /// Gradients are undefined afterwards, and their memory is free.
  void zero_grad();

  /// Everything that a resumed run needs besides the parameters; the options are part of it and are
  /// checked on load: throws InputError where they differ.
  virtual void save(StateArchive& archive) const = 0;
  virtual void load(const StateArchive& archive) = 0;

  /// Takes over the state of another phase's optimizer, whatever its options were: for a phase that
  /// goes on with it under options of its own. Of another kind it takes nothing and returns false.
  virtual bool adopt(const StateArchive& archive) = 0;

 protected:
  explicit Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}
  std::vector<ParameterGroup> groups_;
};

/// RMSProp as TensorFlow has it (mean square starts at 1, epsilon inside the root, the learning
/// rate goes into the momentum buffer), SGD with momentum (Nesterov or not), AdamW. Weight decay is
/// added to the gradient (L2); AdamW's shrinks the weights themselves.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::vector<ParameterGroup> groups);

/// Scales all gradients such that their global 2-norm is at most `max_norm`, and returns what it
/// was; not finite if a gradient was not, and then nothing is scaled.
double clip_gradients(const std::vector<torch::Tensor>& parameters, double max_norm);

}  // namespace tilewake
