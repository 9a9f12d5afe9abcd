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

/// The upper half of an IEEE 754 single.
double bfloat_of(std::uint16_t bits) {
  const std::uint32_t all = static_cast<std::uint32_t>(bits) << 16;
  float value = 0.0F;
  std::memcpy(&value, &all, sizeof(value));
  return static_cast<double>(value);
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
  const bool is_bfloat = tensor.data_type == static_cast<int>(OnnxType::kBfloat16);
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
      case OnnxType::kBfloat16:
        values = raw_values<std::uint16_t>(tensor.raw, count);
        break;
      default:
        return {};
    }
  }
  if (is_half || is_bfloat) {
    for (double& value : values) {
      if (!(value >= 0.0 && value <= 0xffff)) return {};
      const auto bits = static_cast<std::uint16_t>(value);
      value = is_half ? half_of(bits) : bfloat_of(bits);
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

std::optional<bool> has_equal_entries(const OnnxConstant& constant) {
  const std::int64_t count = constant.dims.empty() ? 1 : constant.dims[0];
  if (count <= 1 || constant.is_repeated || constant.fill) return true;
  const auto is_periodic = [&](const auto& all) {  // each entry equals the one before it
    const auto entry = static_cast<std::ptrdiff_t>(all.size()) / count;
    return std::equal(all.begin() + entry, all.end(), all.begin(), all.end() - entry);
  };
  if (constant.has_values) return is_periodic(constant.values);
  const std::string_view bytes = constant.bytes;
  if (bytes.empty() || bytes.size() % static_cast<std::size_t>(count) != 0) return std::nullopt;
  return is_periodic(bytes);
}

OnnxConstant constant_of(const OnnxTensor& tensor) {
  OnnxConstant constant;
  constant.dims = tensor.dims;
  constant.is_integer = is_integer_type(tensor.data_type);
  const auto count = static_cast<std::size_t>(num_elements_of(tensor.dims));
  constant.is_elsewhere = tensor.is_elsewhere;
  if (!tensor.is_elsewhere) constant.bytes = tensor.raw.empty() ? tensor.typed : tensor.raw;
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
  if (!constant.has_values && constant.is_elsewhere) {
    throw InputError(
        "needs integers whose values are an input of the graph, or in another file (external "
        "data), which is not read: save the model with short tensors inside (onnx.save_model with "
        "size_threshold=1024)");
  }
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

bool is_all(const OnnxConstant& constant, double value) {
  if (constant.fill) return *constant.fill == value;
  return constant.has_values && std::all_of(constant.values.begin(), constant.values.end(),
                                            [&](double x) { return x == value; });
}

namespace onnx_fold {
namespace {

using Index = std::vector<std::int64_t>;

/// Whether a constant of `dims` has few enough elements for values.
bool is_small(const Dims& dims) {
  return num_elements_of(dims) <= static_cast<std::int64_t>(kMaxTensorValues);
}

/// All indices of a small tensor in order.
std::vector<Index> indices_of(const Dims& dims) {
  std::vector<Index> all;
  Index index(dims.size(), 0);
  for (std::int64_t left = num_elements_of(dims); left > 0; --left) {
    all.push_back(index);
    for (std::size_t i = dims.size(); i-- > 0;) {
      if (++index[i] < dims[i]) break;
      index[i] = 0;
    }
  }
  return all;
}

/// An element of a constant with values. Dims of one element, and those that it lacks in front,
/// are repeated.
double value_at(const OnnxConstant& data, const Index& index) {
  std::size_t at = 0;
  const std::size_t lacking = index.size() - data.dims.size();
  for (std::size_t i = 0; i < data.dims.size(); ++i) {
    const std::int64_t own = data.dims[i] == 1 ? 0 : index[lacking + i];
    at = at * static_cast<std::size_t>(data.dims[i]) + static_cast<std::size_t>(own);
  }
  return data.values.at(at);
}

OnnxConstant of_dims(Dims dims, bool is_integer) {
  OnnxConstant result;
  result.dims = std::move(dims);
  result.is_integer = is_integer;
  num_elements_of(result.dims);
  return result;
}

Dims broadcast(const Dims& a, const Dims& b) {
  Dims dims(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::int64_t in_a = i + a.size() < dims.size() ? 1 : a[i + a.size() - dims.size()];
    const std::int64_t in_b = i + b.size() < dims.size() ? 1 : b[i + b.size() - dims.size()];
    if (in_a != in_b && in_a != 1 && in_b != 1) {
      throw InputError(
          fmt::format("constants of {} and {} do not fit together", text_of(a), text_of(b)));
    }
    dims[i] = in_a == 1 ? in_b : in_a;
  }
  return dims;
}

bool is_comparison(std::string_view op) {
  return op == "Equal" || op == "Greater" || op == "GreaterOrEqual" || op == "Less" ||
         op == "LessOrEqual" || op == "And" || op == "Or" || op == "Xor";
}

/// NaN where the result is not known.
double binary_value(std::string_view op, double x, double y, bool is_integer) {
  if (op == "Add") return x + y;
  if (op == "Sub") return x - y;
  if (op == "Mul") return x * y;
  if (op == "Div") return is_integer ? std::trunc(x / y) : x / y;
  if (op == "Mod") return x - std::floor(x / y) * y;
  if (op == "Pow") return std::pow(x, y);
  if (op == "Max") return std::max(x, y);
  if (op == "Min") return std::min(x, y);
  if (op == "Equal") return x == y ? 1.0 : 0.0;
  if (op == "Greater") return x > y ? 1.0 : 0.0;
  if (op == "GreaterOrEqual") return x >= y ? 1.0 : 0.0;
  if (op == "Less") return x < y ? 1.0 : 0.0;
  if (op == "LessOrEqual") return x <= y ? 1.0 : 0.0;
  if (op == "And") return x != 0.0 && y != 0.0 ? 1.0 : 0.0;
  if (op == "Or") return x != 0.0 || y != 0.0 ? 1.0 : 0.0;
  if (op == "Xor") return (x != 0.0) != (y != 0.0) ? 1.0 : 0.0;
  return std::nan("");
}

double unary_value(std::string_view op, double x) {
  if (op == "Floor") return std::floor(x);
  if (op == "Ceil") return std::ceil(x);
  if (op == "Round") return std::nearbyint(x);
  if (op == "Sqrt") return std::sqrt(x);
  if (op == "Exp") return std::exp(x);
  if (op == "Log") return std::log(x);
  if (op == "Neg") return -x;
  if (op == "Abs") return std::abs(x);
  if (op == "Sign") return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
  if (op == "Not") return x == 0.0 ? 1.0 : 0.0;
  if (op == "Reciprocal") return 1.0 / x;
  if (op == "Relu") return std::max(x, 0.0);
  return std::nan("");
}

/// Values that are all numbers, or none.
void keep_known_values(OnnxConstant& constant) {
  constant.has_values = std::none_of(constant.values.begin(), constant.values.end(),
                                     [](double value) { return std::isnan(value); });
  if (!constant.has_values) constant.values.clear();
}

}  // namespace

OnnxConstant concat(const std::vector<OnnxConstant>& parts, std::int64_t axis) {
  if (parts.empty()) throw InputError("joins nothing");
  Dims dims = parts[0].dims;
  const std::size_t at = axis_of(axis, dims.size());
  bool has_values = parts[0].has_values;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Dims others = parts[i].dims;
    if (others.size() != dims.size()) throw InputError("joins tensors of different ranks");
    dims[at] += others[at];
    num_elements_of(dims);
    others[at] = dims[at];
    if (others != dims) throw InputError("joins tensors that do not fit together");
    has_values = has_values && parts[i].has_values;
  }
  OnnxConstant result = of_dims(std::move(dims), parts[0].is_integer);
  result.has_values = has_values && is_small(result.dims);
  if (!result.has_values) return result;
  std::vector<const OnnxConstant*> owners;  // one an entry of the joined dim
  std::vector<std::int64_t> offsets;
  for (const OnnxConstant& part : parts) {
    for (std::int64_t i = 0; i < part.dims[at]; ++i) {
      owners.push_back(&part);
      offsets.push_back(i);
      if (owners.size() > kMaxTensorValues) break;  // of dims without elements
    }
  }
  for (Index index : indices_of(result.dims)) {
    const auto entry = static_cast<std::size_t>(index[at]);
    const OnnxConstant& owner = *owners.at(entry);
    index[at] = offsets[entry];
    std::size_t position = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      position =
          position * static_cast<std::size_t>(owner.dims[i]) + static_cast<std::size_t>(index[i]);
    }
    result.values.push_back(owner.values.at(position));
  }
  return result;
}

OnnxConstant gather(const OnnxConstant& data, const OnnxConstant& indices, std::int64_t axis) {
  const std::size_t at = axis_of(axis, data.dims.size());
  const auto split = data.dims.begin() + static_cast<std::ptrdiff_t>(at);
  Dims dims(data.dims.begin(), split);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), split + 1, data.dims.end());
  OnnxConstant result = of_dims(std::move(dims), data.is_integer);
  result.fill = data.fill;
  result.has_values = data.has_values && indices.has_values && is_small(result.dims);
  if (!result.has_values) return result;
  std::vector<std::int64_t> picked;
  for (const std::int64_t index : integers_in(indices, kMaxTensorValues)) {
    picked.push_back(
        static_cast<std::int64_t>(axis_of(index, static_cast<std::size_t>(data.dims[at]))));
  }
  const std::size_t num_index_dims = indices.dims.size();
  for (const Index& index : indices_of(result.dims)) {
    std::size_t entry = 0;
    for (std::size_t i = 0; i < num_index_dims; ++i) {
      entry = entry * static_cast<std::size_t>(indices.dims[i]) +
              static_cast<std::size_t>(index[at + i]);
    }
    std::size_t position = 0;
    for (std::size_t i = 0; i < data.dims.size(); ++i) {
      const std::int64_t own = i < at    ? index[i]
                               : i == at ? picked.at(entry)
                                         : index[i + num_index_dims - 1];
      position = position * static_cast<std::size_t>(data.dims[i]) + static_cast<std::size_t>(own);
    }
    result.values.push_back(data.values.at(position));
  }
  return result;
}

