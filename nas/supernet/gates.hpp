// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/common/random.hpp"
#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// Of gates g_0, g_1, ..: 1, g_0, g_0 g_1, .., what nested choices are multiplied by. One element
/// more than `gates`. Differentiable (once) where gates are 0, too.
torch::Tensor nested_product(const torch::Tensor& gates);

/// Of nested_product(g): 1 - g_0, g_0 (1 - g_1), .., the product of all: the probability that the
/// first closed gate is g_0, g_1, .., or none. They add up to 1.
torch::Tensor choice_probabilities(const torch::Tensor& nested);

/// A list of gates g_0, g_1, .. in one step.
struct GateList {
  torch::Tensor open;           // per gate: 1 where its norm is at least its threshold, else 0
  torch::Tensor nested;         // nested_product(open x selection)
  torch::Tensor probabilities;  // choice_probabilities(nested_product(open))
};

/// @param energies     per gate the sum of squares of what it adds; its norm is the root of that
///                     times `scales`
/// @param thresholds   per gate
/// @param selection    per gate what equal-selection dropout multiplies it by; undefined for none
/// @param temperature  in units of the norm
///
/// Differentiable (once) in energies and thresholds: the gradient of a gate is that of
/// sigmoid((norm - threshold) / temperature) (straight through), and 0 in an energy of 0. All in
/// one, because many small operations cost more than what they compute.
GateList gate_list(const torch::Tensor& energies, const torch::Tensor& thresholds,
                   const torch::Tensor& scales, const torch::Tensor& selection, double temperature);

/// Sums of squares over regions of `weight`: entry [b][r] of bands x (weight o weight) x rings.
///   @param weight  C x anything
///   @param bands   B x C, 0/1
///   @param rings   (elements of a channel) x R, 0/1
/// Differentiable (once) in weight.
torch::Tensor region_energies(const torch::Tensor& weight, const torch::Tensor& bands,
                              const torch::Tensor& rings);

/// 0/1 masks, one a kernel, each k_max x k_max: the first kernel's window, then the ring that each
/// adds. They add up to one everywhere. Kernels are odd and ascending.
std::vector<torch::Tensor> ring_masks(const std::vector<int>& kernels);

/// Draws what equal-selection dropout drops in a list of `num_gates` gates: gate i (from 0) with
/// probability p = 1 / (num_gates + 1 - i), so that all num_gates + 1 outcomes are equally likely.
///   @return per gate 0 (dropped) or what it is multiplied by (kInverted: 1 / (1 - p), kNone: 1)
std::vector<double> draw_selection(int num_gates, GateScaling scaling, RandomStream& stream);

/// While it lives, this thread computes in the types that it is given: gates are norms and sums of
/// probabilities, which half precision would ruin.
class NoAutocast {
 public:
  NoAutocast();

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

}  // namespace tilewake
