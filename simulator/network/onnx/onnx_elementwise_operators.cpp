// SPDX-License-Identifier: Apache-2.0
// Activations, and arithmetic on maps.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
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

/// Operators whose parameters change values and no time.
constexpr auto kActivations = std::to_array<std::pair<std::string_view, Activation>>({
    {"Relu", Activation::kRelu},
    {"LeakyRelu", Activation::kLeakyRelu},
    {"QLinearLeakyRelu", Activation::kLeakyRelu},
    {"ThresholdedRelu", Activation::kRelu},
    {"Shrink", Activation::kClip},
    {"Sigmoid", Activation::kSigmoid},
    {"QLinearSigmoid", Activation::kSigmoid},
    {"HardSigmoid", Activation::kHsigmoid},
    {"HardSwish", Activation::kHswish},
    {"Swish", Activation::kSwish},
    {"QuickGelu", Activation::kSwish},
    {"Tanh", Activation::kTanh},
    {"Elu", Activation::kElu},
    {"Selu", Activation::kElu},
    {"Celu", Activation::kElu},
    {"Gelu", Activation::kGelu},
    {"Mish", Activation::kMish},
    {"Softplus", Activation::kSoftplus},
    {"Softsign", Activation::kSqrt},
    {"Erf", Activation::kErf},
    {"Exp", Activation::kExp},
    {"Log", Activation::kSqrt},
    {"Sqrt", Activation::kSqrt},
    {"Reciprocal", Activation::kSqrt},
    {"Sin", Activation::kErf},
    {"Cos", Activation::kErf},
    {"Atan", Activation::kErf},
    {"Asin", Activation::kErf},
    {"Acos", Activation::kErf},
    {"Tan", Activation::kErf},
    {"Sinh", Activation::kTanh},
    {"Cosh", Activation::kTanh},
    {"Abs", Activation::kClip},
    {"Neg", Activation::kClip},
    {"Sign", Activation::kClip},
    {"Floor", Activation::kClip},
    {"Ceil", Activation::kClip},
    {"Round", Activation::kClip},
    {"Not", Activation::kClip},
    {"IsNaN", Activation::kClip},
    {"IsInf", Activation::kClip},
});

void read_activation(OnnxValues& values, const OnnxNode& node) {
  if (values.is_constant(node, 0)) {
    return values.define_constant(node, onnx_fold::unary(node.op, values.constant(node, 0)));
  }
  if (node.op == "Gelu") choice_attribute(node, "approximate", {"none", "tanh"});
  for (const auto& [name, activation] : kActivations) {
    if (name == node.op) return values.define_step(node, 0, activation_step(activation));
  }
}

double bound_of(OnnxValues& values, const OnnxNode& node, std::size_t input, const char* attribute,
                double fallback) {
  if (!OnnxValues::has_input(node, input)) return real_attribute(node, attribute, fallback);
  const OnnxConstant& bound = values.constant(node, input);
  if (bound.num_elements() == 0) return fallback;
  return bound.has_values ? bound.values[0] : std::nan("");
}

/// Bounds that the network computes: the larger of two maps, then the smaller.
void read_clip_to_maps(OnnxValues& values, const OnnxNode& node) {
  std::string_view from = node.inputs.at(0);
  const bool has_max = OnnxValues::has_input(node, 2);
  for (const std::size_t bound : {1U, 2U}) {
    if (!OnnxValues::has_input(node, bound)) continue;
    OnnxNode part;
    part.name = node.name;
    part.label = values.keep_text(text_of(node));
    part.op = bound == 1 ? "Max" : "Min";
    part.inputs = {from, node.inputs[bound]};
    const bool is_last = bound == 2 || !has_max;
    from = is_last ? node.outputs.at(0)
                   : values.keep_text(std::string(node.outputs.at(0)) + ".raised");
    if (!is_last) values.add_uses(from, 1);
    part.outputs = {from};
    find_elementwise_operator(part.op)(values, values.keep(std::move(part)));
  }
}

