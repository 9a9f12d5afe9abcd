// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/supernet.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <string>

#include "nas/network/depthwise.hpp"
#include "nas/network/normalization.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

/// Probabilities of a branch's options, row-major over (kernel, expansion ratio).
Tensor option_probabilities(const BranchGates& gates) {
  return (gates.kernel_probabilities.unsqueeze(1) * gates.expansion_probabilities.unsqueeze(0))
      .flatten();
}

/// Factor of a block's result: 0 if all branches have vanished, otherwise 1. Undefined if one of
/// them cannot vanish.
Tensor keep_factor(const std::vector<BranchGates>& gates) {
  std::vector<Tensor> vanished;
  for (const BranchGates& branch : gates) {
    if (!branch.present.defined()) return {};
    vanished.push_back(1.0 - branch.present);
  }
  if (vanished.size() == 1) return gates[0].present;
  return 1.0 - nested_product(torch::stack(vanished))[-1];
}

}  // namespace

SuperBlockImpl::SuperBlockImpl(const BlockSpace& block, Activation activation_kind,
                               const GateOptions& gating)
    : space(block), activation(activation_kind), options(gating), outcomes(outcome_table(block)) {
  const std::vector<int>& of_combination = outcomes.outcome_of_combination;
  outcome_of_combination = torch::tensor(
      std::vector<std::int64_t>(of_combination.begin(), of_combination.end()), torch::kLong);
  const int num_inputs = space.op == BlockOp::kMixConv ? 0 : space.in_channels;
  int ratio = 0;
  for (std::size_t b = 0; b < space.branches.size(); ++b) {
    branches.push_back(register_module(
        "branch" + std::to_string(b),
        SuperKernel(space.branches[b], space.unit_channels(), options, num_inputs)));
    ratio += space.branches[b].max_expansion_ratio();
  }
  const int channels = ratio * space.unit_channels();
  if (space.op == BlockOp::kMixConv && (space.branches.size() > 1 || ratio != 1)) {
    expand = register_module("expand", conv_without_bias(space.in_channels, channels, 1, 1));
    expand_bn = register_module("expand_bn", batch_norm(channels));
  }
  depthwise_bn = register_module("depthwise_bn", batch_norm(channels));
  if (space.op == BlockOp::kConv) return;
  project = register_module(
      "project", conv_without_bias(channels, space.out_channels, project_kernel_of(space.op), 1));
  project_bn = register_module("project_bn", batch_norm(space.out_channels));
}

Tensor SuperBlockImpl::forward(const Tensor& x, const std::vector<BranchGates>& gates) {
  assert(gates.size() == branches.size());
  Tensor y = branch_features(x, gates);
  if (space.op == BlockOp::kConv) {
    const Tensor keep = options.mask_after_activation ? keep_factor(gates) : Tensor();
    if (keep.defined()) y = y * keep;
  } else {
    y = normalize_projected(
        torch::conv2d(y, masked_projection(gates), {}, 1, project_kernel_of(space.op) / 2), gates);
  }
  return space.stride == 1 && space.in_channels == space.out_channels ? y + x : y;
}

Tensor SuperBlockImpl::branch_features(const Tensor& x, const std::vector<BranchGates>& gates) {
  std::vector<Tensor> weights;
  for (std::size_t b = 0; b < branches.size(); ++b)
    weights.push_back(branches[b]->masked_weight(gates[b]));
  Tensor y = x;
  if (!expand.is_empty()) y = normalize_and_activate(expand_bn, expand(y), activation);
  if (space.op == BlockOp::kMixConv) {
    y = mix_depthwise(y, weights, space.stride);
  } else {
    std::vector<Tensor> outputs;
    for (const Tensor& weight : weights)
      outputs.push_back(
          torch::conv2d(x, weight, {}, space.stride, /*padding=*/(weight.size(2) - 1) / 2));
    y = outputs.size() == 1 ? outputs[0] : torch::cat(outputs, 1);
  }
  return normalize_and_activate(depthwise_bn, y, activation);
}

Tensor SuperBlockImpl::forward(const Tensor& x, const std::vector<BranchChoice>& choices) {
  assert(choices.size() == branches.size());
  if (space.can_skip && merge(space.branches, choices).empty()) return x;
  std::vector<BranchGates> gates;
  for (std::size_t b = 0; b < branches.size(); ++b)
    gates.push_back(branches[b]->gates_of(choices[b]));
  return forward(x, gates);
}

