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
    : fixed_ms_(table.fixed_cycles * cycles_to_ms),
      target_ms_(target_ms),
      weight_(weight),
      slope_(slope) {
  check(target_ms > 0.0, "the target latency must be above 0 ms", target_ms);
  check(weight >= 0.0, "the weight of the latency loss must be at least 0", weight);
  check(slope >= 0.0, "the slope of the latency loss must be at least 0", slope);
  for (const auto& given : table.given) given_ms_.push_back(matrix_of(given, cycles_to_ms));
}

torch::Tensor LatencyLoss::expected_ms(const std::vector<torch::Tensor>& probabilities) const {
  assert(probabilities.size() == given_ms_.size() && !probabilities.empty());
  const NoAutocast full_precision;
  torch::Tensor sum;
  torch::Tensor before;
  for (std::size_t b = 0; b < given_ms_.size(); ++b) {
    const torch::Tensor now = probabilities[b].to(torch::kDouble);
    const torch::Tensor of_before = given_ms_[b].mv(now);
    const torch::Tensor ms = b == 0 ? of_before[0] : of_before.dot(before);
    sum = b == 0 ? ms + fixed_ms_ : sum + ms;
    before = now;
  }
  return sum.to(probabilities[0].scalar_type());
}

torch::Tensor LatencyLoss::loss(const torch::Tensor& expected_ms, double factor) const {
  return factor * weight_ * torch::log1p(slope_ * torch::relu(expected_ms / target_ms_ - 1.0));
}

void LatencyLoss::to(torch::Device device) {
  for (torch::Tensor& given : given_ms_) given = given.to(device);
}

}  // namespace tilewake
