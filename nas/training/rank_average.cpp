// SPDX-License-Identifier: Apache-2.0
#include "nas/training/rank_average.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tilewake {
namespace {

using RankTensors = std::vector<torch::Tensor>;

/// All values in a row, in logical order, multiplied by `factor`, on the CPU.
torch::Tensor flattened(const RankTensors& tensors, torch::ScalarType type, double factor) {
  RankTensors rows;
  for (const torch::Tensor& tensor : tensors) rows.push_back(tensor.reshape({-1}).to(type));
  return torch::cat(rows).mul_(factor).to(torch::kCPU).contiguous();
}

/// Calls use(tensor, its values in `flat`) for each.
template <typename Use>
void for_each_part(const RankTensors& tensors, const torch::Tensor& flat, const Use& use) {
  std::int64_t begin = 0;
  for (const torch::Tensor& tensor : tensors) {
    use(tensor, flat.narrow(0, begin, tensor.numel()).view(tensor.sizes()));
    begin += tensor.numel();
  }
}

}  // namespace

RankAverage::RankAverage(Ranks& ranks, const torch::nn::Module& module, RankTensors parameters)
    : ranks_(ranks), parameters_(std::move(parameters)) {
  for (const torch::Tensor& buffer : module.buffers()) {
    if (buffer.is_floating_point()) buffers_.push_back(buffer);
  }
}

void RankAverage::begin_step() {
  const torch::NoGradGuard no_grad;
  before_.clear();
  for (const torch::Tensor& buffer : buffers_) before_.push_back(buffer.detach().clone());
}

void RankAverage::end_backward(double share, std::vector<double>& sums) {
  const torch::NoGradGuard no_grad;
  std::vector<RankTensors> buckets;
  std::int64_t num_values = kBucketValues;  // of the last bucket
  for (const torch::Tensor& parameter : parameters_) {
    const torch::Tensor& gradient = parameter.grad();
    if (!gradient.defined()) continue;
    if (num_values + gradient.numel() > kBucketValues) {
      buckets.emplace_back();
      num_values = 0;
    }
    buckets.back().push_back(gradient);
    num_values += gradient.numel();
  }
  // Changes, so that a statistic of a layer that no rank ran is exactly as before.
  RankTensors changes;
  for (std::size_t i = 0; i < buffers_.size(); ++i) changes.push_back(buffers_[i] - before_[i]);
  const torch::Tensor others = torch::tensor(sums, torch::kDouble);
  RankTensors sent = {
      changes.empty() ? others : torch::cat({others, flattened(changes, torch::kDouble, share)})};
  for (const RankTensors& bucket : buckets) sent.push_back(flattened(bucket, torch::kFloat, share));
  ranks_.sum(sent);

  const auto num_sums = static_cast<std::int64_t>(sums.size());
  std::copy_n(sent[0].data_ptr<double>(), num_sums, sums.data());
  std::size_t i = 0;
  for_each_part(changes, sent[0].narrow(0, num_sums, sent[0].numel() - num_sums),
                [&](const torch::Tensor& change, const torch::Tensor& average) {
                  buffers_[i].copy_(before_[i] + average.to(change.options()));
                  ++i;
                });
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    for_each_part(buckets[b], sent[b + 1],
                  [](const torch::Tensor& gradient, const torch::Tensor& average) {
                    gradient.copy_(average);
                  });
  }
}

void average_over(Ranks* ranks, double share, std::vector<double>& values) {
  if (ranks == nullptr || values.empty()) return;
  const torch::Tensor weighted = torch::tensor(values, torch::kDouble).mul_(share);
  ranks->sum({weighted});
  std::copy_n(weighted.data_ptr<double>(), values.size(), values.data());
}

}  // namespace tilewake