// Masking the projection's input equals masking the columns of its weight, which is far smaller.
Tensor SuperBlockImpl::masked_projection(const std::vector<BranchGates>& gates) {
  if (!options.mask_after_activation) return project->weight;
  std::vector<Tensor> masks;
  for (std::size_t b = 0; b < branches.size(); ++b)
    masks.push_back(branches[b]->channel_mask(gates[b]));
  return project->weight * torch::cat(masks).view({1, -1, 1, 1});
}

// For the same reason, the factor of the result is applied to scale and shift of the batch
// normalisation.
Tensor SuperBlockImpl::normalize_projected(const Tensor& x, const std::vector<BranchGates>& gates) {
  const Tensor keep = options.mask_after_activation ? keep_factor(gates) : Tensor();
  if (!keep.defined()) return normalize_and_activate(project_bn, x, Activation::kNone);
  return normalize_and_activate(project_bn, x, project_bn->weight * keep, project_bn->bias * keep,
                                Activation::kNone);
}

Tensor SuperBlockImpl::outcome_probabilities(const std::vector<BranchGates>& gates) {
  Tensor combinations = option_probabilities(gates[0]);
  for (std::size_t b = 1; b < gates.size(); ++b) {
    combinations =
        (combinations.unsqueeze(1) * option_probabilities(gates[b]).unsqueeze(0)).flatten();
  }
  if (outcome_of_combination.device() != combinations.device())
    outcome_of_combination = outcome_of_combination.to(combinations.device());
  const auto num_outcomes = static_cast<std::int64_t>(outcomes.outcomes.size());
  return torch::zeros({num_outcomes}, combinations.options())
      .index_add(0, outcome_of_combination, combinations);
}

std::vector<BranchChoice> SuperBlockImpl::choices() {
  std::vector<BranchChoice> choices;
  for (SuperKernel& branch : branches) choices.push_back(branch->choice());
  return choices;
}

Outcome SuperBlockImpl::outcome() { return merge(space.branches, choices()); }

SupernetImpl::SupernetImpl(const SearchSpace& search_space, const GateOptions& options)
    : space(search_space) {
  stem = register_module("stem",
                         conv_without_bias(static_cast<int>(space.input.channels), space.stem_width,
                                           space.stem_kernel, space.stem_stride));
  stem_bn = register_module("stem_bn", batch_norm(space.stem_width));
  int channels = space.stem_width;
  for (const BlockSpace& block : blocks_of(space)) {
    blocks.push_back(register_module("block" + std::to_string(blocks.size()),
                                     SuperBlock(block, space.activation, options)));
    channels = block.out_channels;
  }
  head = register_module("head", conv_without_bias(channels, space.head_width, 1, 1));
  head_bn = register_module("head_bn", batch_norm(space.head_width));
  classifier = register_module("classifier", classifier_layer(space.head_width, space.num_classes));
}

SupernetImpl::Output SupernetImpl::forward(const Tensor& images,
                                           std::optional<std::uint64_t> drop_seed) {
  const bool drops = drop_seed.has_value() && is_training();
  RandomStream stream(drop_seed.value_or(0));
  Output output;
  Tensor x = features(images);
  for (SuperBlock& block : blocks) {
    std::vector<BranchGates> gates;
    for (SuperKernel& branch : block->branches)
      gates.push_back(branch->gates(drops ? branch->draw(stream) : std::vector<double>()));
    x = block->forward(x, gates);
    output.probabilities.push_back(block->outcome_probabilities(gates));
  }
  output.logits = logits(x);
  return output;
}

Tensor SupernetImpl::features(const Tensor& images) {
  // Single-channel images match both layouts; convolutions would then select the slower one.
  const Tensor x = stem(images).contiguous(torch::MemoryFormat::ChannelsLast);
  return normalize_and_activate(stem_bn, x, space.activation);
}

Tensor SupernetImpl::logits(const Tensor& features) {
  Tensor x = normalize_and_activate(head_bn, head(features), space.activation).mean({2, 3});
  if (is_training() && dropout > 0.0) x = torch::dropout(x, dropout, /*train=*/true);
  return classifier(x);
}

std::vector<Outcome> SupernetImpl::outcomes() {
  std::vector<Outcome> outcomes;
  for (SuperBlock& block : blocks) outcomes.push_back(block->outcome());
  return outcomes;
}

Architecture SupernetImpl::architecture() { return architecture_of(space, outcomes()); }

std::vector<Tensor> SupernetImpl::thresholds() {
  std::vector<Tensor> thresholds;
  for (SuperBlock& block : blocks) {
    for (SuperKernel& branch : block->branches) {
      for (const Tensor& values : {branch->kernel_thresholds, branch->channel_thresholds}) {
        if (values.defined()) thresholds.push_back(values);
      }
    }
  }
  return thresholds;
}

}  // namespace tilewake
