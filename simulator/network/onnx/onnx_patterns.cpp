// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_patterns.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/network/onnx/onnx_node_index.hpp"

namespace tilewake {
namespace {

using Ops = std::initializer_list<std::string_view>;
using Axes = std::vector<std::int64_t>;

bool is_near(double value, double expected) {
  return std::abs(value - expected) <= 0.01 * std::abs(expected) + 1e-6;
}

OnnxAttribute integer_of(std::string_view name, std::int64_t value) {
  OnnxAttribute attribute;
  attribute.name = name;
  attribute.type = static_cast<int>(OnnxAttributeType::kInt);
  attribute.integer = value;
  return attribute;
}

OnnxAttribute integers_of_axes(const Axes& axes) {
  OnnxAttribute attribute;
  attribute.name = "axes";
  attribute.type = static_cast<int>(OnnxAttributeType::kInts);
  attribute.integers = axes;
  return attribute;
}

/// A matcher of patterns that end in one node. Nodes are visited in order, so that what a pattern
/// is made of has been merged before.
class PatternMerger {
 public:
  explicit PatternMerger(OnnxModel& model) : model_(model), index_(model) {}

  void merge() {
    for (OnnxNode& node : model_.nodes) {
      if (node.domain.empty() && !node.outputs.empty()) merge_at(node);
    }
    std::erase_if(model_.nodes, [](const OnnxNode& node) {
      return node.op.empty() && node.inputs.empty() && node.outputs.empty();
    });
  }

 private:
  /// A product of values; numbers are multiplied.
  struct Product {
    std::vector<std::string_view> factors;
    double constant = 1.0;
    bool is_known = true;  // of the constant
  };

  /// A value divided by its deviation.
  struct Norm {
    std::string_view x;
    std::string_view divided;  // by the deviation: x, or x minus its mean
    Axes axes;
    bool is_centred = false;
  };

  void merge_at(OnnxNode& node) {
    const std::string_view op = node.op;
    if (op == "Min" || op == "Max") {
      merge_clip(node);
    } else if (op == "Clip") {
      merge_hard_sigmoid(node);
    } else if (op == "Log") {
      merge_softplus(node);
    } else if (op == "Reciprocal") {
      merge_sigmoid(node, 0);
    } else if (op == "Add") {
      merge_fused_layer_norm(node);
    } else if (op == "InstanceNormalization") {
      merge_group_norm(node);
    } else if (op == "Mul" || op == "Div") {
      if (node.inputs.size() != 2) return;
      if (op == "Div" && merge_sigmoid(node, 1)) return;
      if (merge_softmax(node) || merge_norm(node) || merge_gelu(node)) return;
      merge_mish(node);
    }
  }

  // --- Parts.

  /// The only number among two inputs, and the other input; -1: not one.
  int number_input(const OnnxNode& node) const {
    if (node.inputs.size() != 2) return -1;
    const bool first = index_.is_number(node.inputs[0]);
    const bool second = index_.is_number(node.inputs[1]);
    return first == second ? -1 : first ? 0 : 1;
  }

  bool is_number_near(std::string_view value, double expected) const {
    if (!index_.is_number(value)) return false;
    const std::optional<double> number = index_.number(value);
    return !number || is_near(*number, expected);
  }

  /// `node` is an Add of `other` and 1.
  bool is_one_plus(const OnnxNode& node, std::string_view& other) const {
    const int at = number_input(node);
    if (at < 0 || !is_number_near(node.inputs[static_cast<std::size_t>(at)], 1.0)) return false;
    other = node.inputs[static_cast<std::size_t>(1 - at)];
    return true;
  }

  /// Whether `value` is computed from `x` and numbers by `ops` alone; their nodes join the pattern.
  bool depends_on_only(std::string_view value, std::string_view x, Ops ops, OnnxPattern& pattern,
                       int depth = 0) const {
    constexpr int kMaxDepth = 6;
    constexpr std::size_t kMaxNodes = 12;
    if (value == x) return true;
    if (index_.is_number(value)) return true;
    OnnxNode* node = index_.made_by(value, ops);
    if (node == nullptr || depth == kMaxDepth || pattern.size() > kMaxNodes) return false;
    const bool is_new = !pattern.contains(node);
    pattern.add(node);
    return !is_new || std::all_of(node->inputs.begin(), node->inputs.end(),
                                  [&](std::string_view input) {
                                    return depends_on_only(input, x, ops, pattern, depth + 1);
                                  });
  }