OnnxConstant slice(const OnnxConstant& data, std::int64_t begin, std::int64_t end,
                   std::int64_t axis, std::int64_t step) {
  if (step == 0 || step < -kMaxElements || step > (std::int64_t{1} << 60)) {
    throw InputError(fmt::format("takes steps of {}", step));
  }
  const std::size_t at = axis_of(axis, data.dims.size());
  const std::int64_t size = data.dims[at];
  const std::int64_t lowest = step > 0 ? 0 : -1;  // past the end of a reversed tensor
  const auto bound = [&](std::int64_t index) {
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, lowest, size + lowest);
  };
  const std::int64_t first = bound(begin);
  const std::int64_t last = bound(end);
  const std::int64_t span = step > 0 ? last - first : first - last;
  const std::int64_t distance = std::abs(step);
  Dims dims = data.dims;
  dims[at] = span <= 0 ? 0 : (span - 1) / distance + 1;
  OnnxConstant result = of_dims(std::move(dims), data.is_integer);
  if (result.dims == data.dims && step == 1) return data;
  result.fill = data.fill;
  result.has_values = data.has_values;
  if (!result.has_values) return result;
  for (Index index : indices_of(result.dims)) {
    index[at] = first + index[at] * step;
    std::size_t position = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      position =
          position * static_cast<std::size_t>(data.dims[i]) + static_cast<std::size_t>(index[i]);
    }
    result.values.push_back(data.values.at(position));
  }
  return result;
}

