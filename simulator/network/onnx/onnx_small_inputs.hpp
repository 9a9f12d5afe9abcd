// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// Of the inputs of a few numbers those that products and tables read as data, such as the time
/// step of a diffusion model: feature maps, however small. The others scale maps, bound them, or
/// give sizes: constants whose values are not known.
///
///   @param small    inputs of a few numbers
///   @param is_map   whether another input of the graph is a feature map
std::unordered_set<std::string_view> small_inputs_of_products(
    const std::vector<const OnnxNode*>& nodes, const std::vector<std::string_view>& small,
    const std::function<bool(std::string_view)>& is_map);

/// Operators and the first of their inputs that is a parameter, as are those after it; 0: no input
/// of the operator is one.
std::size_t first_parameter_of(std::string_view op);

/// Whether the name of a free dim says that it counts steps of a sequence: "seq_len", "T", "time".
bool is_name_of_steps(std::string_view name);

/// Whether it says that it counts images: "batch", "N", "batch_size".
bool is_name_of_images(std::string_view name);

}  // namespace tilewake
