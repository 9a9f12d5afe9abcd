// SPDX-License-Identifier: Apache-2.0
#include <cassert>
#include <cstddef>
#include <iterator>

#include "nas/supernet/supernet.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

/// Channels of a superblock that become part of one kernel of the discrete block.
struct BranchPart {
  std::size_t branch = 0;
  std::int64_t begin = 0;  // in the superblock's expanded channels
  std::int64_t num_channels = 0;
};

/// The parts of each merged branch, in the order of the discrete block's channels.
std::vector<std::vector<BranchPart>> parts_of(const SuperBlockImpl& block,
                                              const std::vector<BranchChoice>& choices,
                                              const Outcome& outcome) {
  std::vector<std::vector<BranchPart>> parts(outcome.size());
  std::int64_t begin = 0;
  for (std::size_t b = 0; b < choices.size(); ++b) {
    const BranchSpace& space = block.space.branches[b];
    const int kernel = space.kernels[static_cast<std::size_t>(choices[b].kernel)];
    const int ratio = space.expansion_ratios[static_cast<std::size_t>(choices[b].expansion_ratio)];
    for (std::size_t m = 0; ratio > 0 && m < outcome.size(); ++m) {
      if (outcome[m].kernel == kernel)
        parts[m].push_back({b, begin, std::int64_t{ratio} * block.space.unit_channels()});
    }
    begin += std::int64_t{space.max_expansion_ratio()} * block.space.unit_channels();
  }
  return parts;
}

void copy(const torch::nn::BatchNorm2d& from, torch::nn::BatchNorm2d& to) {
  to->weight.copy_(from->weight);
  to->bias.copy_(from->bias);
  to->running_mean.copy_(from->running_mean);
  to->running_var.copy_(from->running_var);
  to->num_batches_tracked.copy_(from->num_batches_tracked);
}

void copy(const torch::nn::BatchNorm2d& from, const Tensor& channels, torch::nn::BatchNorm2d& to) {
  to->weight.copy_(from->weight.index_select(0, channels));
  to->bias.copy_(from->bias.index_select(0, channels));
  to->running_mean.copy_(from->running_mean.index_select(0, channels));
  to->running_var.copy_(from->running_var.index_select(0, channels));
  to->num_batches_tracked.copy_(from->num_batches_tracked);
}

/// The centre window of the first channels of a superkernel.
Tensor cut(const Tensor& weight, std::int64_t num_channels, std::int64_t kernel) {
  const std::int64_t begin = (weight.size(2) - kernel) / 2;
  return weight.narrow(0, 0, num_channels).narrow(2, begin, kernel).narrow(3, begin, kernel);
}

/// The channels of a superblock that its discrete block has, and the kernel of each merged branch.
struct Selection {
  Tensor channels;
  std::vector<Tensor> kernels;
};

Selection selection_of(const SuperBlockImpl& from, const std::vector<BranchChoice>& choices,
                       const Outcome& outcome) {
  std::vector<Tensor> channels;
  Selection selection;
  const auto parts = parts_of(from, choices, outcome);
  for (std::size_t m = 0; m < parts.size(); ++m) {
    std::vector<Tensor> kernels;
    for (const BranchPart& part : parts[m]) {
      channels.push_back(torch::arange(part.begin, part.begin + part.num_channels, torch::kLong));
      kernels.push_back(
          cut(from.branches[part.branch]->weight, part.num_channels, outcome[m].kernel));
    }
    selection.kernels.push_back(torch::cat(kernels));
  }
  selection.channels = torch::cat(channels).to(from.depthwise_bn->weight.device());
  return selection;
}

