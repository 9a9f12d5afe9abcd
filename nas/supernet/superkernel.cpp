// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/superkernel.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <string>

#include "nas/network/layers.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

/// Channels at which the bands end, per expansion ratio above 0.
std::vector<int> band_ends(const BranchSpace& space, int unit_channels) {
  std::vector<int> ends;
  for (const int ratio : space.expansion_ratios) {
    if (ratio > 0) ends.push_back(ratio * unit_channels);
  }
  return ends;
}

Tensor band_masks(const std::vector<int>& ends) {
  Tensor masks =
      torch::zeros({static_cast<std::int64_t>(ends.size()), ends.back()}, torch::kDouble);
  int begin = 0;
  for (std::size_t b = 0; b < ends.size(); ++b) {
    masks[static_cast<std::int64_t>(b)].narrow(0, begin, ends[b] - begin).fill_(1.0);
    begin = ends[b];
  }
  return masks;
}

Tensor scales_of(const Tensor& num_elements, NormKind norm) {
  return norm == NormKind::kRms ? num_elements.rsqrt() : torch::ones_like(num_elements);
}

int num_leading_open(const Tensor& nested) {
  return static_cast<int>(nested.ne(0).sum().item<std::int64_t>());
}

}  // namespace

SuperKernelImpl::SuperKernelImpl(const BranchSpace& branch, int channels_of_unit,
                                 const GateOptions& gating, int dense_inputs)
    : space(branch), unit_channels(channels_of_unit), options(gating) {
  if (!(options.temperature > 0.0))
    throw InputError("the gates' temperature must be above 0, not " +
                     std::to_string(options.temperature));
  const int size = space.max_kernel();
  const std::vector<int> ends = band_ends(space, unit_channels);
  assert(!ends.empty());
  const int inputs = std::max(1, dense_inputs);
  weight = register_parameter("weight", torch::empty({ends.back(), inputs, size, size}));
  init_conv(weight, /*is_depthwise=*/dense_inputs == 0);
  rings_ = torch::stack(ring_masks(space.kernels)).flatten(1).t().to(torch::kDouble);
  element_rings_ = rings_.repeat({inputs, 1});
  bands_ = band_masks(ends);
  if (num_kernel_gates() > 0) {
    const Tensor num_taps = element_rings_.sum(0).narrow(0, 1, num_kernel_gates());
    kernel_scales_ = scales_of(num_taps * ends.back(), options.norm);
    kernel_thresholds = register_parameter("kernel_thresholds", torch::zeros({num_kernel_gates()}));
  }
  if (num_channel_gates() > 0) {
    const Tensor num_channels =
        bands_.sum(1).narrow(0, space.can_vanish() ? 0 : 1, num_channel_gates());
    band_scales_ = scales_of(num_channels * (inputs * size * size), options.norm);
    channel_thresholds =
        register_parameter("channel_thresholds", torch::zeros({num_channel_gates()}));
  }
}

int SuperKernelImpl::num_kernel_gates() const { return static_cast<int>(space.kernels.size()) - 1; }

// With the vanishing ratio, a list of n ratios has n - 1 bands and as many gates; without it n
// bands, of which the first has no gate.
int SuperKernelImpl::num_channel_gates() const {
  return static_cast<int>(space.expansion_ratios.size()) - 1;
}

std::vector<double> SuperKernelImpl::draw(RandomStream& stream) const {
  std::vector<double> factors = draw_selection(num_kernel_gates(), options.scaling, stream);
  for (const double factor : draw_selection(num_channel_gates(), options.scaling, stream))
    factors.push_back(factor);
  return factors;
}

void SuperKernelImpl::follow_weight() {
  if (rings_.device() == weight.device() && rings_.scalar_type() == weight.scalar_type()) return;
  for (Tensor* constant : {&rings_, &element_rings_, &bands_, &kernel_scales_, &band_scales_}) {
    if (constant->defined()) *constant = constant->to(weight.options());
  }
}

