// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "latency_model/evaluation.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

struct Dataset;

/// What the energy of a layer is computed from: counts that follow from its shapes, and its cycles.
inline constexpr std::array<std::string_view, 5> kEnergyTerms = {"macs", "weights", "reads",
                                                                 "writes", "cycles"};
using EnergyTerms = std::array<double, kEnergyTerms.size()>;

/// MACs, weights, elements of all inputs, elements of the output, of all images; cycles are 0.
EnergyTerms energy_counts(const Network& network, const Layer& layer);

/// The energy of a layer as a sum over its terms, with coefficients (uJ) of its op class.
struct EnergyModel {
  std::vector<EnergyTerms> coefficients;  // by op class
  ErrorSummary layers;                    // of held-out layers, with predicted cycles
  ErrorSummary networks;

  /// Whether layers of the class were in the training set.
  bool covers(int op_class) const;
  /// Of a class that it covers.
  double layer_uj(int op_class, EnergyTerms terms, double cycles) const;
};

/// Fits the coefficients, as calibrate() does for cycles: no less than 0, to relative errors, with
/// outliers ignored. None if a sample has no energy: traces of format 5.
///   @param folds      of each network
///   @param predicted  cycles of each sample, from the fit that it was held out from
std::optional<EnergyModel> fit_energy(const Dataset& dataset, std::size_t num_classes,
                                      const std::vector<int>& folds, int num_folds,
                                      const std::vector<double>& predicted);

}  // namespace tilewake
