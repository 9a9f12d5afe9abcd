// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/space/architecture.hpp"

namespace tilewake {

/// Networks of others as architectures, for images of any size: MobileNetV2 (Sandler et al., CVPR
/// 2018, table 2) and EfficientNet-lite0 (tensorflow/tpu, efficientnet/lite, 2020). Both shrink
/// images of 224 pixels by 32; where that would leave less than 4 pixels, the first strides are 1,
/// as is common for CIFAR. Scaling does not know that the stem and the first block keep their width
/// in the larger EfficientNets.
Architecture mobilenet_v2(const Shape& input, int num_classes);
Architecture efficientnet_lite0(const Shape& input, int num_classes);

}  // namespace tilewake
