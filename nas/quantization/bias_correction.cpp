// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/bias_correction.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "nas/quantization/network_integers.hpp"
#include "nas/quantization/parallel_images.hpp"

namespace tilewake {
namespace {

/// Means over the pixels, by channel.
using ChannelMeans = std::vector<double>;

template <typename T>
ChannelMeans channel_means(const std::vector<T>& map, std::int64_t channels) {
  ChannelMeans means(static_cast<std::size_t>(channels), 0.0);
  for (std::size_t i = 0; i < map.size(); ++i)
    means[i % means.size()] += static_cast<double>(map[i]);
  const double pixels = static_cast<double>(map.size()) / static_cast<double>(means.size());
  for (double& mean : means) mean /= pixels;
  return means;
}

/// In the order of the images, so that the number of threads does not matter.
ChannelMeans mean_of_images(const std::vector<ChannelMeans>& images) {
  ChannelMeans mean(images.front().size(), 0.0);
  for (const ChannelMeans& image : images) {
    for (std::size_t c = 0; c < mean.size(); ++c) mean[c] += image[c];
  }
  for (double& value : mean) value /= static_cast<double>(images.size());
  return mean;
}

}  // namespace

void correct_bias(IntegerExecutor& executor, const FloatExecutor& reference,
                  const CalibrationImages& images, int num_threads) {
  const QuantizedNetwork& quantized = executor.quantized();
  const std::vector<Layer>& layers = quantized.network.layers;
  const auto count = static_cast<std::size_t>(images.count);
  // By layer and image.
  std::vector<std::vector<ChannelMeans>> expected(layers.size(), std::vector<ChannelMeans>(count));
  std::vector<IntegerMap> inputs(count);
  for_each_image(images.count, num_threads, [&](std::int64_t n) {
    const auto image = static_cast<std::size_t>(n);
    inputs[image] = executor.quantized_image(images.image(n));
    reference.run(images.image(n),
                  [&](std::size_t i, const std::vector<float>& linear, const std::vector<float>&) {
                    if (layers[i].has_weights())
                      expected[i][image] = channel_means(linear, layers[i].ofm.channels);
                  });
  });

  const std::vector<int> last_readers = last_readers_of(quantized.network);
  std::vector<std::vector<IntegerMap>> maps(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const auto input_map = [&](int index, std::size_t image) {
      return index == kNetworkInput ? &inputs[image]
                                    : &maps[static_cast<std::size_t>(index)][image];
    };
    if (layer.has_weights() && layer.bias) {
      std::vector<ChannelMeans> sums(count);
      for_each_image(images.count, num_threads, [&](std::int64_t n) {
        const auto image = static_cast<std::size_t>(n);
        sums[image] =
            channel_means(executor.sums(i, *input_map(layer.inputs[0], image)), layer.ofm.channels);
      });
      const ChannelMeans target = mean_of_images(expected[i]);
      const ChannelMeans sum = mean_of_images(sums);
      const QuantizedLayer& integers = quantized.layers[i];
      const auto input_scale = static_cast<double>(quantized.of(layer.inputs[0]).scale);
      std::vector<std::int32_t> bias;
      for (std::size_t c = 0; c < target.size(); ++c) {
        const double unit = input_scale * static_cast<double>(integers.weight_scale[c]);
        const double corrected = std::nearbyint(target[c] / unit - sum[c]);
        bias.push_back(
            static_cast<std::int32_t>(std::clamp(corrected, -static_cast<double>(kMaxQuantizedBias),
                                                 static_cast<double>(kMaxQuantizedBias))));
      }
      executor.set_bias(i, std::move(bias));
    }
    maps[i].resize(count);
    for_each_image(images.count, num_threads, [&](std::int64_t n) {
      const auto image = static_cast<std::size_t>(n);
      std::vector<const IntegerMap*> all;
      for (const int index : layer.inputs) all.push_back(input_map(index, image));
      maps[i][image] = executor.layer_output(i, all);
    });
    for (const int index : layer.inputs) {
      if (index != kNetworkInput &&
          last_readers[static_cast<std::size_t>(index)] == static_cast<int>(i))
        std::vector<IntegerMap>().swap(maps[static_cast<std::size_t>(index)]);
    }
  }
}

}  // namespace tilewake
