// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "nas/quantization/map_statistics.hpp"
#include "nas/quantization/network_integers.hpp"
#include "nas/quantization/quantized_network.hpp"
#include "nas/quantization/value_range.hpp"

namespace tilewake {

/// How a network is quantized.
struct QuantizationChoice {
  RangeMethod ranges = RangeMethod::kMinMax;
  bool is_equalized = false;        // equalization.hpp
  bool has_corrected_bias = false;  // bias_correction.hpp
  /// Of the logits of images that set no range: squared difference to the float network's, as a
  /// share of the square of these.
  double error = 0.0;

  /// "mse ranges, equalized, bias corrected"
  std::string text() const;
};

struct QuantizationOptions {
  // What is tried; none: all.
  std::optional<RangeMethod> ranges;
  std::optional<bool> equalize;
  std::optional<bool> correct_bias;
  int num_threads = 1;
};

struct QuantizationResult {
  QuantizedNetwork quantized;
  LayerWeights weights;                   // equalized where chosen
  MapRanges ranges;                       // of these
  QuantizationChoice chosen;              // the one with the least error, of equals the first
  std::vector<QuantizationChoice> tried;  // in a fixed order
};

/// Post-training static quantization. Three of four images set ranges, the others measure the
/// error; of fewer than four, all do both. The result depends on the arguments alone, not on the
/// number of threads.
///
/// Throws InputError as check_quantizable(), check_weights() and check_images(), and naming the
/// layer where scales differ by more than a fixed-point factor can hold.
QuantizationResult quantize(const Network& network, const LayerWeights& weights,
                            const CalibrationImages& images,
                            const QuantizationOptions& options = {});

}  // namespace tilewake
