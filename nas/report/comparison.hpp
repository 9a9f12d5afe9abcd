// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tilewake {

/// Result of one run of a method.
struct ComparedRun {
  std::string method;      // its label: "spos", "spos@space-dsp_like"
  double target_ms = 0.0;  // limits; 0: not limited. At least one of the first two is given
  double target_mj = 0.0;
  std::int64_t max_params = 0;
  std::uint64_t seed = 0;
  std::string missed;       // why no network was found; empty if one was found
  bool is_refused = false;  // invalid input, as opposed to a missed limit
  double simulated_ms = 0.0;
  std::optional<double> simulated_mj;  // none: all energies of the machine are 0
  double validation_accuracy = 0.0;    // 0..1
  double test_accuracy = 0.0;
  std::optional<double> int8_validation_accuracy;  // none: there is no int8 model
  std::optional<double> int8_test_accuracy;
  std::int64_t params = 0;
  std::int64_t macs = 0;
  // Cost of finding the network, without its final training.
  std::int64_t trained_images = 0;
  std::int64_t evaluated_images = 0;
  double search_seconds = 0.0;
  std::vector<double> random_accuracies;  // of random networks of the same space and latency
  std::optional<double> kendall_tau;      // of the accuracies in the supernet and stand-alone
  int num_correlated = 0;                 // number of networks in kendall_tau
};

/// One table per limit: mean, standard deviation and standard error of the accuracies over seeds,
/// and cost; differences of all pairs of methods over common seeds, and the test-image differences
/// that are significant at 95 % by Student's t, without correction for multiple tests (validation
/// images were used to choose networks, in some methods more than in others). For several limits,
/// the latency at which a method reaches the accuracies of the first one.
///   @param shown_points  a difference in points of accuracy; the number of seeds that would show
///   it
///                        is printed
///   @param max_columns  of a line; 0: any number
std::string comparison_table(const std::vector<ComparedRun>& runs, double shown_points = 0.5,
                             std::size_t max_columns = 0);

/// `# tilewake-comparison v1`, a line of names, one line per run.
std::string comparison_csv(const std::vector<ComparedRun>& runs);

std::string comparison_json(const std::vector<ComparedRun>& runs, double shown_points = 0.5);

/// The latency at which the piecewise linear curve through `points` (latency in ms, accuracy) first
/// reaches `accuracy`; none if it does not, or if the first point is above it.
std::optional<double> latency_at(std::vector<std::pair<double, double>> points, double accuracy);

}  // namespace tilewake