  /// Multiplies out what `node` gives, a Mul, or a Div by a number.
  bool multiply_out(const OnnxNode& node, Product& product, OnnxPattern& pattern,
                    int depth = 0) const {
    constexpr int kMaxDepth = 3;
    if (depth > kMaxDepth || node.inputs.size() != 2) return false;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string_view input = node.inputs[i];
      const bool divides = node.op == "Div" && i == 1;
      if (index_.is_number(input)) {
        const std::optional<double> number = index_.number(input);
        product.is_known = product.is_known && number;
        if (number) product.constant *= divides ? 1.0 / *number : *number;
        continue;
      }
      if (divides) return false;
      OnnxNode* inner = index_.num_uses(input) == 1 ? index_.made_by(input, {"Mul", "Div"}) : nullptr;
      if (inner != nullptr && (inner->op == "Mul" || number_input(*inner) == 1)) {
        pattern.add(inner);
        if (!multiply_out(*inner, product, pattern, depth + 1)) return false;
      } else {
        product.factors.push_back(input);
      }
    }
    return product.factors.size() <= 2;
  }

  std::optional<Axes> axes_of(const OnnxNode& reduction) const {
    if (const OnnxAttribute* keeps = reduction.find("keepdims"); keeps && keeps->integer == 0) {
      return std::nullopt;
    }
    if (const OnnxAttribute* axes = reduction.find("axes")) return axes->integers;
    if (reduction.inputs.size() < 2) return std::nullopt;
    return index_.integers(reduction.inputs[1]);
  }

  /// Makes `last` the only node of the pattern.
  static void replace(OnnxNode& last, OnnxPattern& pattern, std::string_view op,
                      std::vector<std::string_view> inputs,
                      std::vector<OnnxAttribute> attributes = {}) {
    pattern.remove();
    last.op = op;
    last.inputs = std::move(inputs);
    last.attributes = std::move(attributes);
  }

  // --- Activations.

  /// min(max(x, low), high), in any order.
  void merge_clip(OnnxNode& last) {
    const int bound = number_input(last);
    if (bound < 0) return;
    const std::string_view inner_op = last.op == "Min" ? "Max" : "Min";
    OnnxNode* inner = index_.made_by(last.inputs[static_cast<std::size_t>(1 - bound)], {inner_op});
    const int inner_bound = inner == nullptr ? -1 : number_input(*inner);
    if (inner_bound < 0) return;
    OnnxPattern pattern(index_);
    pattern.add(inner);
    if (!pattern.is_closed()) return;
    std::string_view low = last.inputs[static_cast<std::size_t>(bound)];
    std::string_view high = inner->inputs[static_cast<std::size_t>(inner_bound)];
    if (last.op == "Min") std::swap(low, high);
    const std::string_view x = inner->inputs[static_cast<std::size_t>(1 - inner_bound)];
    replace(last, pattern, "Clip", {x, low, high});
  }

  std::optional<double> bound_of(const OnnxNode& clip, std::size_t input,
                                 std::string_view attribute) const {
    if (input < clip.inputs.size() && !clip.inputs[input].empty()) {
      return index_.number(clip.inputs[input]);
    }
    const OnnxAttribute* bound = clip.find(attribute);
    if (bound == nullptr) return std::nullopt;
    return bound->real;
  }

  /// clip(a x + b, 0, 1).
  void merge_hard_sigmoid(OnnxNode& last) {
    const std::optional<double> low = bound_of(last, 1, "min");
    const std::optional<double> high = bound_of(last, 2, "max");
    if (last.inputs.empty() || !low || !high || *low != 0.0 || *high != 1.0) return;
    OnnxPattern pattern(index_);
    std::string_view x = last.inputs[0];
    bool has_shift = false;
    for (int i = 0; i < 3; ++i) {
      OnnxNode* node = index_.made_by(x, {"Add", "Mul", "Div"});
      const int number = node == nullptr ? -1 : number_input(*node);
      if (number < 0 || (node->op == "Div" && number == 0)) break;
      has_shift = has_shift || node->op == "Add";
      pattern.add(node);
      x = node->inputs[static_cast<std::size_t>(1 - number)];
    }
    if (has_shift && pattern.is_closed()) replace(last, pattern, "HardSigmoid", {x});
  }

