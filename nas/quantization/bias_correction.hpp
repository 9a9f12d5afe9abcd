// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/quantization/float_executor.hpp"
#include "nas/quantization/integer_executor.hpp"
#include "nas/quantization/map_statistics.hpp"

namespace tilewake {

/// Changes the bias of every layer that has one so that the mean of each channel before the
/// activation is that of `reference` on these images: rounding weights shifts it (Nagel et al.,
/// ICCV 2019). Layers are corrected in order, each with the errors of those before it. The maps of
/// all images are in memory together.
void correct_bias(IntegerExecutor& executor, const FloatExecutor& reference,
                  const CalibrationImages& images, int num_threads);

}  // namespace tilewake