void copy_block(const SuperBlockImpl& from, const Selection& selection, MixConvBlockImpl& to) {
  for (std::size_t m = 0; m < to.depthwise.size(); ++m) to.depthwise[m].copy_(selection.kernels[m]);
  if (!from.expand.is_empty() && !to.expand.is_empty()) {
    to.expand->weight.copy_(from.expand->weight.index_select(0, selection.channels));
    copy(from.expand_bn, selection.channels, to.expand_bn);
  }
  copy(from.depthwise_bn, selection.channels, to.depthwise_bn);
  to.project->weight.copy_(from.project->weight.index_select(1, selection.channels));
  copy(from.project_bn, to.project_bn);
}

void copy_block(const SuperBlockImpl& from, const Selection& selection, FusedBlockImpl& to) {
  for (std::size_t m = 0; m < to.expand.size(); ++m)
    to.expand[m]->weight.copy_(selection.kernels[m]);
  copy(from.depthwise_bn, selection.channels, to.expand_bn);
  to.project->weight.copy_(from.project->weight.index_select(1, selection.channels));
  copy(from.project_bn, to.project_bn);
}

void copy_block(const SuperBlockImpl& from, const Selection& selection, ConvBlockImpl& to) {
  to.conv->weight.copy_(selection.kernels.at(0));
  copy(from.depthwise_bn, to.conv->bn);
}

void copy_block(const SuperBlockImpl& from, const std::vector<BranchChoice>& choices,
                const Outcome& outcome, NetworkBlock& to) {
  const Selection selection = selection_of(from, choices, outcome);
  if (from.space.op == BlockOp::kFused || from.space.op == BlockOp::kBasic)
    copy_block(from, selection, *to->as<FusedBlock>());
  else if (from.space.op == BlockOp::kConv)
    copy_block(from, selection, *to->as<ConvBlock>());
  else
    copy_block(from, selection, *to->as<MixConvBlock>());
}

std::vector<BranchChoice> choices_for(const SuperBlockImpl& block, const Outcome& outcome) {
  const std::vector<int>& of_combination = block.outcomes.outcome_of_combination;
  const int index = block.outcomes.index_of(outcome);
  std::size_t number = 0;
  while (of_combination[number] != index) ++number;
  return choices_of_combination(block.space.branches, number);
}

BlockNetwork network_of(SupernetImpl& supernet,
                        const std::vector<std::vector<BranchChoice>>& choices) {
  std::vector<Outcome> outcomes;
  for (std::size_t b = 0; b < choices.size(); ++b)
    outcomes.push_back(merge(supernet.blocks[b]->space.branches, choices[b]));
  const torch::NoGradGuard no_grad;
  BlockNetwork network(architecture_of(supernet.space, outcomes));
  network->to(supernet.classifier->weight.device(), supernet.classifier->weight.scalar_type());
  network->dropout = supernet.dropout;
  network->train(supernet.is_training());
  network->stem->weight.copy_(supernet.stem->weight);
  copy(supernet.stem_bn, network->stem_bn);
  auto to = network->blocks.begin();
  for (std::size_t b = 0; b < choices.size(); ++b) {
    if (!outcomes[b].empty()) copy_block(*supernet.blocks[b], choices[b], outcomes[b], *to++);
  }
  assert(to == network->blocks.end());
  network->head->weight.copy_(supernet.head->weight);
  copy(supernet.head_bn, network->head_bn);
  network->classifier->weight.copy_(supernet.classifier->weight);
  network->classifier->bias.copy_(supernet.classifier->bias);
  return network;
}

}  // namespace

BlockNetwork discrete_network(Supernet& supernet) {
  std::vector<std::vector<BranchChoice>> choices;
  for (SuperBlock& block : supernet->blocks) choices.push_back(block->choices());
  return network_of(*supernet, choices);
}

BlockNetwork discrete_network(Supernet& supernet, const std::vector<Outcome>& outcomes) {
  assert(outcomes.size() == supernet->blocks.size());
  std::vector<std::vector<BranchChoice>> choices;
  for (std::size_t b = 0; b < outcomes.size(); ++b)
    choices.push_back(choices_for(*supernet->blocks[b], outcomes[b]));
  return network_of(*supernet, choices);
}

}  // namespace tilewake