void read_clip(OnnxValues& values, const OnnxNode& node) {
  for (const std::size_t bound : {1U, 2U}) {
    if (OnnxValues::has_input(node, bound) && !values.is_constant(node, bound)) {
      return read_clip_to_maps(values, node);
    }
  }
  constexpr double kUnbounded = 1e30;  // the largest float stands for none, too
  const double min = bound_of(values, node, 1, "min", -std::numeric_limits<double>::infinity());
  const double max = bound_of(values, node, 2, "max", std::numeric_limits<double>::infinity());
  if (values.is_constant(node, 0)) {
    OnnxConstant constant = values.constant(node, 0);
    if (constant.has_values) {
      for (double& value : constant.values) value = std::min(std::max(value, min), max);
    }
    constant.origin = -1;
    return values.define_constant(node, std::move(constant));
  }
  Activation activation = Activation::kClip;
  if (min == 0.0 && max >= kUnbounded) activation = Activation::kRelu;
  if (min == 0.0 && max == 6.0) activation = Activation::kRelu6;
  if (min <= -kUnbounded && max >= kUnbounded) {
    return values.define_same(node, values.any(node, 0));
  }
  values.define_step(node, 0, activation_step(activation));
}

/// Slopes of every channel.
void read_prelu(OnnxValues& values, const OnnxNode& node) {
  const Dims dims = values.dims(node, 0);
  check_parameter(values, node, 1, dims);
  const bool is_one = values.constant(node, 1).is_scalar() && dims.size() > 1 && dims[1] > 1;
  values.define_step(node, 0,
                     activation_step(is_one ? Activation::kLeakyRelu : Activation::kPrelu));
}

/// Whether a constant of `dims` meets a map as one value a channel, by ONNX's rules: dimensions are
/// aligned at the end.
bool is_per_channel(const Dims& dims, const OnnxValue& map, const Shape& shape) {
  const std::size_t rank = map.dims.size();
  if (dims.size() > rank) return false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::size_t axis = rank - dims.size() + i;
    if (dims[i] == 1) continue;
    if (dims[i] != map.dims[axis]) return false;
    for (const OnnxFactor& factor : map.view[axis]) {
      if (factor.stride < shape.height * shape.width) return false;
    }
  }
  return true;
}

Op join_op(std::string_view op) {
  if (op == "Mul" || op == "And" || op == "Or" || op == "Xor" || op == "BitShift") return Op::kMul;
  if (op == "Sub") return Op::kSub;
  if (op == "Div" || op == "Mod" || op == "Pow") return Op::kDiv;
  if (op == "Add") return Op::kAdd;
  return Op::kMaximum;  // the larger, the smaller, comparisons
}

/// Arithmetic on a map and a constant of one value, or of one a channel. False: neither.
bool read_affine(OnnxValues& values, const OnnxNode& node, std::size_t map_input) {
  const OnnxConstant& constant = values.constant(node, 1 - map_input);
  const OnnxValue& map = values.any(node, map_input);
  const bool is_one = constant.is_scalar() && constant.dims.size() <= map.dims.size();
  if (map.pad != nullptr) values.map(node, map_input);
  if (!is_one && !is_per_channel(constant.dims, map, values.shape_of(map))) return false;
  const std::string_view op = node.op;
  ElementwiseStep step;
  if (op != "Add" && op != "Sub" && op != "Mul" && op != "Div") {
    step.activation = op == "Pow" || op == "Mod" ? Activation::kSqrt : Activation::kClip;
    const bool is_relu = op == "Max" && is_one && constant.has_values && constant.values[0] == 0.0;
    if (is_relu) step.activation = Activation::kRelu;
    values.define_step(node, map_input, step);
    return true;
  }
  if (op == "Div" && map_input == 1) {  // a reciprocal, scaled
    step.activation = Activation::kSqrt;
    values.define_step(node, map_input, step);
    return true;
  }
  const bool is_factor = op == "Mul" || op == "Div";
  step.kind = Kind::kAffine;
  step.has_shift = !is_factor;
  step.has_factor = is_factor;
  step.origin = constant.origin;
  if (is_one && constant.has_values) {
    const double value = constant.values[0];
    if (!is_factor && map_input == 0) {
      step.kind = Kind::kShift;
      step.amount = op == "Sub" ? -value : value;
    } else if (!is_factor && op == "Add") {
      step.kind = Kind::kShift;
      step.amount = value;
    } else if (is_factor && value > 0.0) {
      step.kind = Kind::kScale;
    }
  }
  values.define_step(node, map_input, step);
  return true;
}

