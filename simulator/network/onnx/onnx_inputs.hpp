// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "simulator/network/model_options.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/onnx/onnx_values.hpp"

namespace tilewake {

/// An input of the graph that a node reads, in the sizes of this run.
struct OnnxGraphInput {
  std::string_view name;
  Dims dims;  // of one image
  OnnxInputLayout layout = OnnxInputLayout::kImage;
  bool has_images = false;    // one of its dims counts the images of the batch
  bool is_parameter = false;  // weights, or a few numbers: a constant whose values are not known
};

struct OnnxGraphInputs {
  OnnxGraphInput first;  // the network's input
  std::vector<OnnxGraphInput> others;
  /// Dims of results of nodes, which only values decide, as the caller gives them.
  std::unordered_map<std::string_view, Dims> results;
  std::int64_t batch = 1;
  std::string warning;  // of what the file leaves open; empty: none
};

/// The dims and layout of a map that a tensor of `dims` is, N being 1: of four dimensions
/// channels, rows and columns, of three rows of channels, of two rows of channels. Throws
/// InputError for others, and for sizes out of range.
std::pair<Dims, OnnxInputLayout> map_of_dims(Dims dims);

/// Binds the inputs of the graph that `live_nodes` read or that are outputs.
/// Throws InputError if a size stays free or differs from the model's.
OnnxGraphInputs bind_inputs(OnnxModel& model, const std::vector<const OnnxNode*>& live_nodes,
                            const std::unordered_map<std::string_view, int>& num_uses,
                            const ModelOptions& options);

}  // namespace tilewake