  /// log(1 + exp(x)).
  void merge_softplus(OnnxNode& last) {
    OnnxNode* add = last.inputs.empty() ? nullptr : index_.made_by(last.inputs[0], {"Add"});
    std::string_view power;
    if (add == nullptr || !is_one_plus(*add, power)) return;
    OnnxNode* exp = index_.made_by(power, {"Exp"});
    if (exp == nullptr || exp->inputs.size() != 1) return;
    OnnxPattern pattern(index_);
    pattern.add(add);
    pattern.add(exp);
    if (pattern.is_closed()) replace(last, pattern, "Softplus", {exp->inputs[0]});
  }

  /// 1 / (1 + exp(-x)), or x / (1 + exp(-x)): then the Add becomes the Sigmoid.
  bool merge_sigmoid(OnnxNode& last, std::size_t divisor) {
    if (divisor >= last.inputs.size()) return false;
    OnnxNode* add = index_.made_by(last.inputs[divisor], {"Add"});
    std::string_view power;
    if (add == nullptr || !is_one_plus(*add, power)) return false;
    OnnxNode* exp = index_.made_by(power, {"Exp"});
    OnnxNode* neg =
        exp == nullptr || exp->inputs.empty() ? nullptr : index_.made_by(exp->inputs[0], {"Neg"});
    if (neg == nullptr || neg->inputs.empty()) return false;
    const std::string_view x = neg->inputs[0];
    OnnxPattern pattern(index_);
    pattern.add(add);
    pattern.add(exp);
    pattern.add(neg);
    if (!pattern.is_closed()) return false;
    if (divisor == 0 || is_number_near(last.inputs[0], 1.0)) {
      replace(last, pattern, "Sigmoid", {x});
      return true;
    }
    if (last.inputs[0] != x) return false;
    OnnxPattern inner(index_);
    inner.add(exp);
    inner.add(neg);
    replace(*add, inner, "Sigmoid", {x});
    last.op = "Mul";
    return true;
  }

  /// x (1 + erf(a x)) / 2, x (1 + tanh(polynomial of x)) / 2, x sigmoid(a x) with another a than 1.
  bool merge_gelu(OnnxNode& last) {
    Product product;
    OnnxPattern outer(index_);
    if (!multiply_out(last, product, outer) || product.factors.size() != 2) return false;
    for (std::size_t i = 0; i < 2; ++i) {
      OnnxPattern pattern = outer;
      const std::string_view x = product.factors[1 - i];
      if (merge_gate(product, product.factors[i], x, pattern) && pattern.is_closed()) {
        replace(last, pattern, "Gelu", {x});
        return true;
      }
    }
    return false;
  }

  bool merge_gate(const Product& product, std::string_view gate, std::string_view x,
                  OnnxPattern& pattern) const {
    OnnxNode* sigmoid = index_.made_by(gate, {"Sigmoid"});
    if (sigmoid != nullptr && !sigmoid->inputs.empty() && sigmoid->inputs[0] != x) {
      pattern.add(sigmoid);
      return product.is_known && is_near(product.constant, 1.0) &&
             depends_on_only(sigmoid->inputs[0], x, {"Mul", "Div"}, pattern);
    }
    OnnxNode* add = index_.made_by(gate, {"Add"});
    const int number = add == nullptr ? -1 : number_input(*add);
    if (number < 0) return false;
    pattern.add(add);
    std::string_view inner = add->inputs[static_cast<std::size_t>(1 - number)];
    OnnxNode* half = index_.made_by(inner, {"Mul"});
    if (half != nullptr && number_input(*half) >= 0) {
      pattern.add(half);
      inner = half->inputs[static_cast<std::size_t>(1 - number_input(*half))];
    }
    OnnxNode* function = index_.made_by(inner, {"Erf", "Tanh"});
    if (function == nullptr || function->inputs.size() != 1) return false;
    pattern.add(function);
    const std::optional<double> shift = index_.number(add->inputs[static_cast<std::size_t>(number)]);
    if (product.is_known && shift && !is_near(product.constant * *shift, 0.5)) return false;
    return function->inputs[0] != x &&
           depends_on_only(function->inputs[0], x, {"Mul", "Div", "Add", "Pow"}, pattern);
  }

