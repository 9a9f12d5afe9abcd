// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/executor_accuracy.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <vector>

#include "nas/quantization/parallel_images.hpp"

namespace tilewake {
namespace {

using LogitsOf = std::function<std::vector<float>(std::span<const float> image)>;

double cross_entropy(const std::vector<float>& logits, std::size_t label) {
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0.0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - largest);
  return std::log(sum) + largest - static_cast<double>(logits[label]);
}

Accuracy accuracy_of(const LogitsOf& logits_of, ImageLoader& loader, int num_threads) {
  Accuracy result;
  double loss = 0.0;
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const auto count = static_cast<std::size_t>(batch.num_images);
    const std::size_t size = batch.images.size() / count;
    std::vector<double> losses(count);
    std::vector<std::uint8_t> correct(count);
    for_each_image(batch.num_images, num_threads, [&](std::int64_t n) {
      const auto i = static_cast<std::size_t>(n);
      const auto label = static_cast<std::size_t>(batch.labels[i]);
      const std::vector<float> logits =
          logits_of(std::span<const float>(batch.images).subspan(i * size, size));
      if (label >= logits.size())
        throw std::invalid_argument("an image of a class that the network does not have");
      losses[i] = cross_entropy(logits, label);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      correct[i] = static_cast<std::size_t>(best) == label ? 1 : 0;
    });
    for (std::size_t i = 0; i < count; ++i) {
      loss += losses[i];
      result.num_correct += correct[i];
    }
    result.correct.insert(result.correct.end(), correct.begin(), correct.end());
    result.num_images += batch.num_images;
  }
  if (result.num_images > 0) result.loss = loss / static_cast<double>(result.num_images);
  return result;
}

}  // namespace

Accuracy accuracy(const FloatExecutor& executor, ImageLoader& loader, int num_threads) {
  return accuracy_of([&](std::span<const float> image) { return executor.run(image); }, loader,
                     num_threads);
}

Accuracy accuracy(const IntegerExecutor& executor, ImageLoader& loader, int num_threads) {
  const MapQuantization& q = executor.quantized().layers.back().output;
  const auto logits_of = [&](std::span<const float> image) {
    const IntegerMap map = executor.run(image);
    std::vector<float> logits(map.size());
    std::transform(map.begin(), map.end(), logits.begin(),
                   [&](std::uint8_t value) { return dequantized_value(value, q); });
    return logits;
  };
  return accuracy_of(logits_of, loader, num_threads);
}

}  // namespace tilewake
