// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "latency_model/fit/fit_key.hpp"
#include "latency_model/fit/measured_errors.hpp"
#include "latency_model/fit/measured_table.hpp"
#include "latency_model/fit/row_simulator.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/common/yaml_override.hpp"

namespace tilewake {

struct FitOptions {
  std::uint64_t seed = 1;
  int num_starts = 3;        // local searches
  int num_folds = 5;         // of the hold-out; at most one per row, 0: none
  std::string device;        // DeviceConfig::name of the result; empty: the name of the machine
  std::size_t num_jobs = 0;  // processes; 0: one per core. The result does not depend on it.
  /// Called often; false ends the fit. `done` of about `total` machines are simulated.
  std::function<bool(int done, int total)> keep_going;
  RowSimulator::OnSimulated on_simulated;
  /// Results of an earlier run, which are not simulated again.
  std::vector<std::pair<std::string, RowSimulator::Latencies>> known;
};

/// A key after the fit.
struct FittedKey {
  FitKey key;
  std::string value;  // text for the machine file
  /// Standard deviation of the position that data and prior allow together, relative to that of the
  /// prior alone: near 1, the data say nothing about the key. 1 for a choice.
  double remaining_spread = 1.0;
  /// The data narrow the prior to less than 70 %. Of a choice: with each other value, and the best
  /// numbers for it, the loss is larger by as much as this requires of a number.
  bool is_identified = false;
  bool is_at_limit = false;  // of its range

  /// Of a number: the value one remaining standard deviation lower and higher.
  std::string plausible_low() const;
  std::string plausible_high() const;
};

struct MachineFit {
  /// Of the start file, with the fitted values; its section `device` has the held-out error.
  Machine machine;
  std::vector<FittedKey> keys;
  std::vector<YamlOverride> values;  // the same as settings
  std::vector<double> start_ms;      // of each row, on the machine of the start file
  std::vector<double> simulated_ms;  // on the fitted machine
  std::vector<double> holdout_ms;    // on a machine that was fitted without the row; else empty
  std::vector<int> folds;            // of each row
  MeasuredErrors start;
  MeasuredErrors train;
  MeasuredErrors holdout;
  std::vector<double> fold_mapes;         // of the held-out rows of each fold
  std::vector<BaselineErrors> baselines;  // held out likewise; without folds, in sample
  /// The simplest baseline that the fit does not beat, by 10 % for `constant`; empty if it beats
  /// all.
  std::string no_better_than;
  std::string verdict;  // the same in words, with the errors
  std::vector<std::string> warnings;
  int num_machines = 0;     // simulated
  bool is_complete = true;  // false: interrupted, the best machine so far; nothing is held out

  /// Standard error of the held-out MAPE over the folds.
  double holdout_standard_error() const;
};

/// Searches the values of `keys` with which the simulated latencies of `table` are nearest to the
/// measured ones.
///
/// It minimizes, over positions z of the keys on their scales (FitKey),
///
///   sum over rows of weight x rho(log(simulated / measured) / sigma)  +  sum over keys of z^2
///
/// with rho(r) = 2 (sqrt(1 + r^2) - 1), which bounds the influence of a row (Charbonnier et al.,
/// ICIP 1994), and sigma^2 = 0.03^2 + (std_ms / latency_ms)^2. The second sum is the prior: without
/// evidence in the data, a key keeps its value. The search starts at the best points of a random
/// design around the start values, for each combination of choices, and repeats: take the log
/// errors as linear in z, minimize the loss of these within a region of trust, simulate. Each fold
/// is fitted again from the same design, without its rows. Equal inputs and seeds give equal
/// results, for any number of processes.
///
/// Throws InputError if the machine of the start file cannot hold a network of the table,
/// Interrupted if it was ended before all of the design is simulated.
MachineFit fit_machine(const Machine& start, const MeasuredTable& table,
                       const std::vector<FitKey>& keys, const FitOptions& options = {});

}  // namespace tilewake