  /// x tanh(softplus(x)).
  void merge_mish(OnnxNode& last) {
    if (last.op != "Mul") return;
    for (std::size_t i = 0; i < 2; ++i) {
      OnnxNode* tanh = index_.made_by(last.inputs[i], {"Tanh"});
      OnnxNode* softplus = tanh == nullptr || tanh->inputs.empty()
                               ? nullptr
                               : index_.made_by(tanh->inputs[0], {"Softplus"});
      const std::string_view x = last.inputs[1 - i];
      if (softplus == nullptr || softplus->inputs != std::vector{x}) continue;
      OnnxPattern pattern(index_);
      pattern.add(tanh);
      pattern.add(softplus);
      if (pattern.is_closed()) return replace(last, pattern, "Mish", {x});
    }
  }

  // --- Norms.

  /// exp(x) / sum(exp(x)), or with x less its maximum.
  bool merge_softmax(OnnxNode& last) {
    OnnxPattern pattern(index_);
    const std::string_view powers = last.inputs[0];
    std::string_view divisor = last.inputs[1];
    if (last.op == "Mul") {
      OnnxNode* reciprocal = index_.made_by(divisor, {"Reciprocal"});
      if (reciprocal == nullptr || reciprocal->inputs.empty()) return false;
      pattern.add(reciprocal);
      divisor = reciprocal->inputs[0];
    }
    OnnxNode* exp = index_.made_by(powers, {"Exp"});
    OnnxNode* sum = index_.made_by(divisor, {"ReduceSum"});
    if (exp == nullptr || sum == nullptr || exp->inputs.empty() || sum->inputs.empty() ||
        sum->inputs[0] != powers) {
      return false;
    }
    const std::optional<Axes> axes = axes_of(*sum);
    if (!axes || axes->size() != 1) return false;
    pattern.add(exp);
    pattern.add(exp);
    pattern.add(sum);
    std::string_view x = exp->inputs[0];
    OnnxNode* sub = index_.made_by(x, {"Sub"});
    if (sub != nullptr && sub->inputs.size() == 2) {
      OnnxNode* max = index_.made_by(sub->inputs[1], {"ReduceMax"});
      if (max != nullptr && !max->inputs.empty() && max->inputs[0] == sub->inputs[0] &&
          axes_of(*max) == axes) {
        x = sub->inputs[0];
        pattern.add(sub);
        pattern.add(max);
      }
    }
    if (!pattern.is_closed()) return false;
    replace(last, pattern, "Softmax", {x}, {integer_of("axis", axes->front())});
    return true;
  }

  /// The value under a square root, whose nodes join the pattern; empty: `value` is none.
  std::string_view under_root(std::string_view value, bool is_inverse, OnnxPattern& pattern) const {
    OnnxNode* node = index_.made_by(value, {"Sqrt", "Pow", "Reciprocal", "Div"});
    if (node == nullptr || node->inputs.empty()) return {};
    pattern.add(node);
    if (node->op == "Pow" && node->inputs.size() == 2) {
      return is_number_near(node->inputs[1], is_inverse ? -0.5 : 0.5) ? node->inputs[0]
                                                                      : std::string_view();
    }
    if (node->op == "Sqrt") return is_inverse ? std::string_view() : node->inputs[0];
    if (!is_inverse) return {};
    if (node->op == "Reciprocal") return under_root(node->inputs[0], false, pattern);
    if (node->op == "Div" && node->inputs.size() == 2 && is_number_near(node->inputs[0], 1.0)) {
      return under_root(node->inputs[1], false, pattern);
    }
    return {};
  }

  /// Whether `value` is what `x` is less its mean over `axes`.
  bool is_centred(std::string_view value, std::string_view& x, const Axes& axes,
                  OnnxPattern& pattern) const {
    OnnxNode* sub = index_.made_by(value, {"Sub"});
    if (sub == nullptr || sub->inputs.size() != 2) return false;
    OnnxNode* mean = index_.made_by(sub->inputs[1], {"ReduceMean"});
    if (mean == nullptr || mean->inputs.empty() || mean->inputs[0] != sub->inputs[0] ||
        axes_of(*mean) != axes) {
      return false;
    }
    x = sub->inputs[0];
    const bool is_new = !pattern.contains(sub);
    pattern.add(sub);
    if (is_new) pattern.add(mean);
    return true;
  }

