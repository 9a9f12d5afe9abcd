// SPDX-License-Identifier: Apache-2.0
// Einsum of one or two tensors, as transposes, sums and a product.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxEquation = 64;

bool holds(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

/// The letters of the dims of operands and result.
struct EinsumTerms {
  std::vector<std::string> operands;
  std::string result;
};

/// Dots stand for as many dims as the operand has more than letters. They are aligned at the end
/// and get letters that no equation has: digits.
std::string without_dots(const std::string& term, std::size_t num_dots) {
  constexpr std::size_t kMaxDots = kMaxTensorRank;
  const std::size_t at = term.find("...");
  if (at == std::string::npos) return term;
  if (num_dots > kMaxDots) throw InputError("has too many dimensions");
  std::string digits;
  for (std::size_t i = num_dots; i-- > 0;) digits += static_cast<char>('0' + i);
  return term.substr(0, at) + digits + term.substr(at + 3);
}

EinsumTerms terms_of(OnnxValues& values, const OnnxNode& node) {
  std::string equation;
  for (const char c : text_attribute(node, "equation", "")) {
    if (c != ' ') equation += c;
  }
  if (equation.empty() || equation.size() > kMaxEquation) {
    throw InputError(fmt::format("has an equation of {} characters", equation.size()));
  }
  const std::size_t arrow = equation.find("->");
  std::string rest = equation.substr(0, arrow);
  EinsumTerms terms;
  std::size_t most_dots = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string term = rest.substr(0, comma);
    rest = comma == rest.size() ? "" : rest.substr(comma + 1);
    const std::size_t rank = values.dims(node, i).size();
    const bool has_dots = term.find("...") != std::string::npos;
    const std::size_t num_letters = term.size() - (has_dots ? 3 : 0);
    if (num_letters > rank || (!has_dots && num_letters != rank)) {
      throw InputError(fmt::format("has other dimensions than its inputs: '{}' for {}", term,
                                   text_of(values.dims(node, i))));
    }
    most_dots = std::max(most_dots, has_dots ? rank - num_letters : 0);
    terms.operands.push_back(without_dots(term, rank - num_letters));
  }
  if (arrow != std::string::npos) {
    terms.result = without_dots(equation.substr(arrow + 2), most_dots);
  } else {  // dots, then letters that occur once
    terms.result = without_dots("...", most_dots);
    std::string all;
    for (const std::string& operand : terms.operands) all += operand;
    std::sort(all.begin(), all.end());
    for (const char letter : all) {
      const bool is_letter = letter < '0' || letter > '9';
      if (is_letter && std::count(all.begin(), all.end(), letter) == 1) terms.result += letter;
    }
  }
  std::vector<std::string> all = terms.operands;
  all.push_back(terms.result);
  for (std::string letters : all) {
    std::sort(letters.begin(), letters.end());
    const bool is_plain = std::all_of(letters.begin(), letters.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
    if (!is_plain || std::adjacent_find(letters.begin(), letters.end()) != letters.end()) {
      throw InputError(fmt::format("has an equation that is not known: '{}'", equation));
    }
  }
  return terms;
}

class Einsum {
 public:
  Einsum(OnnxValues& values, const OnnxNode& node, EinsumTerms terms)
      : values_(values), node_(node), terms_(std::move(terms)) {
    find_sizes();
  }

  void define() {
    std::vector<std::string_view> operands;
    for (std::size_t i = 0; i < terms_.operands.size(); ++i) operands.push_back(summed(i));
    const std::string& a = terms_.operands[0];
    if (operands.size() == 1) {
      check_result(a);
      add("Transpose", {operands[0]}, "perm", axes_of(terms_.result, a), /*is_last=*/true);
      return;
    }
    const std::string& b = terms_.operands[1];
    // Letters in all three are groups; in both operands depth; in one operand rows or outputs.
    std::string groups;
    std::string rows;
    std::string depth;
    std::string outputs;
    for (const char letter : a) {
      (holds(b, letter) ? (holds(terms_.result, letter) ? groups : depth) : rows) += letter;
    }
    for (const char letter : b) {
      if (!holds(a, letter)) outputs += letter;
    }
    const std::string result = groups + rows + outputs;
    check_result(result);
    const std::string_view left = matrix(operands[0], a, groups, rows, depth);
    const std::string_view right = matrix(operands[1], b, groups, depth, outputs);
    const std::string_view product = add("MatMul", {left, right}, nullptr, {});
    std::vector<std::int64_t> shape;
    for (const char letter : result) shape.push_back(sizes_[letter]);
    const std::string_view apart = add("Reshape", {product}, "shape", shape);
    add("Transpose", {apart}, "perm", axes_of(terms_.result, result), /*is_last=*/true);
  }

 private:
  /// A dim of 1 is repeated where another operand has more.
  void find_sizes() {
    for (std::size_t i = 0; i < terms_.operands.size(); ++i) {
      const Dims dims = values_.dims(node_, i);
      for (std::size_t axis = 0; axis < dims.size(); ++axis) {
        std::int64_t& size = sizes_[terms_.operands[i][axis]];
        if (size > 1 && dims[axis] > 1 && size != dims[axis]) {
          throw InputError(fmt::format("has sizes {} and {} for '{}'", size, dims[axis],
                                       terms_.operands[i][axis]));
        }
        size = std::max(size, dims[axis]);
      }
    }
  }

  /// Operand `i` after the sum over letters that nothing else has, and without repeated dims.
  std::string_view summed(std::size_t i) {
    std::string& letters = terms_.operands[i];
    const Dims dims = values_.dims(node_, i);
    std::vector<std::int64_t> axes;
    std::string kept;
    for (std::size_t axis = 0; axis < letters.size(); ++axis) {
      bool is_used = holds(terms_.result, letters[axis]);
      for (std::size_t other = 0; other < terms_.operands.size(); ++other) {
        is_used = is_used || (other != i && holds(terms_.operands[other], letters[axis]));
      }
      const bool is_repeated = dims[axis] == 1 && sizes_[letters[axis]] > 1;
      if (is_used && !is_repeated) {
        kept += letters[axis];
      } else {
        axes.push_back(static_cast<std::int64_t>(axis));
      }
    }
    if (axes.empty()) return node_.inputs[i];
    letters = kept;
    return add("ReduceSum", {node_.inputs[i]}, "axes", std::move(axes), false, /*keepdims=*/0);
  }

  void check_result(std::string letters) const {
    std::string result = terms_.result;
    std::sort(letters.begin(), letters.end());
    std::sort(result.begin(), result.end());
    if (letters != result) throw InputError("has a result of dims that no operand has");
  }

  static std::vector<std::int64_t> axes_of(const std::string& letters, const std::string& all) {
    std::vector<std::int64_t> axes;
    for (const char letter : letters) axes.push_back(static_cast<std::int64_t>(all.find(letter)));
    return axes;
  }

  std::int64_t product_of(const std::string& letters) {
    Dims dims;
    for (const char letter : letters) dims.push_back(sizes_[letter]);
    return num_elements_of(dims);
  }

  std::string_view matrix(std::string_view input, const std::string& all, const std::string& groups,
                          const std::string& first, const std::string& second) {
    const std::string_view turned =
        add("Transpose", {input}, "perm", axes_of(groups + first + second, all));
    return add("Reshape", {turned}, "shape",
               {product_of(groups), product_of(first), product_of(second)});
  }

  std::string_view add(const char* op, std::vector<std::string_view> inputs, const char* attribute,
                       std::vector<std::int64_t> list, bool is_last = false,
                       std::int64_t keepdims = 1) {
    OnnxNode part;
    part.name = node_.name;
    part.op = op;
    part.label = values_.keep_text(text_of(node_));
    part.inputs = std::move(inputs);
    const std::string_view output =
        is_last ? node_.outputs.at(0)
                : values_.keep_text(fmt::format("{}.part{}", node_.outputs.at(0), num_parts_++));
    if (!is_last) values_.add_uses(output, 1);
    part.outputs = {output};
    if (attribute != nullptr) {
      OnnxAttribute given;
      given.name = attribute;
      given.type = static_cast<int>(OnnxAttributeType::kInts);
      given.integers = std::move(list);
      part.attributes.push_back(std::move(given));
    }
    if (keepdims == 0) {
      OnnxAttribute drops;
      drops.name = "keepdims";
      drops.type = static_cast<int>(OnnxAttributeType::kInt);
      part.attributes.push_back(std::move(drops));
    }
    const OnnxNode& kept = values_.keep(std::move(part));
    if (kept.op == "Reshape") values_.keep_reshape_target();  // sizes of one image
    find_onnx_operator(op)(values_, kept);
    return output;
  }

  OnnxValues& values_;
  const OnnxNode& node_;
  EinsumTerms terms_;
  std::map<char, std::int64_t> sizes_;
  int num_parts_ = 0;
};

}  // namespace

void read_onnx_einsum(OnnxValues& values, const OnnxNode& node) {
  if (node.inputs.empty() || node.inputs.size() > 2) {
    throw InputError(fmt::format("has {} operands; one or two are understood", node.inputs.size()));
  }
  Einsum(values, node, terms_of(values, node)).define();
}

}  // namespace tilewake
