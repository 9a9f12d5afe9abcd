// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include <torch/torch.h>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A trainable Network of plain layers, of any source: a network file, an ONNX model.
///
/// Trained are conv2d, depthwise_conv2d, fully_connected, max_pool, avg_pool, global_avg_pool, add,
/// sub, mul, div, concat, channel_split and channel_shuffle; other layers, shared weights, a batch
/// above 1 and more than one output are refused with InputError, which names the layer.
struct LayerNetworkImpl : torch::nn::Module {
  /// How convolutions are normalised.
  enum class Normalization {
    // Those with a bias over more than one pixel are followed by batch normalisation, of which the
    // bias is the folded shift: a network to train from the beginning.
    kBatch,
    kNone,  // weights and biases as they are, for weights that are given
  };

  /// Initial values as those of BlockNetwork.
  LayerNetworkImpl(Network network, Normalization normalization);

  /// @param images  N x C x H x W, preferably channels_last
  /// @return        logits, N x elements of the last layer
  torch::Tensor forward(const torch::Tensor& images);

  /// Weights and biases of every layer with batch normalisation folded in.
  LayerWeights folded_weights() const;

  /// Sets all weights of a network without normalisation. Throws InputError naming the layer
  /// without weights, or with weights of another size.
  void set_weights(const LayerWeights& weights);

  Network network;
  double dropout = 0.0;  // before the last layer with weights

 private:
  struct Parameters {
    torch::Tensor weight, bias;          // bias: may be undefined
    torch::nn::BatchNorm2d bn{nullptr};  // may be null
  };

  void add_parameters(std::size_t index, Normalization normalization);

  std::vector<Parameters> parameters_;  // by layer
  std::vector<int> last_readers_;
  std::size_t last_weighted_ = 0;  // layer
};
TORCH_MODULE(LayerNetwork);

}  // namespace tilewake
