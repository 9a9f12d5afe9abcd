// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Called with each layer's result before its activation and after it.
using MapObserver = std::function<void(std::size_t layer, const std::vector<float>& linear,
                                       const std::vector<float>& output)>;

/// Runs a network in single precision, image by image: the reference of its quantized form. Maps
/// are rows x columns x channels.
class FloatExecutor {
 public:
  /// Throws InputError as check_quantizable(), and naming the layer where weights are missing, of
  /// another size or not finite.
  FloatExecutor(const Network& network, const LayerWeights& weights);

  /// The last layer's output for one normalised image.
  std::vector<float> run(std::span<const float> image, const MapObserver& observer = {}) const;

  const Network& network() const { return network_; }

 private:
  std::vector<float> linear(std::size_t index,
                            const std::vector<const std::vector<float>*>& inputs) const;
  std::vector<float> convolution(std::size_t index, const std::vector<float>& map) const;

  Network network_;
  std::vector<std::vector<float>> weights_;  // products x outputs, a tap's channels together
  std::vector<std::vector<float>> biases_;   // zeros where the layer has none
  std::vector<int> last_readers_;
};

/// Throws InputError naming the layer unless `weights` are those of `network`'s layers.
void check_weights(const Network& network, const LayerWeights& weights);

/// The last reader of each layer; the layer itself where there is none.
std::vector<int> last_readers_of(const Network& network);

}  // namespace tilewake
