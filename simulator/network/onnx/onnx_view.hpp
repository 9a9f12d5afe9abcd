// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "simulator/network/layer.hpp"
#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// `size` elements of a map that are `stride` elements apart, where elements are counted channel by
/// channel, row by row, column by column. Stride 0: one element, repeated.
struct OnnxFactor {
  std::int64_t size = 1;
  std::int64_t stride = 0;

  friend bool operator==(const OnnxFactor&, const OnnxFactor&) = default;
};

/// A dimension of a tensor as parts of channels, rows and columns, the outermost first; none: 1.
using OnnxDim = std::vector<OnnxFactor>;

/// How the dimensions of a tensor lie in the map that holds it. Every element of the map belongs to
/// one element of the tensor (to several where factors repeat it), so that sorted by their strides
/// the factors are the map. Reshaping and transposing a tensor change its view and move nothing.
using OnnxView = std::vector<OnnxDim>;

/// N x C x H x W.
OnnxView view_of(const Shape& map);
std::int64_t size_of(const OnnxDim& dim);
Dims dims_of(const OnnxView& view);

/// Appends a factor; neighbours that continue each other become one.
void append(OnnxDim& dim, const OnnxFactor& factor);
void append(OnnxDim& dim, const OnnxDim& factors);
OnnxDim joined(const std::vector<OnnxDim>& dims);

/// All factors that do not repeat, as they are stored: the largest stride first.
OnnxDim stored_order(const OnnxView& view);
bool repeats(const OnnxView& view);
/// The factors of `view` that are not in `dim`, dim by dim.
OnnxDim others_of(const OnnxView& view, const OnnxDim& dim);

/// The same elements in other dims of the same number of elements. None: factors do not split so.
std::optional<OnnxView> reshaped(const OnnxView& view, const Dims& dims);
OnnxView permuted(const OnnxView& view, const std::vector<std::size_t>& order);

/// Splits factors that reach across the end of a row or of a channel, where they can be split.
OnnxView split_at_edges(const OnnxView& view, const Shape& map);

/// Splits the factors of dims of equal sizes until both have the same sizes. False: not possible.
bool split_alike(OnnxDim& a, OnnxDim& b);

/// The view after the map's elements are stored in `order`, which has every factor once.
OnnxView reordered(const OnnxView& view, const OnnxDim& order);

/// The view after factor `at` was cut to `size`.
OnnxView resized(const OnnxView& view, const OnnxFactor& at, std::int64_t size);

}  // namespace tilewake
