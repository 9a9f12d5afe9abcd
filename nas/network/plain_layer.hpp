// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/torch.h>

#include "simulator/network/layer.hpp"

namespace tilewake {

/// Whether linear_result() knows the op.
bool has_linear_result(Op op);

/// What a plain layer computes before its activation. Differentiable.
///   @param operands  maps, N x C x H x W
///   @param weight    of weight_dims(); undefined for an op without weights
///   @param bias      out; undefined where the layer has none
///   @return          N x C x H x W of layer.ofm
torch::Tensor linear_result(const Layer& layer, const std::vector<torch::Tensor>& operands,
                            const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace tilewake
