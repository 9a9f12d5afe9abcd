// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "nas/common/random.hpp"
#include "nas/recipe/recipe.hpp"

namespace tilewake {

/// For gates g_0, g_1, ..: 1, g_0, g_0 g_1, .., the factors of nested choices. One element more
/// than `gates`. Differentiable (once), also for gates of 0.
torch::Tensor nested_product(const torch::Tensor& gates);

/// For nested_product(g): 1 - g_0, g_0 (1 - g_1), .., the product of all: the probabilities that
/// the first closed gate is g_0, g_1, .., or none. Their sum is 1.
torch::Tensor choice_probabilities(const torch::Tensor& nested);

/// A list of gates g_0, g_1, .. in one step.
struct GateList {
  torch::Tensor open;           // per gate: 1 if its norm is at least its threshold, otherwise 0
  torch::Tensor nested;         // nested_product(open x selection)
  torch::Tensor probabilities;  // choice_probabilities(nested_product(open))
};

/// @param energies     per gate: sum of squares of the weights that it adds; the norm is its root
///                     times `scales`
/// @param thresholds   per gate
/// @param selection    per gate: factor of equal-selection dropout; undefined for none
/// @param temperature  in units of the norm
///
/// Differentiable (once) in energies and thresholds: the gradient of a gate is that of
/// sigmoid((norm - threshold) / temperature) (straight through), and 0 for an energy of 0.
/// One operation, because the overhead of many small ones exceeds their computation.
GateList gate_list(const torch::Tensor& energies, const torch::Tensor& thresholds,
                   const torch::Tensor& scales, const torch::Tensor& selection, double temperature);

/// Sums of squares over regions of `weight`: entry [b][r] of bands x (weight o weight) x rings.
///   @param weight  C x anything
///   @param bands   B x C, 0/1
///   @param rings   (elements of a channel) x R, 0/1
/// Differentiable (once) in weight.
torch::Tensor region_energies(const torch::Tensor& weight, const torch::Tensor& bands,
                              const torch::Tensor& rings);

/// 0/1 masks of k_max x k_max, one per kernel: the window of the first kernel, then the ring that
/// each kernel adds. Their sum is 1 everywhere. Kernels are odd and ascending.
std::vector<torch::Tensor> ring_masks(const std::vector<int>& kernels);

/// Draws the gates dropped by equal-selection dropout in a list of `num_gates`: gate i (from 0)
/// with probability p = 1 / (num_gates + 1 - i), so that all num_gates + 1 outcomes are equally
/// likely.
/// @return per gate 0 (dropped) or its factor (kInverted: 1 / (1 - p), kNone: 1)
std::vector<double> draw_selection(int num_gates, GateScaling scaling, RandomStream& stream);

/// Disables autocast for this thread in its scope: gates are norms and sums of probabilities, for
/// which half precision is too inaccurate.
class NoAutocast {
 public:
  NoAutocast();

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

}  // namespace tilewake
