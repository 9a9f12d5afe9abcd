// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tilewake {

/// What one run of a method came to.
struct ComparedRun {
  std::string method;  // its label: "spos", "spos@space-dsp_like"
  double target_ms = 0.0;
  std::uint64_t seed = 0;
  std::string missed;       // why there is no network; empty where there is one
  bool is_refused = false;  // an input was bad, as opposed to a limit missed
  double simulated_ms = 0.0;
  double validation_accuracy = 0.0;  // 0..1
  double test_accuracy = 0.0;
  std::int64_t params = 0;
  std::int64_t macs = 0;
  // What finding the network cost, without its final training.
  std::int64_t trained_images = 0;
  std::int64_t evaluated_images = 0;
  double search_seconds = 0.0;
  std::vector<double> random_accuracies;  // of random networks of the same space and latency
  std::optional<double> kendall_tau;      // of the supernet's accuracies and those alone
  int num_correlated = 0;                 // networks that it is of
};

/// One table a limit: mean, standard deviation and standard error of the accuracies over seeds,
/// cost; differences of all pairs of methods over the seeds that both have, and which of those
/// on the test images are clear at 95 % by Student's t, each by itself (validation images chose the
/// networks, more of them in some methods than in others); of several limits, the latency at which
/// a method reaches the accuracies of the first one.
std::string comparison_table(const std::vector<ComparedRun>& runs);

/// `# tilewake-comparison v1`, a line of names, one line a run.
std::string comparison_csv(const std::vector<ComparedRun>& runs);

std::string comparison_json(const std::vector<ComparedRun>& runs);

/// The latency at which straight lines through `points` (latency in ms, accuracy) first rise to
/// `accuracy`; none where they do not, or where the first point is above it already.
std::optional<double> latency_at(std::vector<std::pair<double, double>> points, double accuracy);

}  // namespace tilewake
