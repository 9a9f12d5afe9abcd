// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "latency_model/rank_correlation.hpp"
#include "tests/e2e/calibrated_machine.hpp"
#include "tests/support/midap_machines.hpp"
#include "tests/support/reference_table.hpp"
#include "tests/support/s3nas_block.hpp"

// Accuracy of the latency model on blocks and networks that were held out from the fit.
// The figures themselves are printed, a line each.

namespace tilewake {
namespace {

HardwareConfig midap_with_half_the_bandwidth() {
  HardwareConfig hardware = shipped_machine("midap");
  auto& dram = std::get<LatencyBandwidthDramConfig>(hardware.dram);
  dram.bus_bytes /= 2;
  hardware.name = "half the bandwidth";
  return hardware;
}

double predicted_cycles(const CalibratedMachine& machine, const S3nasBlock& block) {
  const Network network = network_of(block);
  const Prediction prediction = machine.predict(network);
  double cycles = 0.0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (is_measured(block, network.layers[i].name)) cycles += prediction.layer_cycles[i];
  }
  return cycles;
}

double simulated_cycles(CalibratedMachine& machine, const S3nasBlock& block) {
  std::int64_t cycles = 0;
  for (const TraceRow& row : machine.run(network_of(block)).rows) {
    if (is_measured(block, row.layer)) cycles += row.total_cycles;
  }
  return static_cast<double>(cycles);
}

void print(const CalibratedMachine& machine, const std::string& what, const ErrorSummary& errors) {
  fmt::print("{}, {}: n {}, MAPE {:.3f} %, max {:.2f} %, within 5 % {:.2f} %, 10 % {:.2f} %\n",
             machine.hardware().name, what, errors.n, 100.0 * errors.mape, 100.0 * errors.max,
             100.0 * errors.within_5, 100.0 * errors.within_10);
}

/// What `cycles_of(block, row)` says of every `step`th published block is predicted to 1 % in the
/// mean and 5 % each.
template <typename CyclesOf>
void expect_blocks_predicted(const CalibratedMachine& machine, std::size_t step,
                             CyclesOf cycles_of) {
  const std::vector<ReferenceRow> rows = read_reference_table("midap_blocks.csv");
  ASSERT_EQ(rows.size(), 324u);
  std::vector<double> predicted;
  std::vector<double> measured;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    const S3nasBlock block = s3nas_block_of(rows[i]);
    const double prediction = predicted_cycles(machine, block);
    const double measurement = cycles_of(block, rows[i]);
    if (measurement == 0.0) {  // a pool that another layer computes
      EXPECT_EQ(prediction, 0.0) << rows[i].line();
      continue;
    }
    predicted.push_back(prediction);
    measured.push_back(measurement);
    EXPECT_NEAR(predicted.back() / measured.back(), 1.0, 0.05) << rows[i].line();
  }
  const ErrorSummary errors = summarize_errors(predicted, measured);
  print(machine, "published blocks", errors);
  EXPECT_LE(errors.mape, 0.01);
}

void expect_networks_predicted(const CalibratedMachine& machine,
                               const std::vector<Network>& networks, const Dataset& measured) {
  std::vector<double> cycles(networks.size());
  for (const Sample& sample : measured.samples) {
    cycles[static_cast<std::size_t>(sample.network)] += sample.cycles;
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    EXPECT_NEAR(machine.predict(networks[i]).total_cycles / cycles[i], 1.0, 0.01)
        << networks[i].name;
  }
}

void expect_good(const Evaluation& evaluation, const CalibratedMachine& machine,
                 const std::string& fitted_to) {
  print(machine, "shipped networks, fitted to " + fitted_to, evaluation.networks);
  print(machine, "their layers, fitted to " + fitted_to, evaluation.layers);
  EXPECT_LE(evaluation.layers.mape, 0.03);
  EXPECT_GE(evaluation.layers.within_10, 0.99);
  EXPECT_LE(evaluation.networks.max, 0.01);
  if (testing::Test::HasFailure()) {
    ADD_FAILURE() << machine.hardware().name << "\n"
                  << evaluation_report(evaluation, machine.features());
  }
}

void expect_shipped_networks_predicted(CalibratedMachine& machine) {
  const std::vector<Network> networks = shipped_networks();
  ASSERT_EQ(networks.size(), 19u);
  const Dataset measured = machine.measured(networks);
  expect_networks_predicted(machine, networks, measured);
  expect_good(machine.evaluation_on(measured), machine, "designed ones");
  // Leave-one-out: fitted to all of them except one.
  const int num_folds = static_cast<int>(networks.size());
  expect_good(machine.calibrate_on(measured, {.num_folds = num_folds}).model.holdout, machine,
              "the others");
}

void expect_random_networks_in_order(CalibratedMachine& machine, int count) {
  std::vector<double> predicted;
  std::vector<double> measured;
  for (const Network& network : random_s3nas_networks(count)) {
    predicted.push_back(machine.predict(network).total_cycles);
    measured.push_back(static_cast<double>(machine.run(network).total_cycles));
  }
  const ErrorSummary errors = summarize_errors(predicted, measured);
  const double tau = kendall_tau(predicted, measured);
  print(machine, fmt::format("random S3NAS networks, Kendall tau {:.4f}", tau), errors);
  EXPECT_GE(tau, 0.99);
  EXPECT_LE(errors.max, 0.01);
}

class LatencyModelSweep : public ::testing::Test {
 protected:
  static CalibratedMachine& midap() {
    static CalibratedMachine machine(shipped_machine("midap"));
    return machine;
  }
};

TEST_F(LatencyModelSweep, PublishedBlocksArePredicted) {
  expect_blocks_predicted(midap(), 1, [](const S3nasBlock&, const ReferenceRow& row) {
    return static_cast<double>(row.number("latency_cycles"));
  });
}

TEST_F(LatencyModelSweep, ShippedNetworksArePredicted) {
  expect_shipped_networks_predicted(midap());
}

TEST_F(LatencyModelSweep, RandomNetworksAreInOrder) {
  expect_random_networks_in_order(midap(), kNumRandom);
}

class ChangedMachineSweep : public ::testing::TestWithParam<HardwareConfig> {};

TEST_P(ChangedMachineSweep, MeetsTheSameFigures) {
  CalibratedMachine machine(GetParam());
  expect_blocks_predicted(machine, 5, [&machine](const S3nasBlock& block, const ReferenceRow&) {
    return simulated_cycles(machine, block);
  });
  expect_shipped_networks_predicted(machine);
  expect_random_networks_in_order(machine, kNumRandomOfChanged);
}

INSTANTIATE_TEST_SUITE_P(Machines, ChangedMachineSweep,
                         ::testing::Values(midap_with_half_the_bandwidth(), midap_with(2, 16, 64),
                                           midap_with(4, 32, 32)));

}  // namespace
}  // namespace tilewake