OnnxConstant transpose(const OnnxConstant& data, const std::vector<std::size_t>& order) {
  Dims dims;
  for (const std::size_t axis : order) dims.push_back(data.dims.at(axis));
  OnnxConstant result = of_dims(std::move(dims), data.is_integer);
  result.origin = data.origin;
  result.fill = data.fill;
  result.has_values = data.has_values;
  if (!result.has_values) return result;
  for (const Index& index : indices_of(result.dims)) {
    Index from(index.size());
    for (std::size_t i = 0; i < order.size(); ++i) from[order[i]] = index[i];
    result.values.push_back(value_at(data, from));
  }
  return result;
}

OnnxConstant arithmetic(std::string_view op, const OnnxConstant& a, const OnnxConstant& b) {
  const bool is_integer = (a.is_integer && b.is_integer) || is_comparison(op);
  OnnxConstant result = of_dims(broadcast(a.dims, b.dims), is_integer);
  if (a.fill && b.fill) {
    const double value = binary_value(op, *a.fill, *b.fill, is_integer);
    if (!std::isnan(value)) result.fill = value;
  }
  result.has_values = a.has_values && b.has_values && is_small(result.dims);
  if (!result.has_values) return result;
  for (const Index& index : indices_of(result.dims)) {
    result.values.push_back(binary_value(op, value_at(a, index), value_at(b, index), is_integer));
  }
  keep_known_values(result);
  return result;
}