  /// sqrt(mean(square) + epsilon), or its inverse: what is squared, and the axes of the mean.
  bool match_deviation(std::string_view value, bool is_inverse, Norm& norm,
                       OnnxPattern& pattern) const {
    const std::string_view root = under_root(value, is_inverse, pattern);
    OnnxNode* add = index_.made_by(root, {"Add"});
    const int epsilon = add == nullptr ? -1 : number_input(*add);
    if (epsilon < 0) return false;
    OnnxNode* mean =
        index_.made_by(add->inputs[static_cast<std::size_t>(1 - epsilon)], {"ReduceMean"});
    if (mean == nullptr || mean->inputs.empty()) return false;
    const std::optional<Axes> axes = axes_of(*mean);
    if (!axes || axes->empty()) return false;
    OnnxNode* square = index_.made_by(mean->inputs[0], {"Pow", "Mul"});
    if (square == nullptr || square->inputs.size() != 2) return false;
    const bool is_square = square->op == "Pow" ? is_number_near(square->inputs[1], 2.0)
                                               : square->inputs[0] == square->inputs[1];
    if (!is_square) return false;
    for (OnnxNode* node : {add, mean, square}) pattern.add(node);
    norm.axes = *axes;
    norm.divided = square->inputs[0];
    norm.is_centred = is_centred(norm.divided, norm.x, norm.axes, pattern);
    if (!norm.is_centred) norm.x = norm.divided;
    // The square reads it twice.
    OnnxNode* centred = norm.is_centred ? index_.made_by(norm.divided, {"Sub"}) : nullptr;
    if (centred != nullptr && square->op == "Mul") pattern.add(centred);
    return true;
  }

  /// (x - mean(x)) / deviation, or x / root of the mean square; then factors and shifts.
  bool merge_norm(OnnxNode& last) {
    for (const std::size_t at : {1U, 0U}) {
      if (at == 0 && last.op == "Div") return false;
      OnnxPattern pattern(index_);
      Norm norm;
      if (!match_deviation(last.inputs[at], last.op == "Mul", norm, pattern)) continue;
      const std::string_view divided = last.inputs[1 - at];
      std::string_view x = norm.x;
      if (norm.is_centred) {
        // The difference may be written twice, with one mean or two.
        if (!is_centred(divided, x, norm.axes, pattern) || x != norm.x) continue;
      } else if (divided != norm.x) {
        continue;
      }
      if (!pattern.is_closed()) continue;
      return finish_norm(last, norm, pattern);
    }
    return false;
  }

  /// Takes in a factor and a shift of every channel that follow, if any.
  OnnxNode* affine(OnnxNode* last, std::string_view op, std::string_view& parameter,
                   OnnxPattern& pattern) const {
    OnnxNode* next = index_.only_reader(last->outputs[0], {op});
    if (next == nullptr || next->inputs.size() != 2 || next->outputs.empty()) return last;
    const std::string_view other = next->inputs[next->inputs[0] == last->outputs[0] ? 1 : 0];
    if (index_.tensor(other) == nullptr || index_.is_number(other)) return last;
    parameter = other;
    pattern.add(last);
    return next;
  }

  bool finish_norm(OnnxNode& root, const Norm& norm, OnnxPattern& pattern) {
    std::string_view factor;
    std::string_view shift;
    OnnxNode* last = affine(&root, "Mul", factor, pattern);
    if (norm.is_centred && last != &root) last = affine(last, "Add", shift, pattern);
    std::vector<std::string_view> inputs = {norm.x};
    if (!factor.empty()) inputs.push_back(factor);
    if (!shift.empty()) inputs.push_back(shift);
    replace(*last, pattern, norm.is_centred ? "LayerNormalization" : "RMSNormalization",
            std::move(inputs), axes_attributes(norm.axes));
    return true;
  }

  /// The axis from which on is normalised; the axes, where it depends on the rank what these are.
  static std::vector<OnnxAttribute> axes_attributes(Axes axes) {
    std::sort(axes.begin(), axes.end());
    bool is_tail = true;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      is_tail = is_tail && axes[i] == static_cast<std::int64_t>(i) -
                                          static_cast<std::int64_t>(axes.size());
    }
    if (is_tail) return {integer_of("axis", axes.front())};
    return {integers_of_axes(axes)};
  }

