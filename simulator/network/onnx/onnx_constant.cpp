// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_constant.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxElements = std::int64_t{1} << 48;
constexpr double kMaxInteger = 0x1p60;

/// IEEE 754 half precision.
double half_of(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  double value = exponent == 0      ? std::ldexp(fraction, -24)
                 : exponent == 0x1f ? (fraction == 0 ? HUGE_VAL : std::nan(""))
                                    : std::ldexp(fraction + 0x400, exponent - 25);
  return (bits & 0x8000) != 0 ? -value : value;
}

template <typename T>
std::vector<double> raw_values(std::string_view raw, std::size_t count) {
  std::vector<double> values;
  if (raw.size() != count * sizeof(T)) return values;
  for (std::size_t i = 0; i < count; ++i) {
    T value{};
    std::memcpy(&value, raw.data() + i * sizeof(T), sizeof(T));
    values.push_back(static_cast<double>(value));
  }
  return values;
}

std::vector<double> values_of(const OnnxTensor& tensor, std::size_t count) {
  const bool is_half = tensor.data_type == static_cast<int>(OnnxType::kFloat16);
  std::vector<double> values = tensor.values;
  if (!tensor.raw.empty()) {
    switch (static_cast<OnnxType>(tensor.data_type)) {
      case OnnxType::kFloat:
        return raw_values<float>(tensor.raw, count);
      case OnnxType::kDouble:
        return raw_values<double>(tensor.raw, count);
      case OnnxType::kInt64:
        return raw_values<std::int64_t>(tensor.raw, count);
      case OnnxType::kInt32:
        return raw_values<std::int32_t>(tensor.raw, count);
      case OnnxType::kInt8:
      case OnnxType::kBool:
        return raw_values<std::int8_t>(tensor.raw, count);
      case OnnxType::kFloat16:
        values = raw_values<std::uint16_t>(tensor.raw, count);
        break;
      default:
        return {};
    }
  }
  if (is_half) {
    for (double& value : values) {
      if (!(value >= 0.0 && value <= 0xffff)) return {};
      value = half_of(static_cast<std::uint16_t>(value));
    }
  }
  return values;
}

}  // namespace

std::int64_t OnnxConstant::num_elements() const { return num_elements_of(dims); }

std::int64_t num_elements_of(const Dims& dims) {
  if (dims.size() > kMaxTensorRank) {
    throw InputError(fmt::format("a tensor of {} dimensions", dims.size()));
  }
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) throw InputError(fmt::format("a dimension is {}", dim));
    if (dim > 0 && count > kMaxElements / dim) {
      throw InputError(fmt::format("a tensor of {} is too large", text_of(dims)));
    }
    count *= dim;
  }
  return count;
}

std::string text_of(const Dims& dims) {
  constexpr std::size_t kMaxPrinted = 8;
  if (dims.empty()) return "scalar";
  const auto end = dims.begin() + static_cast<std::ptrdiff_t>(std::min(dims.size(), kMaxPrinted));
  return fmt::format("{}{}", fmt::join(dims.begin(), end, " x "),
                     dims.size() > kMaxPrinted ? " x ..." : "");
}

std::size_t axis_of(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  if (axis < -size || axis >= size) {
    throw InputError(fmt::format("axis {} of a tensor of {} dimensions", axis, rank));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + size : axis);
}

bool is_integer_type(int data_type) {
  switch (static_cast<OnnxType>(data_type)) {
    case OnnxType::kInt8:
    case OnnxType::kInt32:
    case OnnxType::kInt64:
    case OnnxType::kBool:
      return true;
    default:
      return false;
  }
}

OnnxConstant constant_of(const OnnxTensor& tensor) {
  OnnxConstant constant;
  constant.dims = tensor.dims;
  constant.is_integer = is_integer_type(tensor.data_type);
  const auto count = static_cast<std::size_t>(num_elements_of(tensor.dims));
  if (count <= kMaxTensorValues && !tensor.is_elsewhere) {
    constant.values = values_of(tensor, count);
    constant.has_values = constant.values.size() == count;
    if (!constant.has_values) constant.values.clear();
  }
  return constant;
}

OnnxConstant integers_of(const std::vector<std::int64_t>& values) {
  OnnxConstant constant;
  constant.is_integer = true;
  constant.dims = {static_cast<std::int64_t>(values.size())};
  constant.has_values = values.size() <= kMaxTensorValues;
  if (constant.has_values) constant.values.assign(values.begin(), values.end());
  return constant;
}