OnnxConstant unary(std::string_view op, const OnnxConstant& data) {
  OnnxConstant result = data;
  result.origin = -1;
  result.fill.reset();
  for (double& value : result.values) value = unary_value(op, value);
  if (result.has_values) keep_known_values(result);
  return result;
}

OnnxConstant where(const OnnxConstant& choice, const OnnxConstant& a, const OnnxConstant& b) {
  OnnxConstant result =
      of_dims(broadcast(choice.dims, broadcast(a.dims, b.dims)), a.is_integer && b.is_integer);
  result.has_values = choice.has_values && a.has_values && b.has_values && is_small(result.dims);
  if (!result.has_values) return result;
  for (const Index& index : indices_of(result.dims)) {
    result.values.push_back(value_at(choice, index) != 0.0 ? value_at(a, index)
                                                           : value_at(b, index));
  }
  return result;
}

OnnxConstant expand(const OnnxConstant& data, const Dims& dims) {
  OnnxConstant result = of_dims(broadcast(data.dims, dims), data.is_integer);
  result.fill = data.fill;
  if (!result.fill && data.has_values && data.is_scalar()) result.fill = data.values[0];
  if (result.num_elements() == data.num_elements()) result.origin = data.origin;
  result.is_repeated = data.dims.size() < result.dims.size() || data.dims[0] == 1;
  result.has_values = data.has_values && is_small(result.dims);
  if (!result.has_values) return result;
  for (const Index& index : indices_of(result.dims)) {
    result.values.push_back(value_at(data, index));
  }
  return result;
}

OnnxConstant tile(const OnnxConstant& data, const std::vector<std::int64_t>& repeats) {
  Dims dims = data.dims;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] > 0 && repeats.at(i) > kMaxElements / dims[i]) {
      throw InputError("gives too large a tensor");
    }
    dims[i] *= repeats.at(i);
  }
  OnnxConstant result = of_dims(std::move(dims), data.is_integer);
  result.fill = data.fill;
  result.is_repeated = !data.dims.empty() && data.dims[0] == 1;
  result.has_values = data.has_values && is_small(result.dims);
  if (!result.has_values) return result;
  for (Index index : indices_of(result.dims)) {
    for (std::size_t i = 0; i < index.size(); ++i) index[i] %= data.dims[i];
    result.values.push_back(value_at(data, index));
  }
  return result;
}

OnnxConstant reduce(std::string_view op, const OnnxConstant& data,
                    const std::vector<bool>& is_reduced, bool keeps_dims) {
  Dims kept = data.dims;
  Dims dims;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (is_reduced.at(i)) kept[i] = 1;
    if (!is_reduced[i] || keeps_dims) dims.push_back(kept[i]);
  }
  OnnxConstant result = of_dims(std::move(dims), data.is_integer);
  const bool is_known = op == "ReduceProd" || op == "ReduceSum" || op == "ReduceMax" ||
                        op == "ReduceMin" || op == "ReduceMean";
  result.has_values = data.has_values && is_known && !data.values.empty();
  if (!result.has_values) return result;
  const auto count = static_cast<std::size_t>(num_elements_of(kept));
  std::vector<std::vector<double>> groups(count);
  for (const Index& index : indices_of(data.dims)) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::int64_t own = kept[i] == 1 ? 0 : index[i];
      at = at * static_cast<std::size_t>(kept[i]) + static_cast<std::size_t>(own);
    }
    groups[at].push_back(value_at(data, index));
  }
  for (const std::vector<double>& group : groups) {
    double value = group[0];
    for (std::size_t i = 1; i < group.size(); ++i) {
      value = op == "ReduceProd"  ? value * group[i]
              : op == "ReduceMax" ? std::max(value, group[i])
              : op == "ReduceMin" ? std::min(value, group[i])
                                  : value + group[i];
    }
    if (op == "ReduceMean") value /= static_cast<double>(group.size());
    result.values.push_back(data.is_integer ? std::trunc(value) : value);
  }
  return result;
}

}  // namespace onnx_fold

}  // namespace tilewake
