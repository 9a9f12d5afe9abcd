// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

const OnnxAttribute* attribute_of(const OnnxNode& node, std::string_view name,
                                  OnnxAttributeType type) {
  const OnnxAttribute* attribute = node.find(name);
  if (attribute == nullptr) return nullptr;
  // The oldest files do not say the type.
  if (attribute->type != static_cast<int>(type) && attribute->type != 0) {
    throw InputError(fmt::format("attribute {} is of type {}, expected {}", name, attribute->type,
                                 static_cast<int>(type)));
  }
  return attribute;
}

std::vector<std::int64_t> sizes_attribute(const OnnxNode& node, std::string_view name,
                                          std::size_t count, std::int64_t fallback,
                                          std::int64_t min, std::int64_t max) {
  const auto given = integers_attribute(node, name);
  if (!given) return std::vector<std::int64_t>(count, fallback);
  if (given->size() != count) {
    throw InputError(fmt::format("{} has {} values, expected {}", name, given->size(), count));
  }
  for (const std::int64_t value : *given) {
    if (value < min || value > max) {
      throw InputError(fmt::format("{} must be from {} to {}, not {}", name, min, max, value));
    }
  }
  return *given;
}

struct Side {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// SAME_UPPER and SAME_LOWER: the output is ceil(in / stride).
Side same_zeros(std::int64_t in, std::int64_t extent, std::int64_t stride, bool upper) {
  const std::int64_t all =
      std::max<std::int64_t>((ceil_div(in, stride) - 1) * stride + extent - in, 0);
  const std::int64_t smaller = all / 2;
  return upper ? Side{smaller, all - smaller} : Side{all - smaller, smaller};
}

/// Zeros at the end so that the last, incomplete window counts.
std::int64_t ceil_zeros(std::int64_t in, const Side& zeros, std::int64_t extent,
                        std::int64_t stride) {
  const std::int64_t room = in + zeros.begin + zeros.end - extent;
  if (room < 0) return zeros.end;                       // refused by infer_shapes
  std::int64_t last = ceil_div(room, stride) * stride;  // where the last window begins
  if (last >= in + zeros.begin) last -= stride;
  return std::max(zeros.end, last + extent - in - zeros.begin);
}

}  // namespace

std::int64_t integer_attribute(const OnnxNode& node, std::string_view name, std::int64_t fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttributeType::kInt);
  return attribute == nullptr ? fallback : attribute->integer;
}

double real_attribute(const OnnxNode& node, std::string_view name, double fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttributeType::kFloat);
  return attribute == nullptr ? fallback : static_cast<double>(attribute->real);
}

std::string_view text_attribute(const OnnxNode& node, std::string_view name,
                                std::string_view fallback) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttributeType::kString);
  return attribute == nullptr ? fallback : attribute->text;
}

std::optional<std::vector<std::int64_t>> integers_attribute(const OnnxNode& node,
                                                            std::string_view name) {
  const OnnxAttribute* attribute = attribute_of(node, name, OnnxAttributeType::kInts);
  if (attribute == nullptr) return std::nullopt;
  return attribute->integers;
}

std::string_view choice_attribute(const OnnxNode& node, std::string_view name,
                                  std::initializer_list<std::string_view> known) {
  const std::string_view text = text_attribute(node, name, *known.begin());
  if (std::find(known.begin(), known.end(), text) != known.end()) return text;
  throw InputError(fmt::format("{} is none of {}", name, fmt::join(known, ", ")));
}

std::int64_t size_attribute(const OnnxNode& node, std::string_view name) {
  const std::int64_t size = integer_attribute(node, name, 0);
  if (size < 1 || size > kMaxDimension) {
    throw InputError(
        fmt::format("{} must be given, from 1 to {}, not {}", name, kMaxDimension, size));
  }
  return size;
}

