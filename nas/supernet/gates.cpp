// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/gates.hpp"

#include <cstddef>

namespace tilewake {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

Tensor nested_of(const Tensor& gates) {
  return torch::cat({torch::ones({1}, gates.options()), gates.cumprod(0)});
}

// d (g_0 .. g_j) / d g_i is the product of all but g_i, for j >= i. A quotient would be 0 / 0 at a
// closed gate.
Tensor gradient_of_nested(const Tensor& gates, const Tensor& gradient) {
  const std::int64_t n = gates.size(0);
  if (n == 1) return gradient.narrow(0, 1, 1);
  Tensor others = gates.expand({n, n}).clone();
  others.fill_diagonal_(1.0);
  return others.cumprod(1).triu_().mv(gradient.narrow(0, 1, n));
}

struct NestedProduct : torch::autograd::Function<NestedProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& gates) {
    context->save_for_backward({gates});
    return nested_of(gates);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    return {gradient_of_nested(context->get_saved_variables()[0], gradients[0])};
  }
};

struct GateListFunction : torch::autograd::Function<GateListFunction> {
  static tensor_list forward(AutogradContext* context, const Tensor& energies,
                             const Tensor& thresholds, const Tensor& scales,
                             const Tensor& selection, double temperature) {
    const Tensor norms = energies.sqrt() * scales;
    const Tensor margin = norms - thresholds;
    const Tensor open = margin.ge(0).to(norms.scalar_type());
    context->save_for_backward({norms, margin, scales, selection, open});
    context->saved_data["temperature"] = temperature;
    const Tensor nested = nested_of(open);
    return {open, nested_of(open * selection), choice_probabilities(nested)};
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const Tensor &norms = saved[0], &margin = saved[1], &scales = saved[2];
    const Tensor &selection = saved[3], &open = saved[4];
    const double temperature = context->saved_data["temperature"].toDouble();
    // Probability j is nested product j minus nested product j + 1.
    const Tensor& of_probabilities = gradients[2];
    const std::int64_t n = open.size(0);
    Tensor of_nested = of_probabilities.clone();
    of_nested.narrow(0, 1, n).sub_(of_probabilities.narrow(0, 0, n));
    const Tensor of_open = gradients[0] + gradient_of_nested(open, of_nested) +
                           gradient_of_nested(open * selection, gradients[1]) * selection;
    const Tensor sigmoid = torch::sigmoid(margin / temperature);
    const Tensor of_margin = of_open * sigmoid * (1.0 - sigmoid) / temperature;
    const Tensor of_energies =
        (of_margin * scales.square() * 0.5 / norms).masked_fill_(norms.eq(0), 0.0);
    return {of_energies, -of_margin, Tensor(), Tensor(), Tensor()};
  }
};

struct RegionEnergies : torch::autograd::Function<RegionEnergies> {
  static Tensor forward(AutogradContext* context, const Tensor& weight, const Tensor& bands,
                        const Tensor& rings) {
    context->save_for_backward({weight, bands, rings});
    return bands.mm(weight.flatten(1).square()).mm(rings);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const tensor_list saved = context->get_saved_variables();
    const Tensor& weight = saved[0];
    const Tensor per_element = saved[1].t().mm(gradients[0].mm(saved[2].t()).mul_(2.0));
    return {weight * per_element.view_as(weight), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor nested_product(const Tensor& gates) { return NestedProduct::apply(gates); }

Tensor choice_probabilities(const Tensor& nested) {
  const Tensor ended = torch::constant_pad_nd(nested, {0, 1});
  const std::int64_t n = nested.size(0);
  return nested - ended.narrow(0, 1, n);
}

GateList gate_list(const Tensor& energies, const Tensor& thresholds, const Tensor& scales,
                   const Tensor& selection, double temperature) {
  const Tensor factors = selection.defined() ? selection : torch::ones_like(scales);
  const tensor_list list =
      GateListFunction::apply(energies, thresholds, scales, factors, temperature);
  return {list[0], list[1], list[2]};
}

Tensor region_energies(const Tensor& weight, const Tensor& bands, const Tensor& rings) {
  return RegionEnergies::apply(weight, bands, rings);
}

std::vector<Tensor> ring_masks(const std::vector<int>& kernels) {
  const int size = kernels.back();
  std::vector<Tensor> masks;
  Tensor covered = torch::zeros({size, size});
  for (const int kernel : kernels) {
    Tensor window = torch::zeros({size, size});
    const int begin = (size - kernel) / 2;
    window.narrow(0, begin, kernel).narrow(1, begin, kernel).fill_(1.0);
    masks.push_back(window - covered);
    covered = window;
  }
  return masks;
}

std::vector<double> draw_selection(int num_gates, GateScaling scaling, RandomStream& stream) {
  std::vector<double> factors;
  for (int i = 0; i < num_gates; ++i) {
    const double drop = 1.0 / (num_gates + 1 - i);
    const double kept = scaling == GateScaling::kInverted ? 1.0 / (1.0 - drop) : 1.0;
    factors.push_back(stream.unit() < drop ? 0.0 : kept);
  }
  return factors;
}

NoAutocast::NoAutocast()
    : guard_(c10::DispatchKeySet({c10::DispatchKey::AutocastCPU, c10::DispatchKey::AutocastCUDA})) {
}

}  // namespace tilewake
