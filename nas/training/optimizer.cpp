// SPDX-License-Identifier: Apache-2.0
#include "nas/training/optimizer.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>

#include "nas/training/state_archive.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using Tensors = std::vector<torch::Tensor>;

struct NamedOption {
  std::string name;
  double value;
};

/// The parameters of one group that take part in a step, and their state.
struct GroupStep {
  Tensors parameters;
  Tensors gradients;                    // one per parameter, all defined; read only
  std::vector<Tensors> states;          // one list per initial state
  std::vector<std::int64_t> num_steps;  // per parameter, including this one
  bool decays = true;
  double learning_rate = 0.0;
};

/// Common part of the optimizers: per parameter a fixed number of state tensors of its shape, and a
/// step counter. Subclasses implement the step of one group.
class StatefulOptimizer : public Optimizer {
 public:
  StatefulOptimizer(std::string kind, std::vector<NamedOption> options,
                    const std::vector<double>& initial_states, std::vector<ParameterGroup> groups);

  void step(double learning_rate) final;
  void save(StateArchive& archive) const final;
  void load(const StateArchive& archive) final;
  bool adopt(const StateArchive& archive) final;

 protected:
  virtual void step_group(const GroupStep& step) = 0;

 private:
  Tensors all_states() const;

  std::string kind_;
  std::vector<NamedOption> options_;
  std::vector<std::vector<Tensors>> states_;  // [group][state][parameter]
  std::int64_t num_steps_ = 0;
  // Per parameter, for groups that skip: one integer tensor per group, on the CPU.
  Tensors num_steps_of_skipping_;
};

StatefulOptimizer::StatefulOptimizer(std::string kind, std::vector<NamedOption> options,
                                     const std::vector<double>& initial_states,
                                     std::vector<ParameterGroup> groups)
    : Optimizer(std::move(groups)), kind_(std::move(kind)), options_(std::move(options)) {
  for (const ParameterGroup& group : groups_) {
    std::vector<Tensors> states;
    for (const double initial : initial_states) {
      Tensors state;
      for (const torch::Tensor& parameter : group.parameters) {
        state.push_back(torch::full_like(parameter.detach(), initial));
      }
      states.push_back(std::move(state));
    }
    states_.push_back(std::move(states));
    if (group.skip_without_gradient) {
      const auto size = static_cast<std::int64_t>(group.parameters.size());
      num_steps_of_skipping_.push_back(torch::zeros({size}, torch::kLong));
    }
  }
}

void StatefulOptimizer::step(double learning_rate) {
  const torch::NoGradGuard no_grad;
  ++num_steps_;
  auto skipping = num_steps_of_skipping_.begin();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const ParameterGroup& group = groups_[g];
    GroupStep step;
    step.decays = group.weight_decay;
    step.learning_rate = learning_rate * group.rate_scale;
    step.states.resize(states_[g].size());
    std::int64_t* num_steps =
        group.skip_without_gradient ? (*skipping++).data_ptr<std::int64_t>() : nullptr;
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      const torch::Tensor& parameter = group.parameters[i];
      const torch::Tensor& gradient = parameter.grad();
      if (num_steps != nullptr && !gradient.defined()) continue;
      step.parameters.push_back(parameter);
      step.gradients.push_back(gradient.defined() ? gradient : torch::zeros_like(parameter));
      for (std::size_t s = 0; s < step.states.size(); ++s) {
        step.states[s].push_back(states_[g][s][i]);
      }
      step.num_steps.push_back(num_steps != nullptr ? ++num_steps[i] : num_steps_);
    }
    if (!step.parameters.empty()) step_group(step);
  }
}

Tensors StatefulOptimizer::all_states() const {
  Tensors all;
  for (const std::vector<Tensors>& group : states_) {
    for (const Tensors& state : group) all.insert(all.end(), state.begin(), state.end());
  }
  return all;
}

void StatefulOptimizer::save(StateArchive& archive) const {
  archive.write("kind", kind_);
  for (const NamedOption& option : options_) archive.write(option.name, option.value);
  archive.write("num_steps", num_steps_);
  archive.write("states", all_states());
  if (!num_steps_of_skipping_.empty()) {
    archive.write("num_steps_of_skipping", num_steps_of_skipping_);
  }
}

void StatefulOptimizer::load(const StateArchive& archive) {
  const std::string kind = archive.read_string("kind");
  if (kind != kind_) {
    throw InputError(fmt::format("the optimizer is {}, this run has {}", kind, kind_));
  }
  for (const NamedOption& option : options_) {
    const double value = archive.read_double(option.name);
    if (value == option.value) continue;
    throw InputError(fmt::format("optimizer {}: {} is {}, this run has {}", kind_, option.name,
                                 value, option.value));
  }
  adopt(archive);
}

bool StatefulOptimizer::adopt(const StateArchive& archive) {
  if (archive.read_string("kind") != kind_) return false;
  const std::int64_t num_steps = archive.read_int("num_steps");
  archive.read_into("states", all_states());
  if (!num_steps_of_skipping_.empty()) {
    archive.read_into("num_steps_of_skipping", num_steps_of_skipping_);
  }
  num_steps_ = num_steps;
  return true;
}

Tensors with_l2(const GroupStep& step, double weight_decay) {
  if (!step.decays || weight_decay == 0.0) return step.gradients;
  return at::_foreach_add(step.gradients, step.parameters, weight_decay);
}

