// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nas/space/architecture.hpp"

namespace tilewake {

/// Published networks as architectures, for images of any size: MobileNetV2 (Sandler et al., CVPR
/// 2018, table 2) and EfficientNet-lite0 (tensorflow/tpu, efficientnet/lite, 2020). Both reduce
/// images of 224 pixels by 32; if less than 4 pixels would remain, the first strides are 1, as is
/// common for CIFAR. Unlike the larger EfficientNets, scaling also changes the stem and the first
/// block.
Architecture mobilenet_v2(const Shape& input, int num_classes);
Architecture efficientnet_lite0(const Shape& input, int num_classes);

}  // namespace tilewake
