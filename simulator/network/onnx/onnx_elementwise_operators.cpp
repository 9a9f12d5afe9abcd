// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

using Kind = ElementwiseStep::Kind;

ElementwiseStep activation_step(Activation activation) {
  ElementwiseStep step;
  step.activation = activation;
  return step;
}

void read_relu(OnnxValues& values, const OnnxNode& node) {
  values.define_step(node, 0, activation_step(Activation::kRelu));
}

void read_leaky_relu(OnnxValues& values, const OnnxNode& node) {
  values.define_step(node, 0, activation_step(Activation::kLeakyRelu));
}

void read_sigmoid(OnnxValues& values, const OnnxNode& node) {
  values.define_step(node, 0, activation_step(Activation::kSigmoid));
}

/// Whatever its slope, which changes values and no time.
void read_hard_sigmoid(OnnxValues& values, const OnnxNode& node) {
  values.define_step(node, 0, activation_step(Activation::kHsigmoid));
}

void read_hard_swish(OnnxValues& values, const OnnxNode& node) {
  values.define_step(node, 0, activation_step(Activation::kHswish));
}

double bound_of(OnnxValues& values, const OnnxNode& node, std::size_t input, const char* attribute,
                double fallback) {
  if (!OnnxValues::has_input(node, input)) return real_attribute(node, attribute, fallback);
  const OnnxConstant& bound = values.constant(node, input);
  if (!bound.has_values || !bound.is_scalar()) {
    throw InputError(fmt::format("clips to a {} that is not one known number", attribute));
  }
  return bound.values[0];
}

void read_clip(OnnxValues& values, const OnnxNode& node) {
  constexpr double kUnbounded = 1e30;  // the largest float stands for none, too
  const double min = bound_of(values, node, 1, "min", -std::numeric_limits<double>::infinity());
  const double max = bound_of(values, node, 2, "max", std::numeric_limits<double>::infinity());
  Activation activation = Activation::kNone;
  if (min == 0.0 && max >= kUnbounded) activation = Activation::kRelu;
  if (min == 0.0 && max == 6.0) activation = Activation::kRelu6;
  if (activation == Activation::kNone) {
    throw InputError(
        fmt::format("clips to {} .. {}; only 0 .. 6 (relu6) and 0 .. (relu) are known", min, max));
  }
  values.define_step(node, 0, activation_step(activation));
}

/// Whether a constant of `dims` meets a map as one value a channel, by ONNX's rules: dimensions are
/// aligned at the end.
bool is_per_channel(const Dims& dims, const OnnxValue& map, const Shape& shape) {
  const std::size_t rank = map.dims.size();
  if (rank < 2 || dims.size() > rank || map.dims[0] != 1 || map.dims[1] != shape.channels) {
    return false;
  }
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::size_t axis = rank - dims.size() + i;
    if (dims[i] != 1 && !(axis == 1 && dims[i] == shape.channels)) return false;
  }
  return true;
}

/// Add, Sub, Mul or Div of a map and a constant.
void read_affine(OnnxValues& values, const OnnxNode& node, std::size_t map_input) {
  const OnnxConstant& constant = values.constant(node, 1 - map_input);
  const OnnxValue& map = values.any(node, map_input);
  const bool is_factor = node.op == "Mul" || node.op == "Div";
  if (node.op == "Div" && map_input == 1) throw InputError("divides a constant by a map");
  const bool is_one = constant.is_scalar() && constant.dims.size() <= map.dims.size();
  if (!is_one && !is_per_channel(constant.dims, map, values.shape_of(map))) {
    throw InputError(
        fmt::format("takes a constant of {} to a map of {}; only one value, or one a "
                    "channel, is understood",
                    text_of(constant.dims), text_of(map.dims)));
  }
  ElementwiseStep step;
  step.kind = Kind::kAffine;
  step.has_shift = !is_factor;
  if (is_one && constant.has_values) {
    const double value = constant.values[0];
    if (!is_factor && map_input == 0) {
      step.kind = Kind::kShift;
      step.amount = node.op == "Sub" ? -value : value;
    } else if (!is_factor && node.op == "Add") {
      step.kind = Kind::kShift;
      step.amount = value;
    } else if (is_factor && value > 0.0) {
      step.kind = Kind::kScale;
    }
  }
  values.define_step(node, map_input, step);
}

