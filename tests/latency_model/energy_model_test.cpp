// SPDX-License-Identifier: Apache-2.0
#include "latency_model/energy_model.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "latency_model/dataset.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

/// Layers of two classes whose energies are sums of their terms.
Dataset linear_energies(int num_networks) {
  Random random(5);
  Dataset dataset;
  for (int n = 0; n < num_networks; ++n) {
    dataset.networks.push_back("network" + std::to_string(n));
    for (int i = 0; i < 20; ++i) {
      Sample sample;
      sample.network = n;
      sample.features.op_class = i % 2;
      for (std::size_t k = 0; k + 1 < kEnergyTerms.size(); ++k)
        sample.energy_counts[k] = static_cast<double>(random.between(1, 100000));
      sample.cycles = static_cast<double>(random.between(1, 100000));
      const double scale = i % 2 == 0 ? 1e-6 : 3e-6;
      sample.energy_uj = scale * (sample.energy_counts[0] + 20 * sample.energy_counts[1] +
                                  5 * sample.energy_counts[3] + 100 * sample.cycles);
      dataset.samples.push_back(sample);
    }
  }
  return dataset;
}

std::vector<double> cycles_of(const Dataset& dataset) {
  std::vector<double> cycles;
  for (const Sample& sample : dataset.samples) cycles.push_back(sample.cycles);
  return cycles;
}

TEST(EnergyModelTest, SumsOfTheTermsAreFoundExactly) {
  const Dataset dataset = linear_energies(6);
  const auto model = fit_energy(dataset, 2, {0, 1, 2, 0, 1, 2}, 3, cycles_of(dataset));
  ASSERT_TRUE(model);
  EXPECT_LT(model->layers.mape, 1e-4);
  EXPECT_LT(model->networks.mape, 1e-4);
  EXPECT_EQ(model->layers.n, 120);
  EXPECT_EQ(model->networks.n, 6);
  EXPECT_NEAR(model->coefficients[1][1], 60e-6, 1e-8);
}

TEST(EnergyModelTest, TracesWithoutEnergiesGiveNone) {
  Dataset dataset = linear_energies(4);
  dataset.samples[3].energy_uj = 0.0;
  EXPECT_FALSE(fit_energy(dataset, 2, {0, 1, 0, 1}, 2, cycles_of(dataset)));
}

TEST(EnergyModelTest, AClassWithoutSamplesIsNotCovered) {
  const Dataset dataset = linear_energies(4);
  const auto model = fit_energy(dataset, 3, {0, 1, 0, 1}, 2, cycles_of(dataset));
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->covers(0));
  EXPECT_TRUE(model->covers(1));
  EXPECT_FALSE(model->covers(2));
}

}  // namespace
}  // namespace tilewake
