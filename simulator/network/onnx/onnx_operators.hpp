// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "simulator/network/onnx/onnx_values.hpp"

namespace tilewake {

/// Reads one node: defines its first output. Throws InputError that says what of the node is not
/// understood.
using OnnxOperator = void (*)(OnnxValues& values, const OnnxNode& node);

/// Null where the operator is not known.
OnnxOperator find_onnx_operator(std::string_view op);
// Parts of it.
OnnxOperator find_window_operator(std::string_view op);       // windows over rows and columns
OnnxOperator find_matrix_operator(std::string_view op);       // products of matrices
OnnxOperator find_norm_operator(std::string_view op);         // normalisation and reductions
OnnxOperator find_elementwise_operator(std::string_view op);  // makes layers, or belongs to one
OnnxOperator find_piece_operator(std::string_view op);        // cuts and joins
OnnxOperator find_shape_operator(std::string_view op);        // moves and computes nothing
OnnxOperator find_host_operator(std::string_view op);         // not modelled

/// Reads a node of any operator; throws InputError where it is not known. Operators on constants
/// are folded.
void read_onnx_node(OnnxValues& values, const OnnxNode& node);

/// Einsum of one or two tensors.
void read_onnx_einsum(OnnxValues& values, const OnnxNode& node);

/// What is not modelled: the bytes of its maps go to the host, the results' come back.
void read_host(OnnxValues& values, const OnnxNode& node);

/// Elements `begin` to `end` of a dimension, counted from 0, in steps.
struct OnnxPiece {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t step = 1;

  std::int64_t size() const { return (end - begin + step - 1) / step; }
  bool is_whole(std::int64_t available) const {
    return begin == 0 && end == available && step == 1;
  }
};

/// A piece of a dimension of a map: a channel_split, a slice, or the map itself. `names` the layer
/// after the output of that index.
OnnxValue piece_of(OnnxValues& values, const OnnxNode& node, const OnnxValue& map, std::size_t axis,
                   const OnnxPiece& piece, std::size_t output = 0);

/// Sum, product ... of input `a` and `b` of the node, of which one is a map.
void read_join(OnnxValues& values, const OnnxNode& node, Op op, std::size_t a = 0,
               std::size_t b = 1);

/// Dims that two operands give together; throws InputError where they do not fit.
Dims broadcast_dims(const Dims& a, const Dims& b);

bool has_hint(const OnnxNode& node, Op op);

/// An attribute of `node`, or `fallback`. Throw InputError where it has another type.
std::int64_t integer_attribute(const OnnxNode& node, std::string_view name, std::int64_t fallback);
double real_attribute(const OnnxNode& node, std::string_view name, double fallback);
std::string_view text_attribute(const OnnxNode& node, std::string_view name,
                                std::string_view fallback);
std::optional<std::vector<std::int64_t>> integers_attribute(const OnnxNode& node,
                                                            std::string_view name);
/// A text that must be one of `known`, of which the first is the default. Another one would be read
/// as something else.
std::string_view choice_attribute(const OnnxNode& node, std::string_view name,
                                  std::initializer_list<std::string_view> known);
/// An integer that must be given and at least 1.
std::int64_t size_attribute(const OnnxNode& node, std::string_view name);
/// A factor, shift or slope of every element must fit a map of `dims` without making it larger.
void check_parameter(OnnxValues& values, const OnnxNode& node, std::size_t input, const Dims& dims);

/// A list that opsets had as an attribute first and have as an input now; nothing where the node
/// has neither.
std::optional<std::vector<std::int64_t>> integers_of_node(OnnxValues& values, const OnnxNode& node,
                                                          std::string_view attribute,
                                                          std::size_t input);

/// The directions of a window.
enum class OnnxWindow { kPlane, kRows, kColumns };

/// Sets the layer's window fields.
void read_window_sizes(const OnnxNode& node, Layer& layer, OnnxWindow window);
/// A list of one number a direction, as rows and columns.
std::vector<std::int64_t> window_sizes(const OnnxNode& node, std::string_view name,
                                       OnnxWindow window, std::int64_t fallback, std::int64_t min,
                                       std::int64_t max);
/// NOTSET, VALID, SAME_UPPER or SAME_LOWER.
std::string_view auto_pad_of(const OnnxNode& node);
Padding window_pads(const OnnxNode& node, OnnxWindow window);

/// The zeros that a window finds around a map of `shape`, after pads, auto_pad, ceil_mode and
/// `around`, the zeros of a Pad before. Sets the layer's window fields. Source: ONNX operators Conv
/// and MaxPool; windows that begin in the padding at the far end are left out of ceil_mode, as in
/// PyTorch.
PaddingRule read_window(const OnnxNode& node, Layer& layer, const Shape& shape,
                        const Padding& around, OnnxWindow window);

}  // namespace tilewake
