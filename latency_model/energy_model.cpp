// SPDX-License-Identifier: Apache-2.0
#include "latency_model/energy_model.hpp"

#include <algorithm>

#include "latency_model/dataset.hpp"
#include "latency_model/robust_fit.hpp"

namespace tilewake {
namespace {

constexpr double kEnergyPriorWeight = 1e-6;
constexpr int kNoEnergyFold = -1;

int fold_of_sample(const std::vector<int>& folds, const Sample& sample) {
  return folds[static_cast<std::size_t>(sample.network)];
}

std::vector<EnergyTerms> energy_coefficients(const Dataset& dataset, std::size_t num_classes,
                                             const std::vector<int>& folds, int held_out) {
  const std::vector<double> none(kEnergyTerms.size());
  std::vector<RobustFit> fits(num_classes, RobustFit(none, kEnergyPriorWeight));
  for (const Sample& sample : dataset.samples) {
    if (fold_of_sample(folds, sample) == held_out) continue;
    EnergyTerms row = sample.energy_counts;
    row.back() = sample.cycles;
    for (double& value : row) value /= sample.energy_uj;
    fits[static_cast<std::size_t>(sample.features.op_class)].add_row(row, 1.0);
  }
  std::vector<EnergyTerms> coefficients;
  for (const RobustFit& fit : fits) {
    const std::vector<double> solution = fit.solve();
    std::copy(solution.begin(), solution.end(), coefficients.emplace_back().begin());
  }
  return coefficients;
}

}  // namespace

EnergyTerms energy_counts(const Network& network, const Layer& layer) {
  std::int64_t reads = 0;
  for (const int input : layer.inputs) reads += network.shape_of(input).num_elements();
  const auto images = static_cast<double>(network.batch);
  return {images * static_cast<double>(layer.num_macs()), static_cast<double>(layer.num_weights()),
          images * static_cast<double>(reads),
          images * static_cast<double>(layer.ofm.num_elements()), 0.0};
}

/// Energies are above 0, so one of the coefficients of a class with samples is.
bool EnergyModel::covers(int op_class) const {
  const EnergyTerms& row = coefficients[static_cast<std::size_t>(op_class)];
  return std::any_of(row.begin(), row.end(), [](double value) { return value > 0.0; });
}

double EnergyModel::layer_uj(int op_class, EnergyTerms terms, double cycles) const {
  terms.back() = cycles;
  const EnergyTerms& row = coefficients[static_cast<std::size_t>(op_class)];
  double sum = 0.0;
  for (std::size_t i = 0; i < row.size(); ++i) sum += row[i] * terms[i];
  return sum;
}

std::optional<EnergyModel> fit_energy(const Dataset& dataset, std::size_t num_classes,
                                      const std::vector<int>& folds, int num_folds,
                                      const std::vector<double>& predicted) {
  const auto has_none = [](const Sample& sample) { return sample.energy_uj <= 0.0; };
  if (dataset.samples.empty() ||
      std::any_of(dataset.samples.begin(), dataset.samples.end(), has_none))
    return std::nullopt;
  std::vector<double> estimates(dataset.samples.size());
  std::vector<double> simulated(dataset.samples.size());
  std::vector<double> network_estimates(dataset.networks.size());
  std::vector<double> network_energies(dataset.networks.size());
  EnergyModel model;
  for (int fold = 0; fold < num_folds; ++fold) {
    model.coefficients = energy_coefficients(dataset, num_classes, folds, fold);
    for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
      const Sample& sample = dataset.samples[i];
      if (fold_of_sample(folds, sample) != fold) continue;
      estimates[i] = model.layer_uj(sample.features.op_class, sample.energy_counts, predicted[i]);
      simulated[i] = sample.energy_uj;
      network_estimates[static_cast<std::size_t>(sample.network)] += estimates[i];
      network_energies[static_cast<std::size_t>(sample.network)] += simulated[i];
    }
  }
  for (std::size_t n = network_energies.size(); n-- > 0;) {  // networks without layers
    if (network_energies[n] > 0.0) continue;
    network_energies.erase(network_energies.begin() + static_cast<std::ptrdiff_t>(n));
    network_estimates.erase(network_estimates.begin() + static_cast<std::ptrdiff_t>(n));
  }
  model.layers = summarize_errors(estimates, simulated);
  model.networks = summarize_errors(network_estimates, network_energies);
  model.coefficients = energy_coefficients(dataset, num_classes, folds, kNoEnergyFold);
  return model;
}

}  // namespace tilewake