/// Source: TensorFlow's ApplyRMSProp: ms = decay ms + (1 - decay) g^2;
/// mom = momentum mom + lr g / sqrt(ms + epsilon); w -= mom.
class RmspropTf final : public StatefulOptimizer {
 public:
  RmspropTf(const OptimizerOptions& options, std::vector<ParameterGroup> groups)
      : StatefulOptimizer("rmsprop_tf",
                          {{"momentum", options.momentum},
                           {"decay", options.decay},
                           {"epsilon", options.epsilon},
                           {"weight_decay", options.weight_decay}},
                          {1.0, 0.0}, std::move(groups)),
        options_(options) {}

 private:
  void step_group(const GroupStep& step) override {
    const Tensors& mean_square = step.states[0];
    const Tensors& momentum = step.states[1];
    const Tensors g = with_l2(step, options_.weight_decay);
    at::_foreach_mul_(mean_square, options_.decay);
    at::_foreach_addcmul_(mean_square, g, g, 1.0 - options_.decay);
    const Tensors root = at::_foreach_add(mean_square, options_.epsilon);
    at::_foreach_sqrt_(root);
    at::_foreach_mul_(momentum, options_.momentum);
    at::_foreach_addcdiv_(momentum, g, root, step.learning_rate);
    at::_foreach_sub_(step.parameters, momentum);
  }

  OptimizerOptions options_;
};

/// Source: torch.optim.SGD (dampening 0): v = momentum v + g; w -= lr v, or with Nesterov
/// w -= lr (g + momentum v).
class Sgd final : public StatefulOptimizer {
 public:
  Sgd(const OptimizerOptions& options, std::vector<ParameterGroup> groups)
      : StatefulOptimizer("sgd",
                          {{"momentum", options.momentum},
                           {"nesterov", options.nesterov ? 1.0 : 0.0},
                           {"weight_decay", options.weight_decay}},
                          {0.0}, std::move(groups)),
        options_(options) {}

 private:
  void step_group(const GroupStep& step) override {
    const Tensors& velocity = step.states[0];
    const Tensors g = with_l2(step, options_.weight_decay);
    at::_foreach_mul_(velocity, options_.momentum);
    at::_foreach_add_(velocity, g);
    if (options_.nesterov) {
      at::_foreach_add_(step.parameters, g, -step.learning_rate);
      at::_foreach_add_(step.parameters, velocity, -step.learning_rate * options_.momentum);
    } else {
      at::_foreach_add_(step.parameters, velocity, -step.learning_rate);
    }
  }

  OptimizerOptions options_;
};

/// Source: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, as in
/// torch.optim.AdamW.
class AdamW final : public StatefulOptimizer {
 public:
  AdamW(const OptimizerOptions& options, std::vector<ParameterGroup> groups)
      : StatefulOptimizer("adamw",
                          {{"momentum", options.momentum},
                           {"beta2", options.beta2},
                           {"epsilon", options.epsilon},
                           {"weight_decay", options.weight_decay}},
                          {0.0, 0.0}, std::move(groups)),
        options_(options) {}

 private:
  void step_group(const GroupStep& step) override {
    const Tensors& mean = step.states[0];
    const Tensors& mean_square = step.states[1];
    const double beta1 = options_.momentum;
    const double beta2 = options_.beta2;
    std::vector<at::Scalar> root_scales;
    std::vector<at::Scalar> rates;
    for (const std::int64_t num_steps : step.num_steps) {
      const auto steps = static_cast<double>(num_steps);
      root_scales.emplace_back(1.0 / std::sqrt(1.0 - std::pow(beta2, steps)));
      rates.emplace_back(-step.learning_rate / (1.0 - std::pow(beta1, steps)));
    }
    if (step.decays) {
      at::_foreach_mul_(step.parameters, 1.0 - step.learning_rate * options_.weight_decay);
    }
    at::_foreach_mul_(mean, beta1);
    at::_foreach_add_(mean, step.gradients, 1.0 - beta1);
    at::_foreach_mul_(mean_square, beta2);
    at::_foreach_addcmul_(mean_square, step.gradients, step.gradients, 1.0 - beta2);
    const Tensors root = at::_foreach_sqrt(mean_square);
    at::_foreach_mul_(root, root_scales);
    at::_foreach_add_(root, options_.epsilon);
    at::_foreach_addcdiv_(step.parameters, mean, root, rates);
  }

  OptimizerOptions options_;
};

}  // namespace

std::vector<ParameterGroup> parameter_groups(const torch::nn::Module& module) {
  ParameterGroup decaying;
  ParameterGroup others;
  others.weight_decay = false;
  for (const torch::Tensor& parameter : module.parameters()) {
    if (!parameter.requires_grad()) continue;
    (parameter.dim() > 1 ? decaying : others).parameters.push_back(parameter);
  }
  return {decaying, others};
}

void Optimizer::zero_grad() {
  for (const ParameterGroup& group : groups_) {
    for (const torch::Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::vector<ParameterGroup> groups) {
  switch (options.kind) {
    case OptimizerKind::kRmspropTf:
      return std::make_unique<RmspropTf>(options, std::move(groups));
    case OptimizerKind::kSgd:
      return std::make_unique<Sgd>(options, std::move(groups));
    case OptimizerKind::kAdamW:
      return std::make_unique<AdamW>(options, std::move(groups));
  }
  throw InputError("unknown kind of optimizer");
}

double clip_gradients(const std::vector<torch::Tensor>& parameters, double max_norm) {
  const torch::NoGradGuard no_grad;
  Tensors gradients;
  for (const torch::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (gradients.empty()) return 0.0;
  const torch::Tensor norms = torch::stack(at::_foreach_norm(gradients)).to(torch::kDouble);
  const double norm = norms.norm().item<double>();
  if (std::isfinite(norm) && norm > max_norm) at::_foreach_mul_(gradients, max_norm / norm);
  return norm;
}

}  // namespace tilewake
