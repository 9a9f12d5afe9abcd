// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/common/accuracy.hpp"
#include "nas/data/image_loader.hpp"
#include "nas/quantization/float_executor.hpp"
#include "nas/quantization/integer_executor.hpp"

namespace tilewake {

/// Accuracy over one pass of `loader`, which must not shuffle. The class is that of the greatest
/// logit, of equals the first.
Accuracy accuracy(const FloatExecutor& executor, ImageLoader& loader, int num_threads);
Accuracy accuracy(const IntegerExecutor& executor, ImageLoader& loader, int num_threads);

}  // namespace tilewake