/// An operand of a join, aligned to the dims of the result; what it lacks is repeated.
OnnxView aligned(const OnnxView& view, const Dims& dims) {
  OnnxView result = view;
  while (result.size() < dims.size()) result.insert(result.begin(), OnnxDim{});
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (size_of(result[i]) != dims[i]) result[i] = {{dims[i], 0}};
  }
  return result;
}

/// Factors of two operands that belong together.
struct FactorPair {
  OnnxFactor a;
  OnnxFactor b;
};

class Join {
 public:
  Join(OnnxValues& values, const OnnxNode& node, Op op) : values_(values), node_(node), op_(op) {}

  /// Both have the same dims, or the smaller one lacks some.
  OnnxValue of(OnnxValue a, OnnxValue b) {
    const Dims dims = broadcast_dims(a.dims, b.dims);
    a.set_view(aligned(a.view, dims));
    b.set_view(aligned(b.view, dims));
    OnnxView outer(dims.size());  // repeated in both: neither needs it
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (!repeats({a.view[i]}) || !repeats({b.view[i]}) || a.view[i] != b.view[i]) continue;
      std::swap(outer[i], a.view[i]);
      b.view[i].clear();
    }
    a.set_view(a.view);
    b.set_view(b.view);
    if (repeats(a.view) && repeats(b.view)) {
      const bool is_first = values_.shape_of(a).num_elements() < values_.shape_of(b).num_elements();
      (is_first ? a : b) = values_.unrepeated(node_, is_first ? a : b);
    }
    OnnxValue result = repeats(a.view)   ? joined_with_small(a, b, true)
                       : repeats(b.view) ? joined_with_small(b, a, false)
                                         : joined_alike(a, b);
    OnnxView view = result.view;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (!outer[i].empty()) view[i] = outer[i];
    }
    result.set_view(std::move(view));
    return result;
  }

 private:
  /// Splits the dims of both alike; `b` is copied where that is not possible.
  void split(OnnxValue& a, OnnxValue& b) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      OnnxView view_a = a.view;
      OnnxView view_b = b.view;
      bool is_alike = true;
      for (std::size_t i = 0; i < view_a.size() && is_alike; ++i) {
        is_alike = split_alike(view_a[i], view_b[i]);
      }
      if (is_alike) {
        a.view = std::move(view_a);
        b.view = std::move(view_b);
        return;
      }
      OnnxValue& full = repeats(b.view) ? a : b;
      full = values_.arranged(node_, full, {}, joined(full.view));
    }
    throw InputError(
        fmt::format("takes maps of {} and {}, whose elements are in orders that do "
                    "not fit together",
                    text_of(a.dims), text_of(b.dims)));
  }

  /// Pairs by the order of the first operand's elements.
  static std::vector<FactorPair> pairs_of(const OnnxView& a, const OnnxView& b) {
    std::vector<FactorPair> pairs;
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (std::size_t j = 0; j < a[i].size(); ++j) pairs.push_back({a[i][j], b[i][j]});
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const FactorPair& x, const FactorPair& y) { return x.a.stride > y.a.stride; });
    return pairs;
  }

  static Axis axis_at(const OnnxFactor& factor, const Shape& shape) {
    return factor.stride >= shape.height * shape.width ? Axis::kChannels
           : factor.stride >= shape.width              ? Axis::kRows
                                                       : Axis::kColumns;
  }

  /// `small` in the order of `large`, whose factors it may lack.
  OnnxValue matched(const OnnxValue& small, const std::vector<FactorPair>& pairs,
                    const Shape& large) {
    OnnxDim dims[3];
    for (const FactorPair& pair : pairs) {
      if (pair.b.stride != 0) {
        append(dims[static_cast<std::size_t>(axis_at(pair.a, large))], pair.b);
      }
    }
    OnnxValue plain = small;  // without repeats: they are in no list
    for (OnnxDim& dim : plain.view) {
      std::erase_if(dim, [](const OnnxFactor& factor) { return factor.stride == 0; });
    }
    return values_.arranged(node_, plain, dims[0], dims[1], dims[2]);
  }

  OnnxValue add(const OnnxValue& a, const OnnxValue& b, const OnnxView& view) {
    Layer layer;
    layer.op = op_;
    return values_.make_layer(node_, std::move(layer), {a, b}, PaddingRule::valid(), view);
  }

  OnnxValue joined_alike(OnnxValue a, OnnxValue b) {
    split(a, b);
    a = values_.edged(node_, a);
    split(a, b);
    const OnnxValue other = matched(b, pairs_of(a.view, b.view), values_.shape_of(a));
    return add(a, other, a.view);
  }

  /// Whether what `pairs` lack is the outermost of the channels, and all rows or columns or none.
  static bool can_repeat(const std::vector<FactorPair>& pairs, const Shape& large) {
    bool has[3] = {false, false, false};
    bool lacks[3] = {false, false, false};
    for (const FactorPair& pair : pairs) {
      const auto at = static_cast<std::size_t>(axis_at(pair.a, large));
      if (pair.b.stride == 0 && at == 0 && has[0]) return false;
      (pair.b.stride == 0 ? lacks : has)[at] = true;
    }
    return !(has[1] && lacks[1]) && !(has[2] && lacks[2]);
  }

  /// `small` lacks factors of `large`.
  OnnxValue joined_with_small(OnnxValue small, OnnxValue large, bool small_first) {
    split(large, small);
    large = values_.edged(node_, large);
    split(large, small);
    std::vector<FactorPair> pairs = pairs_of(large.view, small.view);
    if (!can_repeat(pairs, values_.shape_of(large))) {
      OnnxDim channels;
      OnnxDim pixels;
      for (const FactorPair& pair : pairs) {
        if (pair.b.stride == 0) append(channels, pair.a);
      }
      for (const FactorPair& pair : pairs) {
        if (pair.b.stride == 0) continue;
        append(axis_at(pair.a, values_.shape_of(large)) == Axis::kChannels ? channels : pixels,
               pair.a);
      }
      large = values_.edged(node_, values_.arranged(node_, large, channels, pixels));
      split(large, small);
      pairs = pairs_of(large.view, small.view);
    }
    const OnnxValue other = matched(small, pairs, values_.shape_of(large));
    return small_first ? add(other, large, large.view) : add(large, other, large.view);
  }

  OnnxValues& values_;
  const OnnxNode& node_;
  Op op_;
};