void check_parameter(OnnxValues& values, const OnnxNode& node, std::size_t input,
                     const Dims& dims) {
  Dims given = values.constant(node, input).dims;
  if (given.size() == dims.size()) {
    given = values.for_one_image(values.constant(node, input), /*must_know=*/false);
  }
  if (broadcast_dims(dims, given) != dims) {
    throw InputError(
        fmt::format("has parameters of {} for a map of {}", text_of(given), text_of(dims)));
  }
}

std::optional<std::vector<std::int64_t>> integers_of_node(OnnxValues& values, const OnnxNode& node,
                                                          std::string_view attribute,
                                                          std::size_t input) {
  if (OnnxValues::has_input(node, input)) {
    return integers_in(values.constant(node, input), kMaxTensorRank * 2);
  }
  return integers_attribute(node, attribute);
}

std::vector<std::int64_t> window_sizes(const OnnxNode& node, std::string_view name,
                                       OnnxWindow window, std::int64_t fallback, std::int64_t min,
                                       std::int64_t max) {
  const std::size_t count = window == OnnxWindow::kPlane ? 2 : 1;
  std::vector<std::int64_t> sizes = sizes_attribute(node, name, count, fallback, min, max);
  if (window == OnnxWindow::kRows) sizes.push_back(fallback);
  if (window == OnnxWindow::kColumns) sizes.insert(sizes.begin(), fallback);
  return sizes;
}

Padding window_pads(const OnnxNode& node, OnnxWindow window) {
  const std::size_t count = window == OnnxWindow::kPlane ? 4 : 2;
  const auto pads = sizes_attribute(node, "pads", count, 0, 0, kMaxDimension);
  switch (window) {
    case OnnxWindow::kRows:
      return {pads[0], 0, pads[1], 0};
    case OnnxWindow::kColumns:
      return {0, pads[0], 0, pads[1]};
    case OnnxWindow::kPlane:
      break;
  }
  return {pads[0], pads[1], pads[2], pads[3]};
}

std::string_view auto_pad_of(const OnnxNode& node) {
  if (text_attribute(node, "auto_pad", "").empty()) return "NOTSET";
  return choice_attribute(node, "auto_pad", {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"});
}

void read_window_sizes(const OnnxNode& node, Layer& layer, OnnxWindow window) {
  if (node.find("kernel_shape") != nullptr) {
    const auto kernel = window_sizes(node, "kernel_shape", window, 1, 1, kMaxKernel);
    layer.kernel_height = kernel[0];
    layer.kernel_width = kernel[1];
  }
  const auto strides = window_sizes(node, "strides", window, 1, 1, kMaxStride);
  const auto dilations = window_sizes(node, "dilations", window, 1, 1, kMaxDilation);
  layer.dilation = {dilations[0], dilations[1]};
  layer.stride = {strides[0], strides[1]};
}

PaddingRule read_window(const OnnxNode& node, Layer& layer, const Shape& shape,
                        const Padding& around, OnnxWindow window) {
  read_window_sizes(node, layer, window);
  const std::int64_t height = shape.height + around.top + around.bottom;
  const std::int64_t width = shape.width + around.left + around.right;
  const std::int64_t extent_rows = layer.dilation.height * (layer.kernel_height - 1) + 1;
  const std::int64_t extent_columns = layer.dilation.width * (layer.kernel_width - 1) + 1;
  const std::string_view mode = auto_pad_of(node);
  Side rows;
  Side columns;
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const bool upper = mode == "SAME_UPPER";
    rows = same_zeros(height, extent_rows, layer.stride.height, upper);
    columns = same_zeros(width, extent_columns, layer.stride.width, upper);
  } else if (mode == "NOTSET") {
    const Padding pads = window_pads(node, window);
    rows = {pads.top, pads.bottom};
    columns = {pads.left, pads.right};
  }
  if (integer_attribute(node, "ceil_mode", 0) != 0) {
    rows.end = ceil_zeros(height, rows, extent_rows, layer.stride.height);
    columns.end = ceil_zeros(width, columns, extent_columns, layer.stride.width);
  }
  return PaddingRule::explicit_zeros({rows.begin + around.top, columns.begin + around.left,
                                      rows.end + around.bottom, columns.end + around.right});
}

}  // namespace tilewake
