// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "nas/quantization/bias_correction.hpp"
#include "nas/quantization/equalization.hpp"
#include "nas/quantization/integer_executor.hpp"
#include "nas/quantization/parallel_images.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kCorrectionImages = 32;  // whose maps are in memory together

/// As QuantizationChoice::error.
double logit_error(const IntegerExecutor& executor, const std::vector<std::vector<float>>& logits,
                   const CalibrationImages& images, int num_threads) {
  std::vector<double> differences(logits.size());
  std::vector<double> squares(logits.size());
  const MapQuantization& q = executor.quantized().layers.back().output;
  for_each_image(images.count, num_threads, [&](std::int64_t n) {
    const auto i = static_cast<std::size_t>(n);
    const IntegerMap map = executor.run(images.image(n));
    for (std::size_t k = 0; k < map.size(); ++k) {
      const auto expected = static_cast<double>(logits[i][k]);
      const double difference = static_cast<double>(dequantized_value(map[k], q)) - expected;
      differences[i] += difference * difference;
      squares[i] += expected * expected;
    }
  });
  double difference = 0.0;
  double square = 0.0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    difference += differences[i];
    square += squares[i];
  }
  return square > 0.0 ? difference / square : difference;
}

std::vector<bool> tried_of(const std::optional<bool>& option) {
  if (option) return {*option};
  return {false, true};
}

}  // namespace

std::string QuantizationChoice::text() const {
  return fmt::format("{} ranges{}{}", to_string(ranges), is_equalized ? ", equalized" : "",
                     has_corrected_bias ? ", bias corrected" : "");
}

QuantizationResult quantize(const Network& network, const LayerWeights& weights,
                            const CalibrationImages& images, const QuantizationOptions& options) {
  const FloatExecutor given(network, weights);
  check_images(network, images);
  const std::int64_t num_ranges = images.count < 4 ? images.count : images.count * 3 / 4;
  const CalibrationImages for_ranges = images.part(0, num_ranges);
  const CalibrationImages for_error =
      images.count < 4 ? images : images.part(num_ranges, images.count);
  const CalibrationImages for_bias =
      for_ranges.part(0, std::min(kCorrectionImages, for_ranges.count));
  std::vector<std::vector<float>> logits(static_cast<std::size_t>(for_error.count));
  for_each_image(for_error.count, options.num_threads, [&](std::int64_t n) {
    logits[static_cast<std::size_t>(n)] = given.run(for_error.image(n));
  });
  const MapStatistics statistics = map_statistics(given, for_ranges, options.num_threads);

  QuantizationResult result;
  double least = std::numeric_limits<double>::infinity();
  const auto take = [&](const IntegerExecutor& executor, QuantizationChoice choice,
                        const LayerWeights& used, const MapRanges& ranges) {
    choice.error = logit_error(executor, logits, for_error, options.num_threads);
    result.tried.push_back(choice);
    if (!(choice.error < least)) return;
    least = choice.error;
    result.chosen = choice;
    result.quantized = executor.quantized();
    result.weights = used;
    result.ranges = ranges;
  };
  for (const bool is_equalized : tried_of(options.equalize)) {
    const LayerWeights used =
        is_equalized ? equalized_weights(network, weights, statistics) : weights;
    const FloatExecutor reference(network, used);
    const MapStatistics used_statistics =
        is_equalized ? map_statistics(reference, for_ranges, options.num_threads) : statistics;
    for (const auto& [name, method] : kRangeMethodNames) {
      if (options.ranges && *options.ranges != method) continue;
      const MapRanges ranges = map_ranges(network, used_statistics, method);
      IntegerExecutor executor(quantized_network(network, used, ranges));
      for (const bool is_corrected : tried_of(options.correct_bias)) {
        if (is_corrected) correct_bias(executor, reference, for_bias, options.num_threads);
        take(executor, {method, is_equalized, is_corrected, 0.0}, used, ranges);
      }
    }
  }
  return result;
}

}  // namespace tilewake
