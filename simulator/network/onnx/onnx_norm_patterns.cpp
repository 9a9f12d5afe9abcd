// SPDX-License-Identifier: Apache-2.0
// Norms and softmax that are written as several nodes.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "simulator/network/onnx/onnx_node_index.hpp"

namespace tilewake {
namespace {

using Axes = std::vector<std::int64_t>;

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

/// A matcher of norms that end in one node.
class NormMerger {
 public:
  explicit NormMerger(const OnnxNodeIndex& index) : index_(index) {}

  bool merge_at(OnnxNode& last) const {
    if (last.op == "Add") return merge_fused_layer_norm(last);
    if (last.op == "InstanceNormalization") return merge_group_norm(last);
    if ((last.op != "Mul" && last.op != "Div") || last.inputs.size() != 2) return false;
    return merge_softmax(last) || merge_norm(last) || merge_l2_norm(last);
  }

 private:
  /// A value divided by its deviation.
  struct Norm {
    std::string_view x;
    std::string_view divided;  // by the deviation: x, or x minus its mean
    Axes axes;
    bool is_centred = false;
  };

  /// exp(x) / sum(exp(x)), or with x less its maximum.
  bool merge_softmax(OnnxNode& last) const {
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
    const std::optional<Axes> axes = index_.reduced_axes(*sum);
    if (!axes || axes->size() != 1) return false;
    pattern.add(exp);
    pattern.add(exp);
    pattern.add(sum);
    std::string_view x = exp->inputs[0];
    OnnxNode* sub = index_.made_by(x, {"Sub"});
    if (sub != nullptr && sub->inputs.size() == 2) {
      OnnxNode* max = index_.made_by(sub->inputs[1], {"ReduceMax"});
      if (max != nullptr && !max->inputs.empty() && max->inputs[0] == sub->inputs[0] &&
          index_.reduced_axes(*max) == axes) {
        x = sub->inputs[0];
        pattern.add(sub);
        pattern.add(max);
      }
    }
    if (!pattern.is_closed()) return false;
    pattern.replace(last, "Softmax", {x}, {integer_of("axis", axes->front())});
    return true;
  }

