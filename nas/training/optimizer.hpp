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

/// Parameters with the same training options.
struct ParameterGroup {
  std::vector<torch::Tensor> parameters;
  bool weight_decay = true;
  double rate_scale = 1.0;  // factor on the learning rate
  // Whether a step skips parameters without gradient, including their optimizer state: for
  // supernets that train one path per step. Otherwise weight decay and momentum still apply.
  bool skip_without_gradient = false;
};

/// Parameter groups of a module: with weight decay (weights of more than one dimension) and without
/// (batch normalisation, biases).
std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& module);

/// Updates parameters by their gradients. The learning rate is an argument of every step; all state
/// is in tensors that can be saved.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// An undefined gradient counts as zero, unless its group skips it.
  virtual void step(double learning_rate) = 0;
  /// Makes the gradients undefined and frees their memory.
  void zero_grad();

  /// The state that a resumed run needs besides the parameters. The options are included and
  /// checked on load: throws InputError if they differ.
  virtual void save(StateArchive& archive) const = 0;
  virtual void load(const StateArchive& archive) = 0;

  /// Takes over the state of another phase's optimizer, whose options may differ. Returns false
  /// without changes if it is of another kind.
  virtual bool adopt(const StateArchive& archive) = 0;

 protected:
  explicit Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}
  std::vector<ParameterGroup> groups_;
};

/// RMSProp as in TensorFlow (mean square starts at 1, epsilon inside the root, the momentum buffer
/// includes the learning rate), SGD with momentum (optionally Nesterov), AdamW. Weight decay is
/// added to the gradient (L2), except in AdamW, which shrinks the weights.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::vector<ParameterGroup> groups);

/// Scales all gradients so that their global 2-norm is at most `max_norm`, and returns the norm
/// before scaling. If it is not finite, nothing is scaled.
double clip_gradients(const std::vector<torch::Tensor>& parameters, double max_norm);

}  // namespace tilewake
