// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "latency_model/cost_table.hpp"

namespace tilewake {

/// A LatencyTable, or a CostTable, as tensors.
class LatencyLoss {
 public:
  /// @param cycles_to_ms  1 / (clock_mhz x 1000)
  /// Throws InputError if the target is not above 0, or weight or slope are negative.
  LatencyLoss(const LatencyTable& table, double cycles_to_ms, double target_ms, double weight,
              double slope);

  /// The same for other costs than milliseconds: "ms" in all names is then that of `table`. The
  /// expected cost is the largest of the expected terms.
  LatencyLoss(const CostTable& table, double target, double weight, double slope);

  /// Expected latency in ms: fixed layers plus, per block, the latency of each outcome given the
  /// previous block's outcome, weighted by both probabilities. A scalar of the probabilities' type,
  /// summed up in double precision.
  torch::Tensor expected_ms(const std::vector<torch::Tensor>& probabilities) const;

  /// factor x weight x ln(1 + slope x relu(L / T - 1)). A scalar.
  torch::Tensor loss(const torch::Tensor& expected_ms, double factor = 1.0) const;

  double target_ms() const { return target_ms_; }
  void to(torch::Device device);

 private:
  struct Term {
    double fixed_ms = 0.0;
    std::vector<torch::Tensor> given_ms;  // [outcome of the previous block][outcome]
  };
  std::vector<Term> terms_;
  double target_ms_;
  double weight_;
  double slope_;
};

}  // namespace tilewake