  /// The value under a square root, whose nodes join the pattern; empty: `value` is none.
  std::string_view under_root(std::string_view value, bool is_inverse, OnnxPattern& pattern) const {
    OnnxNode* node = index_.made_by(value, {"Sqrt", "Pow", "Reciprocal", "Div"});
    if (node == nullptr || node->inputs.empty()) return {};
    pattern.add(node);
    if (node->op == "Pow" && node->inputs.size() == 2) {
      return index_.is_number_near(node->inputs[1], is_inverse ? -0.5 : 0.5) ? node->inputs[0]
                                                                             : std::string_view();
    }
    if (node->op == "Sqrt") return is_inverse ? std::string_view() : node->inputs[0];
    if (!is_inverse) return {};
    if (node->op == "Reciprocal") return under_root(node->inputs[0], false, pattern);
    if (node->op == "Div" && node->inputs.size() == 2 &&
        index_.is_number_near(node->inputs[0], 1.0)) {
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
        index_.reduced_axes(*mean) != axes) {
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
    const int epsilon = add == nullptr ? -1 : index_.number_input(*add);
    if (epsilon < 0) return false;
    OnnxNode* mean =
        index_.made_by(add->inputs[static_cast<std::size_t>(1 - epsilon)], {"ReduceMean"});
    if (mean == nullptr || mean->inputs.empty()) return false;
    const std::optional<Axes> axes = index_.reduced_axes(*mean);
    if (!axes || axes->empty()) return false;
    OnnxNode* square = index_.made_by(mean->inputs[0], {"Pow", "Mul"});
    if (square == nullptr || square->inputs.size() != 2) return false;
    const bool is_square = square->op == "Pow" ? index_.is_number_near(square->inputs[1], 2.0)
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
  bool merge_norm(OnnxNode& last) const {
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

  /// x / |x|, or x / max(|x|, epsilon).
  bool merge_l2_norm(OnnxNode& last) const {
    if (last.op != "Div") return false;
    OnnxPattern pattern(index_);
    const std::string_view x = last.inputs[0];
    OnnxNode* length = index_.made_by(last.inputs[1], {"ReduceL2", "Clip", "Max", "Add", "Expand"});
    for (int i = 0; i < 2 && length != nullptr && length->op != "ReduceL2"; ++i) {
      const bool is_bounded = length->op == "Clip" || length->op == "Expand";
      const int bound = is_bounded ? 1 : index_.number_input(*length);
      if (bound < 0 || length->inputs.empty()) return false;
      if (length->op == "Expand") {
        OnnxNode* shape =
            length->inputs.size() < 2 ? nullptr : index_.made_by(length->inputs[1], {"Shape"});
        if (shape == nullptr || shape->inputs != std::vector{x}) return false;
      }
      pattern.add(length);
      length = index_.made_by(length->inputs[static_cast<std::size_t>(1 - bound)],
                              {"ReduceL2", "Clip", "Max", "Add"});
    }
    if (length == nullptr || length->op != "ReduceL2" || length->inputs.empty() ||
        length->inputs[0] != x) {
      return false;
    }
    const std::optional<Axes> axes = index_.reduced_axes(*length);
    if (!axes || axes->size() != 1) return false;
    pattern.add(length);
    if (!pattern.is_closed()) return false;
    pattern.replace(last, "LpNormalization", {x}, {integer_of("axis", axes->front())});
    return true;
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

  bool finish_norm(OnnxNode& root, const Norm& norm, OnnxPattern& pattern) const {
    std::string_view factor;
    std::string_view shift;
    OnnxNode* last = affine(&root, "Mul", factor, pattern);
    if (norm.is_centred && last != &root) last = affine(last, "Add", shift, pattern);
    std::vector<std::string_view> inputs = {norm.x};
    if (!factor.empty()) inputs.push_back(factor);
    if (!shift.empty()) inputs.push_back(shift);
    pattern.replace(*last, norm.is_centred ? "LayerNormalization" : "RMSNormalization",
                    std::move(inputs), axes_attributes(norm.axes));
    return true;
  }

  /// The axis from which on is normalised; the axes, where it depends on the rank what these are.
  static std::vector<OnnxAttribute> axes_attributes(Axes axes) {
    std::sort(axes.begin(), axes.end());
    bool is_tail = true;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      is_tail = is_tail &&
                axes[i] == static_cast<std::int64_t>(i) - static_cast<std::int64_t>(axes.size());
    }
    if (is_tail) return {integer_of("axis", axes.front())};
    return {integers_of_axes(axes)};
  }

  /// x a + (shift - mean(x) a) with a = factor / deviation, as TensorFlow writes layer norms.
  bool merge_fused_layer_norm(OnnxNode& last) const {
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
        pattern.replace(last, "LayerNormalization", {norm.x, inverse->inputs[at], sub->inputs[0]},
                        axes_attributes(norm.axes));
        return true;
      }
    }
    return false;
  }

  /// An InstanceNormalization of channels reshaped to groups, and reshaped back.
  bool merge_group_norm(OnnxNode& norm) const {
    if (norm.inputs.size() != 3) return false;
    const OnnxTensor* scale = index_.tensor(norm.inputs[1]);
    OnnxNode* before = index_.made_by(norm.inputs[0], {"Reshape"});
    OnnxNode* after = index_.only_reader(norm.outputs[0], {"Reshape"});
    if (scale == nullptr || scale->dims.size() != 1 || before == nullptr || after == nullptr ||
        before->inputs.size() != 2 || after->inputs.size() != 2 || after->outputs.empty()) {
      return false;
    }
    const std::int64_t num_groups = scale->dims[0];
    const std::string_view x = before->inputs[0];
    if (num_groups < 1 || !is_shape_of(after->inputs[1], x, num_groups)) return false;
    const auto grouped = index_.integers(before->inputs[1]);
    if (!grouped || grouped->size() < 3 || (*grouped)[1] != num_groups) return false;
    OnnxPattern pattern(index_);
    pattern.add(before);
    if (!pattern.is_closed()) return false;
    pattern.add(&norm);
    std::string_view factor = norm.inputs[1];
    std::string_view shift = norm.inputs[2];
    OnnxNode* last = affine(after, "Mul", factor, pattern);
    if (last != after) last = affine(last, "Add", shift, pattern);
    pattern.replace(*last, "GroupNormalization", {x, factor, shift},
                    {integer_of("num_groups", num_groups)});
    return true;
  }

  /// Whether a Reshape to `shape` gives the dims of `x`, a map of channels in groups.
  bool is_shape_of(std::string_view shape, std::string_view x, std::int64_t num_groups) const {
    const OnnxNode* node = index_.made_by(shape, {"Shape"});
    if (node != nullptr) return node->inputs == std::vector{x};
    const auto sizes = index_.integers(shape);
    return sizes && sizes->size() >= 3 && (*sizes)[1] > 0 && (*sizes)[1] % num_groups == 0;
  }

  const OnnxNodeIndex& index_;
};

}  // namespace

bool merge_norm_pattern(OnnxNode& last, const OnnxNodeIndex& index) {
  return NormMerger(index).merge_at(last);
}

}  // namespace tilewake
