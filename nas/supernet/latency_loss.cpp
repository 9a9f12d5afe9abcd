// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/latency_loss.hpp"

#include <cassert>
#include <cstddef>
#include <string>

#include "nas/supernet/gates.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

torch::Tensor matrix_of(const std::vector<std::vector<double>>& rows, double scale) {
  const auto num_rows = static_cast<std::int64_t>(rows.size());
  const auto num_columns = static_cast<std::int64_t>(rows.front().size());
  std::vector<double> values;
  for (const std::vector<double>& row : rows) {
    for (const double value : row) values.push_back(value * scale);
  }
  return torch::tensor(values, torch::kDouble).view({num_rows, num_columns});
}

void check(bool ok, const std::string& what, double value) {
  if (!ok) throw InputError(what + ", not " + std::to_string(value));
}

}  // namespace

LatencyLoss::LatencyLoss(const LatencyTable& table, double cycles_to_ms, double target_ms,
                         double weight, double slope)
    : LatencyLoss(CostTable{{{table, cycles_to_ms}}}, target_ms, weight, slope) {}

LatencyLoss::LatencyLoss(const CostTable& table, double target, double weight, double slope)
    : target_ms_(target), weight_(weight), slope_(slope) {
  check(target > 0.0, "the target latency must be above 0 ms", target);
  check(weight >= 0.0, "the weight of the latency loss must be at least 0", weight);
  check(slope >= 0.0, "the slope of the latency loss must be at least 0", slope);
  for (const CostTerm& term : table.terms) {
    Term& tensors = terms_.emplace_back();
    tensors.fixed_ms = term.table.fixed_cycles * term.scale;
    for (const auto& given : term.table.given)
      tensors.given_ms.push_back(matrix_of(given, term.scale));
  }
}

torch::Tensor LatencyLoss::expected_ms(const std::vector<torch::Tensor>& probabilities) const {
  const NoAutocast full_precision;
  torch::Tensor most;
  for (const Term& term : terms_) {
    assert(probabilities.size() == term.given_ms.size() && !probabilities.empty());
    torch::Tensor sum;
    torch::Tensor before;
    for (std::size_t b = 0; b < term.given_ms.size(); ++b) {
      const torch::Tensor now = probabilities[b].to(torch::kDouble);
      const torch::Tensor of_before = term.given_ms[b].mv(now);
      const torch::Tensor ms = b == 0 ? of_before[0] : of_before.dot(before);
      sum = b == 0 ? ms + term.fixed_ms : sum + ms;
      before = now;
    }
    most = most.defined() ? torch::maximum(most, sum) : sum;
  }
  return most.to(probabilities[0].scalar_type());
}

torch::Tensor LatencyLoss::loss(const torch::Tensor& expected_ms, double factor) const {
  return factor * weight_ * torch::log1p(slope_ * torch::relu(expected_ms / target_ms_ - 1.0));
}

void LatencyLoss::to(torch::Device device) {
  for (Term& term : terms_) {
    for (torch::Tensor& given : term.given_ms) given = given.to(device);
  }
}

}  // namespace tilewake