/// A constant that meets a map, as a layer.
OnnxValue join_constant(OnnxValues& values, const OnnxNode& node, Op op, std::size_t map_input,
                        std::size_t constant_input) {
  OnnxValue map = values.repeated_map(node, map_input);
  Dims dims = values.constant(node, constant_input).dims;
  if (dims.size() == map.dims.size() && map.dims[0] == 1) {
    dims = values.for_one_image(values.constant(node, constant_input), /*must_know=*/false);
  }
  const Dims all = broadcast_dims(map.dims, dims);
  const bool is_small = num_elements_of(all) == num_elements_of(map.dims) && !repeats(map.view);
  Join join(values, node, op);
  if (!is_small) {
    const OnnxValue constant = values.map_or_constant(node, constant_input);
    return map_input < constant_input ? join.of(map, constant) : join.of(constant, map);
  }
  // Stored as the map is: rows, columns and the innermost channels that it has.
  map = values.edged(node, map);
  OnnxView view = map.view;
  view.insert(view.begin(), all.size() - view.size(), OnnxDim{});
  const Shape shape = values.shape_of(map);
  const std::size_t lacking = all.size() - dims.size();
  Shape stored = {1, 1, 1};
  bool fits = true;
  std::vector<std::pair<OnnxFactor, bool>> factors;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool has = i >= lacking && dims[i - lacking] == all[i];
    for (const OnnxFactor& factor : view[i]) factors.emplace_back(factor, has);
  }
  std::sort(factors.begin(), factors.end(),
            [](const auto& a, const auto& b) { return a.first.stride > b.first.stride; });
  bool has_row = false;
  bool lacks_row = false;
  bool has_column = false;
  bool lacks_column = false;
  for (const auto& [factor, has] : factors) {
    const bool is_channel = factor.stride >= shape.height * shape.width;
    const bool is_row = !is_channel && factor.stride >= shape.width;
    if (is_channel && !has && stored.channels > 1) fits = false;
    if (is_row) (has ? has_row : lacks_row) = true;
    if (!is_channel && !is_row) (has ? has_column : lacks_column) = true;
    if (!has) continue;
    (is_channel ? stored.channels : is_row ? stored.height : stored.width) *= factor.size;
  }
  // Otherwise the parameters are stored repeated, which is cheaper than another order of the map.
  if (!fits || (has_row && lacks_row) || (has_column && lacks_column)) stored = shape;
  const OnnxValue constant = values.constant_layer(node, constant_input, stored);
  Layer layer;
  layer.op = op;
  const auto operands = map_input < constant_input ? std::vector<OnnxValue>{map, constant}
                                                   : std::vector<OnnxValue>{constant, map};
  return values.make_layer(node, std::move(layer), operands, PaddingRule::valid(), view);
}