  /// x a + (shift - mean(x) a) with a = factor / deviation, as TensorFlow writes layer norms.
  void merge_fused_layer_norm(OnnxNode& last) {
    for (std::size_t i = 0; i < 2 && last.inputs.size() == 2; ++i) {
      OnnxNode* scaled = index_.made_by(last.inputs[i], {"Mul"});
      OnnxNode* sub = index_.made_by(last.inputs[1 - i], {"Sub"});
      if (scaled == nullptr || sub == nullptr || scaled->inputs.size() != 2 ||
          sub->inputs.size() != 2 || index_.tensor(sub->inputs[0]) == nullptr) {
        continue;
      }
      OnnxNode* mean_scaled = index_.made_by(sub->inputs[1], {"Mul"});
      if (mean_scaled == nullptr || mean_scaled->inputs.size() != 2) continue;
      for (std::size_t j = 0; j < 2; ++j) {
        const std::string_view scale = scaled->inputs[j];
        OnnxNode* inverse = index_.made_by(scale, {"Mul"});
        const bool meets = scale == mean_scaled->inputs[0] || scale == mean_scaled->inputs[1];
        if (inverse == nullptr || !meets || inverse->inputs.size() != 2) continue;
        const std::size_t at = index_.tensor(inverse->inputs[0]) != nullptr ? 0 : 1;
        if (index_.tensor(inverse->inputs[at]) == nullptr) continue;
        OnnxPattern pattern(index_);
        for (OnnxNode* node : {scaled, sub, mean_scaled, inverse, inverse}) pattern.add(node);
        Norm norm;
        if (!match_deviation(inverse->inputs[1 - at], true, norm, pattern) || !norm.is_centred ||
            norm.x != scaled->inputs[1 - j]) {
          continue;
        }
        const std::string_view mean = mean_scaled->inputs[scale == mean_scaled->inputs[0] ? 1 : 0];
        OnnxNode* centred = index_.made_by(norm.divided, {"Sub"});
        if (mean != centred->inputs[1]) continue;
        pattern.add(index_.made_by(mean, {"ReduceMean"}));
        if (!pattern.is_closed()) continue;
        return replace(last, pattern, "LayerNormalization",
                       {norm.x, inverse->inputs[at], sub->inputs[0]}, axes_attributes(norm.axes));
      }
    }
  }

  /// An InstanceNormalization of channels reshaped to groups, and reshaped back.
  void merge_group_norm(OnnxNode& norm) {
    if (norm.inputs.size() != 3) return;
    const OnnxTensor* scale = index_.tensor(norm.inputs[1]);
    OnnxNode* before = index_.made_by(norm.inputs[0], {"Reshape"});
    OnnxNode* after = index_.only_reader(norm.outputs[0], {"Reshape"});
    if (scale == nullptr || scale->dims.size() != 1 || before == nullptr || after == nullptr ||
        before->inputs.size() != 2 || after->inputs.size() != 2 || after->outputs.empty()) {
      return;
    }
    const std::int64_t num_groups = scale->dims[0];
    const std::string_view x = before->inputs[0];
    if (num_groups < 1 || !is_shape_of(after->inputs[1], x, num_groups)) return;
    const auto grouped = index_.integers(before->inputs[1]);
    if (!grouped || grouped->size() < 3 || (*grouped)[1] != num_groups) return;
    OnnxPattern pattern(index_);
    pattern.add(before);
    if (!pattern.is_closed()) return;
    pattern.add(&norm);
    std::string_view factor = norm.inputs[1];
    std::string_view shift = norm.inputs[2];
    OnnxNode* last = affine(after, "Mul", factor, pattern);
    if (last != after) last = affine(last, "Add", shift, pattern);
    replace(*last, pattern, "GroupNormalization", {x, factor, shift},
            {integer_of("num_groups", num_groups)});
  }

  /// Whether a Reshape to `shape` gives the dims of `x`, a map of channels in groups.
  bool is_shape_of(std::string_view shape, std::string_view x, std::int64_t num_groups) const {
    const OnnxNode* node = index_.made_by(shape, {"Shape"});
    if (node != nullptr) return node->inputs == std::vector{x};
    const auto sizes = index_.integers(shape);
    return sizes && sizes->size() >= 3 && (*sizes)[1] > 0 && (*sizes)[1] % num_groups == 0;
  }

  OnnxModel& model_;
  OnnxNodeIndex index_;
};

}  // namespace

void merge_onnx_patterns(OnnxModel& model) { PatternMerger(model).merge(); }

}  // namespace tilewake