std::vector<std::int64_t> integers_in(const OnnxConstant& constant, std::size_t max_count) {
  if (!constant.has_values) throw InputError("needs integers whose values are not in the file");
  if (constant.values.size() > max_count) {
    throw InputError(
        fmt::format("takes at most {} integers, not {}", max_count, constant.values.size()));
  }
  std::vector<std::int64_t> integers;
  for (const double value : constant.values) {
    if (!(std::floor(value) == value)) throw InputError(fmt::format("{} is no integer", value));
    integers.push_back(static_cast<std::int64_t>(std::clamp(value, -kMaxInteger, kMaxInteger)));
  }
  return integers;
}

namespace onnx_fold {

OnnxConstant concat(const std::vector<OnnxConstant>& parts, std::int64_t axis) {
  if (parts.empty()) throw InputError("joins nothing");
  OnnxConstant result = parts[0];
  const std::size_t rank = result.dims.size();
  const std::size_t at = axis_of(axis, rank);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Dims dims = parts[i].dims;
    if (dims.size() != rank) throw InputError("joins tensors of different ranks");
    result.dims[at] += dims[at];
    num_elements_of(result.dims);
    dims[at] = result.dims[at];
    if (dims != result.dims) throw InputError("joins tensors that do not fit together");
    result.values.insert(result.values.end(), parts[i].values.begin(), parts[i].values.end());
    result.has_values = result.has_values && parts[i].has_values && rank == 1 &&
                        result.values.size() <= kMaxTensorValues;
    if (!result.has_values) result.values.clear();
  }
  return result;
}

OnnxConstant gather(const OnnxConstant& data, const OnnxConstant& indices, std::int64_t axis) {
  const std::size_t at = axis_of(axis, data.dims.size());
  OnnxConstant result;
  result.is_integer = data.is_integer;
  result.dims.assign(data.dims.begin(), data.dims.begin() + static_cast<std::ptrdiff_t>(at));
  result.dims.insert(result.dims.end(), indices.dims.begin(), indices.dims.end());
  result.dims.insert(result.dims.end(), data.dims.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                     data.dims.end());
  num_elements_of(result.dims);
  result.has_values = data.has_values && indices.has_values && data.dims.size() == 1;
  if (!result.has_values) return result;
  for (const std::int64_t index : integers_in(indices, kMaxTensorValues)) {
    result.values.push_back(data.values[axis_of(index, data.values.size())]);
  }
  return result;
}

OnnxConstant slice(const OnnxConstant& data, std::int64_t begin, std::int64_t end,
                   std::int64_t axis, std::int64_t step) {
  if (step != 1) throw InputError(fmt::format("takes every element, not steps of {}", step));
  const std::size_t at = axis_of(axis, data.dims.size());
  const std::int64_t size = data.dims[at];
  const auto bound = [size](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  };
  OnnxConstant result = data;
  result.dims[at] = std::max<std::int64_t>(bound(end) - bound(begin), 0);
  result.has_values = data.has_values && data.dims.size() == 1;
  result.values.clear();
  if (result.has_values) {
    const auto first = data.values.begin() + static_cast<std::ptrdiff_t>(bound(begin));
    result.values.assign(first, first + static_cast<std::ptrdiff_t>(result.dims[at]));
  }
  return result;
}

OnnxConstant transpose(const OnnxConstant& data, const std::vector<std::size_t>& order) {
  OnnxConstant result;
  result.is_integer = data.is_integer;
  for (const std::size_t axis : order) result.dims.push_back(data.dims.at(axis));
  result.has_values = data.has_values && data.dims.size() <= 1;
  if (result.has_values) result.values = data.values;
  return result;
}

OnnxConstant arithmetic(std::string_view op, const OnnxConstant& a, const OnnxConstant& b) {
  const auto fills = [](const OnnxConstant& scalar, const OnnxConstant& other) {
    return scalar.is_scalar() && scalar.dims.size() <= other.dims.size();
  };
  if (a.dims != b.dims && !fills(a, b) && !fills(b, a)) {
    throw InputError(fmt::format("constants of {} and {} do not fit together", text_of(a.dims),
                                 text_of(b.dims)));
  }
  OnnxConstant result;
  result.dims = fills(a, b) ? b.dims : a.dims;
  result.is_integer = a.is_integer && b.is_integer;
  result.has_values = a.has_values && b.has_values;
  if (!result.has_values) return result;
  const auto count = static_cast<std::size_t>(result.num_elements());
  for (std::size_t i = 0; i < count; ++i) {
    const double x = a.values[a.is_scalar() ? 0 : i];
    const double y = b.values[b.is_scalar() ? 0 : i];
    const double value = op == "Add" ? x + y : op == "Sub" ? x - y : op == "Mul" ? x * y : x / y;
    result.values.push_back(result.is_integer ? std::trunc(value) : value);
  }
  return result;
}

}  // namespace onnx_fold

}  // namespace tilewake
