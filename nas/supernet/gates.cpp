// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/gates.hpp"

#include <cstddef>

namespace tilewake {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct StepGate : torch::autograd::Function<StepGate> {
  static Tensor forward(AutogradContext* context, const Tensor& norm, const Tensor& threshold,
                        double temperature) {
    const Tensor margin = norm - threshold;
    context->save_for_backward({margin});
    context->saved_data["temperature"] = temperature;
    return margin.ge(0).to(norm.scalar_type());
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const double temperature = context->saved_data["temperature"].toDouble();
    const Tensor sigmoid = torch::sigmoid(context->get_saved_variables()[0] / temperature);
    const Tensor gradient = gradients[0] * sigmoid * (1.0 - sigmoid) / temperature;
    return {gradient, -gradient, Tensor()};
  }
};

struct NestedProduct : torch::autograd::Function<NestedProduct> {
  static Tensor forward(AutogradContext* context, const Tensor& gates) {
    context->save_for_backward({gates});
    return torch::cat({torch::ones({1}, gates.options()), gates.cumprod(0)});
  }

  // d (g_0 .. g_j) / d g_i is the product of all but g_i, for j >= i. Not a quotient, which would
  // be 0 / 0 at a closed gate.
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const Tensor gates = context->get_saved_variables()[0];
    const std::int64_t n = gates.size(0);
    Tensor others = gates.expand({n, n}).clone();
    others.fill_diagonal_(1.0);
    const Tensor derivative = others.cumprod(1).triu();
    return {derivative.mv(gradients[0].narrow(0, 1, n))};
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

Tensor step_gate(const Tensor& norm, const Tensor& threshold, double temperature) {
  return StepGate::apply(norm, threshold, temperature);
}

Tensor nested_product(const Tensor& gates) { return NestedProduct::apply(gates); }

Tensor choice_probabilities(const Tensor& nested) {
  const Tensor ended = torch::constant_pad_nd(nested, {0, 1});
  const std::int64_t n = nested.size(0);
  return nested - ended.narrow(0, 1, n);
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