void read_binary(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.size() != 2) throw InputError("must have two inputs");
  const bool constants[] = {values.is_constant(node, 0), values.is_constant(node, 1)};
  if (constants[0] && constants[1]) {
    return values.define_constant(
        node, onnx_fold::arithmetic(node.op, values.constant(node, 0), values.constant(node, 1)));
  }
  const bool is_layer = has_hint(node, join_op(node.op));
  if (!is_layer && (constants[0] || constants[1])) {
    if (read_affine(values, node, constants[0] ? 1 : 0)) return;
  }
  if (!is_layer && node.op == "Mul" &&
      (values.define_gated(node, 0, 1) || values.define_gated(node, 1, 0))) {
    return;
  }
  read_join(values, node, join_op(node.op));
}

/// Sum, Mean, Max and Min of any number of inputs: a chain.
void read_chain(OnnxValues& values, const OnnxNode& node) {
  const std::string_view op = node.op == "Sum" || node.op == "Mean" ? "Add" : node.op;
  if (node.inputs.empty()) throw InputError("has no inputs");
  if (node.inputs.size() == 1) {
    if (values.is_constant(node, 0)) return values.define_constant(node, values.constant(node, 0));
    return values.define_same(node, values.any(node, 0));
  }
  OnnxNode link = node;
  link.op = op;
  link.label = values.keep_text(text_of(node));
  link.inputs.clear();  // there may be many
  std::string_view sum = node.inputs[0];
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const bool is_last = i + 1 == node.inputs.size();
    OnnxNode part = link;
    part.inputs = {sum, node.inputs[i]};
    if (!is_last) {
      sum = values.keep_text(std::string(node.outputs.at(0)) + ".part" + std::to_string(i));
      part.outputs = {sum};
      values.add_uses(sum, 1);
    }
    read_binary(values, values.keep(std::move(part)));
  }
}

/// Chooses between two maps: work on every element, like a maximum. A constant of one value is no
/// operand.
void read_where(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.size() != 3) throw InputError("must have three inputs");
  std::vector<std::size_t> operands;
  Dims dims;
  bool all_constant = true;
  for (std::size_t i = 0; i < 3; ++i) {
    const bool is_constant = values.is_constant(node, i);
    dims = broadcast_dims(dims, values.dims(node, i));
    all_constant = all_constant && is_constant;
    if (!is_constant || !values.constant(node, i).is_scalar()) operands.push_back(i);
  }
  if (all_constant) {
    return values.define_constant(
        node, onnx_fold::where(values.constant(node, 0), values.constant(node, 1),
                               values.constant(node, 2)));
  }
  const OnnxConstant* choice = values.is_constant(node, 0) ? &values.constant(node, 0) : nullptr;
  if (choice != nullptr && choice->is_scalar() && choice->has_values) {
    const std::size_t chosen = choice->values[0] != 0.0 ? 1 : 2;
    if (!values.is_constant(node, chosen) && values.dims(node, chosen) == dims) {
      OnnxValue value = values.map(node, chosen);
      value.is_exclusive = false;
      return values.define(node.outputs.at(0), std::move(value));
    }
  }
  if (operands.size() == 1) {
    return values.define_step(node, operands[0], activation_step(Activation::kClip));
  }
  std::vector<std::string_view> inputs;
  for (const std::size_t operand : operands) inputs.push_back(node.inputs[operand]);
  OnnxNode chain = node;
  chain.op = "Max";
  chain.label = values.keep_text(text_of(node));
  chain.inputs = std::move(inputs);
  // Constants here are maps, not bounds.
  std::string_view result = chain.inputs[0];
  for (std::size_t i = 1; i < chain.inputs.size(); ++i) {
    OnnxNode part = chain;
    part.inputs = {result, chain.inputs[i]};
    if (i + 1 < chain.inputs.size()) {
      result = values.keep_text(std::string(node.outputs.at(0)) + ".part" + std::to_string(i));
      part.outputs = {result};
      values.add_uses(result, 1);
    }
    const OnnxNode& kept = values.keep(std::move(part));
    if (values.is_constant(kept, 0) && values.is_constant(kept, 1)) {
      values.define_constant(
          kept, onnx_fold::arithmetic("Max", values.constant(kept, 0), values.constant(kept, 1)));
    } else {
      read_join(values, kept, Op::kMaximum);
    }
  }
}

