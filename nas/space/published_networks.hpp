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

/// Like MobileNetV3-Small (Howard et al., ICCV 2019, table 2), with h-swish and
/// squeeze-and-excitation; the differences: nas/space/README.md.
Architecture mobilenet_v3(const Shape& input, int num_classes);

/// Like ResNet-18 (He et al., CVPR 2016, table 1): dense 3x3 convolutions, each with a residual.
Architecture dense_network(const Shape& input, int num_classes);

}  // namespace tilewake
