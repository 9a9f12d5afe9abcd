// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "nas/quantization/network_integers.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A network of plain layers (batch normalisation folded in) that computes in floats what its
/// quantized form computes in integers: weights and maps are rounded and clipped to their levels in
/// the forward pass, and gradients pass the rounding unchanged (straight-through; Jacob et al.,
/// "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
/// CVPR 2018). Biases are not rounded, and sums are in single precision.
struct FakeQuantNetworkImpl : torch::nn::Module {
  /// Throws InputError as check_quantizable() and check_weights().
  FakeQuantNetworkImpl(const Network& network, const LayerWeights& weights,
                       const MapRanges& ranges);

  /// @param images  N x C x H x W
  /// @return        logits, N x num_classes
  torch::Tensor forward(const torch::Tensor& images);

  /// Whether forward passes in training mode move the ranges of maps towards those of the batch:
  /// by a hundredth of the difference, keeping the share of the extremes that a range has in the
  /// first batch. Ranges of the input stay.
  bool observes = false;

  LayerWeights layer_weights() const;
  MapRanges map_ranges() const;

 private:
  void observe(std::int64_t row, const torch::Tensor& x, const ValueRange& limits);
  std::int64_t linear_row(std::size_t index) const;
  std::int64_t output_row(std::size_t index) const;

  Network network_;
  std::vector<torch::Tensor> weights_;  // undefined for layers without
  std::vector<torch::Tensor> biases_;
  // Buffers, double precision, a row a map: the input, linear results, outputs. Low, high.
  torch::Tensor ranges_;
  torch::Tensor shares_;  // of the extremes; 0 before the first batch
};
TORCH_MODULE(FakeQuantNetwork);

}  // namespace tilewake
