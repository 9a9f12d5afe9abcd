// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_patterns.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulator/network/onnx/onnx_node_index.hpp"

namespace tilewake {
namespace {

using Ops = std::initializer_list<std::string_view>;

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

  void merge_at(OnnxNode& node) {
    if (merge_norm_pattern(node, index_)) return;
    const std::string_view op = node.op;
    if (op == "Min" || op == "Max") {
      merge_clip(node);
      if (node.op == "Clip") merge_hard_sigmoid(node);
    } else if (op == "Clip") {
      merge_hard_sigmoid(node);
    } else if (op == "Log") {
      merge_softplus(node);
    } else if (op == "Reciprocal") {
      merge_sigmoid(node, 0);
    } else if (op == "Mul" || op == "Div") {
      if (node.inputs.size() != 2) return;
      if (op == "Div" && merge_sigmoid(node, 1)) return;
      if (!merge_gelu(node)) merge_mish(node);
    }
  }

  // --- Parts.

  /// `node` is an Add of `other` and 1.
  bool is_one_plus(const OnnxNode& node, std::string_view& other) const {
    const int at = index_.number_input(node);
    if (at < 0 || !index_.is_number_near(node.inputs[static_cast<std::size_t>(at)], 1.0))
      return false;
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
    return !is_new ||
           std::all_of(node->inputs.begin(), node->inputs.end(), [&](std::string_view input) {
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
      OnnxNode* inner =
          index_.num_uses(input) == 1 ? index_.made_by(input, {"Mul", "Div"}) : nullptr;
      if (inner != nullptr && (inner->op == "Mul" || index_.number_input(*inner) == 1)) {
        pattern.add(inner);
        if (!multiply_out(*inner, product, pattern, depth + 1)) return false;
      } else {
        product.factors.push_back(input);
      }
    }
    return product.factors.size() <= 2;
  }

  // --- Activations.

  /// min(max(x, low), high), in any order.
  void merge_clip(OnnxNode& last) {
    const int bound = index_.number_input(last);
    if (bound < 0) return;
    const std::string_view inner_op = last.op == "Min" ? "Max" : "Min";
    OnnxNode* inner = index_.made_by(last.inputs[static_cast<std::size_t>(1 - bound)], {inner_op});
    const int inner_bound = inner == nullptr ? -1 : index_.number_input(*inner);
    if (inner_bound < 0) return;
    OnnxPattern pattern(index_);
    pattern.add(inner);
    if (!pattern.is_closed()) return;
    std::string_view low = last.inputs[static_cast<std::size_t>(bound)];
    std::string_view high = inner->inputs[static_cast<std::size_t>(inner_bound)];
    if (last.op == "Min") std::swap(low, high);
    const std::string_view x = inner->inputs[static_cast<std::size_t>(1 - inner_bound)];
    pattern.replace(last, "Clip", {x, low, high});
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
      const int number = node == nullptr ? -1 : index_.number_input(*node);
      if (number < 0 || (node->op == "Div" && number == 0)) break;
      has_shift = has_shift || node->op == "Add";
      pattern.add(node);
      x = node->inputs[static_cast<std::size_t>(1 - number)];
    }
    if (has_shift && pattern.is_closed()) pattern.replace(last, "HardSigmoid", {x});
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
    if (pattern.is_closed()) pattern.replace(last, "Softplus", {exp->inputs[0]});
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
    if (divisor == 0 || index_.is_number_near(last.inputs[0], 1.0)) {
      pattern.replace(last, "Sigmoid", {x});
      return true;
    }
    if (last.inputs[0] != x) return false;
    OnnxPattern inner(index_);
    inner.add(exp);
    inner.add(neg);
    inner.replace(*add, "Sigmoid", {x});
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
        pattern.replace(last, "Gelu", {x});
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
    const int number = add == nullptr ? -1 : index_.number_input(*add);
    if (number < 0) return false;
    pattern.add(add);
    std::string_view inner = add->inputs[static_cast<std::size_t>(1 - number)];
    OnnxNode* half = index_.made_by(inner, {"Mul"});
    if (half != nullptr && index_.number_input(*half) >= 0) {
      pattern.add(half);
      inner = half->inputs[static_cast<std::size_t>(1 - index_.number_input(*half))];
    }
    OnnxNode* function = index_.made_by(inner, {"Erf", "Tanh"});
    if (function == nullptr || function->inputs.size() != 1) return false;
    pattern.add(function);
    const std::optional<double> shift =
        index_.number(add->inputs[static_cast<std::size_t>(number)]);
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
      if (pattern.is_closed()) return pattern.replace(last, "Mish", {x});
    }
  }

  OnnxModel& model_;
  OnnxNodeIndex index_;
};

}  // namespace

void merge_onnx_patterns(OnnxModel& model) { PatternMerger(model).merge(); }

}  // namespace tilewake