/// Add or Mul of two maps of equal dims, or one of them C x 1 x 1.
void read_join(OnnxValues& values, const OnnxNode& node, Op op) {
  const OnnxValue a = values.map(node, 0);
  const OnnxValue b = values.map(node, 1);
  if (a.dims != b.dims) {  // then both must be maps
    values.image(node, 0);
    values.image(node, 1);
  }
  const bool is_vector = a.dims.size() == 2;
  const Shape& shape = values.shape_of(a);
  if (a.dims.size() != 4 && !(is_vector && a.dims == Dims{1, shape.channels})) {
    values.image(node, 0);  // refuses
  }
  if (a.dims.size() == 4) {
    values.image(node, 0);
    values.image(node, 1);
  }
  Layer layer;
  layer.op = op;
  values.define_layer(node, std::move(layer), {a, b}, PaddingRule::valid(), is_vector);
}

void read_binary(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.size() != 2) throw InputError("must have two inputs");
  const bool constants[] = {values.is_constant(node, 0), values.is_constant(node, 1)};
  if (constants[0] && constants[1]) {
    return values.define_constant(
        node, onnx_fold::arithmetic(node.op, values.constant(node, 0), values.constant(node, 1)));
  }
  if (constants[0] || constants[1]) return read_affine(values, node, constants[0] ? 1 : 0);
  if (node.op == "Mul") {
    if (values.define_gated(node, 0, 1) || values.define_gated(node, 1, 0)) return;
    return read_join(values, node, Op::kMul);
  }
  if (node.op == "Add") return read_join(values, node, Op::kAdd);
  throw InputError("of two computed maps is not known here; only their sum and product are");
}

void read_sum(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.size() != 2) {
    throw InputError(fmt::format("adds {} maps; write it as Adds of two", node.inputs.size()));
  }
  read_join(values, node, Op::kAdd);
}

void read_batch_normalization(OnnxValues& values, const OnnxNode& node) {
  if (integer_attribute(node, "training_mode", 0) != 0) throw InputError("is in training mode");
  if (integer_attribute(node, "spatial", 1) != 1) throw InputError("normalises every pixel alone");
  const OnnxValue& map = values.any(node, 0);
  if (map.constant != nullptr) throw InputError("a constant where a feature map is expected");
  const Shape& shape = values.shape_of(map);
  for (std::size_t i = 1; i <= 4; ++i) {
    const Dims& dims = values.constant(node, i).dims;
    if (map.dims.size() < 2 || map.dims[1] != shape.channels || dims != Dims{shape.channels}) {
      throw InputError(
          fmt::format("has parameters of {} for a map of {}", text_of(dims), text_of(map.dims)));
    }
  }
  ElementwiseStep step;
  step.kind = Kind::kAffine;
  step.has_shift = true;
  values.define_step(node, 0, step);
}

constexpr auto kElementwiseOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Relu", read_relu},
    {"LeakyRelu", read_leaky_relu},
    {"Sigmoid", read_sigmoid},
    {"HardSigmoid", read_hard_sigmoid},
    {"HardSwish", read_hard_swish},
    {"Clip", read_clip},
    {"Add", read_binary},
    {"Sub", read_binary},
    {"Mul", read_binary},
    {"Div", read_binary},
    {"Sum", read_sum},
    {"BatchNormalization", read_batch_normalization},
});

}  // namespace

OnnxOperator find_elementwise_operator(std::string_view op) {
  for (const auto& [name, read] : kElementwiseOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