void read_batch_normalization(OnnxValues& values, const OnnxNode& node) {
  if (integer_attribute(node, "training_mode", 0) != 0) throw InputError("is in training mode");
  if (integer_attribute(node, "spatial", 1) != 1) throw InputError("normalises every pixel alone");
  if (values.any(node, 0).pad != nullptr) values.map(node, 0);
  const OnnxValue& map = values.any(node, 0);
  if (map.constant != nullptr) throw InputError("a constant where a feature map is expected");
  for (std::size_t i = 1; i <= 4; ++i) {
    const Dims& dims = values.constant(node, i).dims;
    if (map.dims.size() < 2 || dims != Dims{map.dims[1]}) {
      throw InputError(
          fmt::format("has parameters of {} for a map of {}", text_of(dims), text_of(map.dims)));
    }
  }
  const Shape& shape = values.shape_of(map);
  const bool is_of_channels = std::all_of(
      map.view[1].begin(), map.view[1].end(),
      [&](const OnnxFactor& factor) { return factor.stride >= shape.height * shape.width; });
  if (!is_of_channels) {
    OnnxValue moved = values.map(node, 0);
    moved = values.with_channels(node, moved, moved.view[1], /*any_order=*/false);
    values.any(node, 0) = moved;
  }
  ElementwiseStep step;
  step.kind = Kind::kAffine;
  step.has_shift = true;
  step.has_factor = true;
  step.origin = values.origin_of(node, 1);
  values.define_step(node, 0, step);
}

constexpr auto kElementwiseOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Clip", read_clip},      {"PRelu", read_prelu},
    {"Add", read_binary},     {"Sub", read_binary},
    {"Mul", read_binary},     {"Div", read_binary},
    {"Pow", read_binary},     {"Mod", read_binary},
    {"And", read_binary},     {"Or", read_binary},
    {"Xor", read_binary},     {"Equal", read_binary},
    {"Greater", read_binary}, {"GreaterOrEqual", read_binary},
    {"Less", read_binary},    {"LessOrEqual", read_binary},
    {"Sum", read_chain},      {"Mean", read_chain},
    {"Max", read_chain},      {"Min", read_chain},
    {"Where", read_where},    {"BatchNormalization", read_batch_normalization},
});

}  // namespace

OnnxOperator find_elementwise_operator(std::string_view op) {
  for (const auto& [name, read] : kElementwiseOperators) {
    if (name == op) return read;
  }
  for (const auto& [name, activation] : kActivations) {
    if (name == op) return read_activation;
  }
  return nullptr;
}

Dims broadcast_dims(const Dims& a, const Dims& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Dims dims(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t in_a = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const std::int64_t in_b = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (in_a != in_b && in_a != 1 && in_b != 1) {
      throw InputError(
          fmt::format("inputs: shapes {} and {} do not fit together", text_of(a), text_of(b)));
    }
    dims[i] = in_a == 1 ? in_b : in_a;
  }
  num_elements_of(dims);
  return dims;
}

void read_join(OnnxValues& values, const OnnxNode& node, Op op, std::size_t a, std::size_t b) {
  OnnxValue result;
  if (values.is_constant(node, b)) {
    result = join_constant(values, node, op, a, b);
  } else if (values.is_constant(node, a)) {
    result = join_constant(values, node, op, b, a);
  } else {
    const OnnxValue first = values.repeated_map(node, a);
    const OnnxValue second = values.repeated_map(node, b);
    result = Join(values, node, op).of(first, second);
  }
  values.define(node.outputs.at(0), std::move(result));
}

}  // namespace tilewake
