// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "nas/training/ranks.hpp"

namespace tilewake {

/// Makes a step of all ranks that of one process with the whole batch: gradients are averaged,
/// weighted by images, and so are the changes of floating-point buffers in the forward pass
/// (statistics of batch normalisation, ranges of maps in int8). All ranks then have the same bytes.
///
/// Gradients are sent as float32 in buckets of kBucketValues, in the order of the parameters;
/// buffers as float64. Nothing is sent during the backward pass. The same parameters must have a
/// gradient on all ranks.
class RankAverage {
 public:
  static constexpr std::int64_t kBucketValues = std::int64_t{4} << 20;  // 16 MiB

  RankAverage(Ranks& ranks, const torch::nn::Module& module, std::vector<torch::Tensor> parameters);

  /// Before the forward pass: keeps the buffers.
  void begin_step();

  /// After the backward pass.
  ///   @param share  of the images of the batch that this rank has, 0..1
  ///   @param sums   are replaced by their sums over the ranks
  void end_backward(double share, std::vector<double>& sums);

 private:
  Ranks& ranks_;
  std::vector<torch::Tensor> parameters_;
  std::vector<torch::Tensor> buffers_;  // floating-point, of the module
  std::vector<torch::Tensor> before_;   // their values before the step
};

/// Replaces `values` by their averages over the ranks, weighted by `share`; all ranks have the same
/// result. Does nothing where `ranks` is null.
void average_over(Ranks* ranks, double share, std::vector<double>& values);

}  // namespace tilewake
