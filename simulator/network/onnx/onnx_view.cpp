// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_view.hpp"

#include <algorithm>

namespace tilewake {
namespace {

/// Strides after the factors of `stored`, the outermost first, have the sizes `sizes`.
OnnxView restrided(const OnnxView& view, const OnnxDim& stored,
                   const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(stored.size(), 1);
  std::int64_t stride = 1;
  for (std::size_t i = stored.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  OnnxView result(view.size());
  for (std::size_t axis = 0; axis < view.size(); ++axis) {
    for (const OnnxFactor& factor : view[axis]) {
      if (factor.stride == 0) {
        append(result[axis], factor);
        continue;
      }
      const auto found = std::find(stored.begin(), stored.end(), factor);
      const auto at = static_cast<std::size_t>(found - stored.begin());
      append(result[axis], OnnxFactor{sizes.at(at), strides.at(at)});
    }
  }
  return result;
}

/// `factor` in two; false where `inner` does not divide it.
bool split(const OnnxFactor& factor, std::int64_t inner, OnnxDim& into) {
  if (inner < 1 || factor.size % inner != 0) return false;
  if (inner < factor.size) into.push_back({factor.size / inner, factor.stride * inner});
  if (inner > 1) into.push_back({inner, factor.stride});
  return true;
}

}  // namespace

OnnxView view_of(const Shape& map) {
  OnnxView view(4);
  append(view[1], OnnxFactor{map.channels, map.height * map.width});
  append(view[2], OnnxFactor{map.height, map.width});
  append(view[3], OnnxFactor{map.width, 1});
  return view;
}

std::int64_t size_of(const OnnxDim& dim) {
  std::int64_t size = 1;
  for (const OnnxFactor& factor : dim) size *= factor.size;
  return size;
}

Dims dims_of(const OnnxView& view) {
  Dims dims;
  for (const OnnxDim& dim : view) dims.push_back(size_of(dim));
  return dims;
}

void append(OnnxDim& dim, const OnnxFactor& factor) {
  if (factor.size == 1) return;
  if (!dim.empty() && dim.back().stride == factor.stride * factor.size &&
      (dim.back().stride == 0) == (factor.stride == 0)) {
    dim.back() = {dim.back().size * factor.size, factor.stride};
  } else {
    dim.push_back(factor);
  }
}

void append(OnnxDim& dim, const OnnxDim& factors) {
  for (const OnnxFactor& factor : factors) append(dim, factor);
}

OnnxDim joined(const std::vector<OnnxDim>& dims) {
  OnnxDim result;
  for (const OnnxDim& dim : dims) append(result, dim);
  return result;
}

OnnxDim stored_order(const OnnxView& view) {
  OnnxDim all;
  for (const OnnxDim& dim : view) {
    for (const OnnxFactor& factor : dim) {
      if (factor.stride != 0) all.push_back(factor);
    }
  }
  std::sort(all.begin(), all.end(),
            [](const OnnxFactor& a, const OnnxFactor& b) { return a.stride > b.stride; });
  return all;
}

bool repeats(const OnnxView& view) {
  for (const OnnxDim& dim : view) {
    for (const OnnxFactor& factor : dim) {
      if (factor.stride == 0) return true;
    }
  }
  return false;
}

OnnxDim others_of(const OnnxView& view, const OnnxDim& dim) {
  OnnxDim others;
  for (const OnnxDim& factors : view) {
    for (const OnnxFactor& factor : factors) {
      const bool is_in = std::any_of(dim.begin(), dim.end(), [&](const OnnxFactor& part) {
        return part.stride <= factor.stride && factor.stride < part.stride * part.size;
      });
      if (!is_in) append(others, factor);
    }
  }
  return others;
}

std::optional<OnnxView> reshaped(const OnnxView& view, const Dims& dims) {
  const OnnxDim factors = joined(view);
  OnnxView result(dims.size());
  std::size_t next = 0;
  OnnxFactor left;  // of the factor before `next`
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    std::int64_t needed = dims[axis];
    while (needed > 1) {
      if (left.size == 1) {
        if (next == factors.size()) return std::nullopt;
        left = factors[next++];
      }
      if (needed % left.size == 0) {
        append(result[axis], left);
        needed /= left.size;
        left = {};
      } else if (left.size % needed == 0) {
        const std::int64_t inner = left.size / needed;
        append(result[axis], OnnxFactor{needed, left.stride * inner});
        left.size = inner;
        needed = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  if (left.size != 1 || next != factors.size()) return std::nullopt;
  return result;
}

OnnxView permuted(const OnnxView& view, const std::vector<std::size_t>& order) {
  OnnxView result;
  for (const std::size_t axis : order) result.push_back(view.at(axis));
  return result;
}

OnnxView split_at_edges(const OnnxView& view, const Shape& map) {
  OnnxView result = view;
  for (const std::int64_t edge : {map.width, map.height * map.width}) {
    for (OnnxDim& dim : result) {
      OnnxDim parts;
      for (const OnnxFactor& factor : dim) {
        const bool crosses = factor.stride > 0 && factor.stride < edge &&
                             factor.stride * factor.size > edge && edge % factor.stride == 0;
        if (!crosses || !split(factor, edge / factor.stride, parts)) parts.push_back(factor);
      }
      dim = std::move(parts);
    }
  }
  return result;
}

bool split_alike(OnnxDim& a, OnnxDim& b) {
  OnnxDim parts_a;
  OnnxDim parts_b;
  OnnxDim rest_a(a.rbegin(), a.rend());
  OnnxDim rest_b(b.rbegin(), b.rend());
  while (!rest_a.empty() && !rest_b.empty()) {
    OnnxFactor& x = rest_a.back();
    OnnxFactor& y = rest_b.back();
    const std::int64_t outer = std::min(x.size, y.size);
    if (x.size % outer != 0 || y.size % outer != 0) return false;
    parts_a.push_back({outer, x.stride * (x.size / outer)});
    parts_b.push_back({outer, y.stride * (y.size / outer)});
    x.size /= outer;
    y.size /= outer;
    if (x.size == 1) rest_a.pop_back();
    if (y.size == 1) rest_b.pop_back();
  }
  if (!rest_a.empty() || !rest_b.empty()) return false;
  a = std::move(parts_a);
  b = std::move(parts_b);
  return true;
}

OnnxView reordered(const OnnxView& view, const OnnxDim& order) {
  std::vector<std::int64_t> sizes;
  for (const OnnxFactor& factor : order) sizes.push_back(factor.size);
  return restrided(view, order, sizes);
}

OnnxView resized(const OnnxView& view, const OnnxFactor& at, std::int64_t size) {
  const OnnxDim stored = stored_order(view);
  std::vector<std::int64_t> sizes;
  for (const OnnxFactor& factor : stored) sizes.push_back(factor == at ? size : factor.size);
  return restrided(view, stored, sizes);
}

}  // namespace tilewake