BranchGates SuperKernelImpl::gates(const std::vector<double>& selection) {
  const NoAutocast full_precision;
  follow_weight();
  Tensor kernel_selection, channel_selection;
  if (!selection.empty()) {
    assert(static_cast<int>(selection.size()) == num_kernel_gates() + num_channel_gates());
    const Tensor factors = torch::tensor(selection, torch::kDouble).to(weight.options());
    kernel_selection = factors.narrow(0, 0, num_kernel_gates());
    channel_selection = factors.narrow(0, num_kernel_gates(), num_channel_gates());
  }
  const Tensor energies = region_energies(weight, bands_, element_rings_);
  BranchGates gates;
  add_kernel_gates(gates, energies, kernel_selection);
  add_channel_gates(gates, energies, channel_selection);
  return gates;
}

BranchGates SuperKernelImpl::gates_of(const BranchChoice& choice) {
  const auto leading_ones = [&](int num_ones, std::size_t size) {
    Tensor gates = torch::zeros({static_cast<std::int64_t>(size)}, weight.options());
    gates.narrow(0, 0, num_ones).fill_(1.0);
    return gates;
  };
  const auto one_at = [&](int index, std::size_t size) {
    Tensor probabilities = torch::zeros({static_cast<std::int64_t>(size)}, weight.options());
    probabilities[index] = 1.0;
    return probabilities;
  };
  const std::size_t num_ratios = space.expansion_ratios.size();
  const int num_bands = choice.expansion_ratio + (space.can_vanish() ? 0 : 1);
  BranchGates gates;
  gates.kernel = leading_ones(choice.kernel + 1, space.kernels.size());
  gates.channel = leading_ones(num_bands, num_ratios - (space.can_vanish() ? 1 : 0));
  if (space.can_vanish()) gates.present = leading_ones(num_bands > 0 ? 1 : 0, 1)[0];
  gates.kernel_probabilities = one_at(choice.kernel, space.kernels.size());
  gates.expansion_probabilities = one_at(choice.expansion_ratio, num_ratios);
  return gates;
}

void SuperKernelImpl::add_kernel_gates(BranchGates& gates, const Tensor& energies,
                                       const Tensor& selection) {
  if (num_kernel_gates() == 0) {
    gates.kernel = gates.kernel_probabilities = torch::ones({1}, weight.options());
    return;
  }
  const Tensor of_rings = energies.sum(0).narrow(0, 1, num_kernel_gates());
  const GateList list =
      gate_list(of_rings, kernel_thresholds, kernel_scales_, selection, options.temperature);
  gates.kernel = list.nested;
  gates.kernel_probabilities = list.probabilities;
}

void SuperKernelImpl::add_channel_gates(BranchGates& gates, const Tensor& energies,
                                        const Tensor& selection) {
  const int num_gates = num_channel_gates();
  if (num_gates == 0) {
    gates.channel = gates.expansion_probabilities = torch::ones({1}, weight.options());
    return;
  }
  // Rings are disjoint, so the energy of the gated weight is the sum over the gated rings.
  const Tensor of_bands =
      num_kernel_gates() == 0 ? energies.select(1, 0) : energies.mv(gates.kernel.square());
  const Tensor gated = of_bands.narrow(0, of_bands.size(0) - num_gates, num_gates);
  const GateList list =
      gate_list(gated, channel_thresholds, band_scales_, selection, options.temperature);
  gates.expansion_probabilities = list.probabilities;
  gates.channel = list.nested;
  if (!space.can_vanish()) return;
  gates.channel = list.nested.narrow(0, 1, num_gates);
  gates.present = list.open[0];
  if (selection.defined()) gates.present = gates.present * selection[0].ne(0);
}

Tensor SuperKernelImpl::masked_weight(const BranchGates& gates) {
  const NoAutocast full_precision;
  follow_weight();
  Tensor masked = weight;
  if (num_kernel_gates() > 0)
    masked = masked * rings_.mv(gates.kernel).view({1, 1, weight.size(2), weight.size(3)});
  if (!options.mask_after_activation) masked = masked * channel_mask(gates).view({-1, 1, 1, 1});
  return masked;
}

Tensor SuperKernelImpl::channel_mask(const BranchGates& gates) {
  const NoAutocast full_precision;
  follow_weight();
  return bands_.t().mv(gates.channel);
}

BranchChoice SuperKernelImpl::choice() {
  const torch::NoGradGuard no_grad;
  const BranchGates now = gates();
  BranchChoice choice;
  choice.kernel = num_leading_open(now.kernel) - 1;
  choice.expansion_ratio = num_leading_open(now.channel) - (space.can_vanish() ? 0 : 1);
  return choice;
}

}  // namespace tilewake
