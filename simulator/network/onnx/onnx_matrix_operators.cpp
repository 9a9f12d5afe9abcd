// SPDX-License-Identifier: Apache-2.0
// Products of matrices: with constant weights a convolution of one tap over all rows, or, of one
// vector, a fully connected layer; of two maps a matmul.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

/// ... x rows x depth times depth x outputs, the latter perhaps transposed.
struct Product {
  OnnxValue x;
  Dims weight;  // without groups: depth and outputs; with: groups, depth and outputs
  bool bias = false;
};

[[noreturn]] void refuse_depth(std::int64_t in, std::int64_t depth) {
  throw InputError(fmt::format("has weights for {} inputs and reads {}", in, depth));
}

/// Another matrix for every entry of some dims: groups of a convolution.
void define_grouped(OnnxValues& values, const OnnxNode& node, const Product& product) {
  const OnnxValue& x = product.x;
  const std::size_t rank = x.dims.size();
  const std::size_t num_weight_dims = product.weight.size() - 2;
  if (num_weight_dims + 2 > rank) throw InputError("has weights of more dims than its input");
  std::vector<OnnxDim> groups;
  OnnxView others = x.view;
  std::int64_t num_groups = 1;
  for (std::size_t i = 0; i < num_weight_dims; ++i) {
    const std::size_t axis = rank - 2 - num_weight_dims + i;
    if (product.weight[i] == 1) continue;
    if (product.weight[i] != x.dims[axis]) {
      throw InputError(fmt::format("has weights of {} for a map of {}", text_of(product.weight),
                                   text_of(x.dims)));
    }
    groups.push_back(x.view[axis]);
    num_groups *= x.dims[axis];
  }
  groups.push_back(x.view[rank - 1]);
  const OnnxValue map = values.with_channels(node, x, joined(groups), /*any_order=*/false);
  Layer layer;
  layer.op = Op::kConv2d;
  layer.groups = num_groups;
  layer.bias = product.bias;
  const std::int64_t outputs = product.weight.back();
  if (outputs < 1 || outputs > kMaxDimension / num_groups) throw InputError("has too many outputs");
  layer.ofm.channels = num_groups * outputs;
  const Shape& shape = values.shape_of(map);
  const std::int64_t pixels = shape.height * shape.width;
  OnnxView view = map.view;
  std::int64_t stride = num_groups * outputs * pixels;
  for (std::size_t i = 0; i < num_weight_dims; ++i) {
    if (product.weight[i] == 1) continue;
    stride /= product.weight[i];
    view[rank - 2 - num_weight_dims + i] = joined({{{product.weight[i], stride}}});
  }
  view[rank - 1] = joined({{{outputs, pixels}}});
  values.define_layer(node, std::move(layer), {map}, PaddingRule::valid(), view);
}

void define_linear(OnnxValues& values, const OnnxNode& node, const Product& product) {
  const OnnxValue& x = product.x;
  const std::size_t rank = x.dims.size();
  const std::int64_t depth = x.dims.back();
  const std::int64_t in = product.weight[product.weight.size() - 2];
  const std::int64_t out = product.weight.back();
  if (in != depth) refuse_depth(in, depth);
  if (out < 1 || out > kMaxDimension) throw InputError(fmt::format("has {} outputs", out));
  const bool has_groups = std::any_of(product.weight.begin(), product.weight.end() - 2,
                                      [](std::int64_t dim) { return dim != 1; });
  if (has_groups) return define_grouped(values, node, product);
  Layer layer;
  layer.bias = product.bias;
  layer.ofm.channels = out;
  OnnxView view = x.view;
  while (view.size() < product.weight.size()) view.insert(view.begin(), OnnxDim{});
  if (num_elements_of(x.dims) == depth) {  // the order of weights follows that of the elements
    layer.op = Op::kFullyConnected;
    view.back() = joined({{{out, 1}}});
    values.define_layer(node, std::move(layer), {x}, PaddingRule::valid(), view);
    return;
  }
  const OnnxValue map = values.with_channels(node, x, x.view[rank - 1], /*any_order=*/true);
  const Shape& shape = values.shape_of(map);
  layer.op = Op::kConv2d;
  std::copy(map.view.begin(), map.view.end(), view.end() - static_cast<std::ptrdiff_t>(rank));
  view.back() = joined({{{out, shape.height * shape.width}}});
  values.define_layer(node, std::move(layer), {map}, PaddingRule::valid(), view);
}

/// The operand that comes second in a product, and how it has to be stored.
struct Operands {
  OnnxValue a;                      // batch dims, rows, depth
  OnnxValue b;                      // batch dims, depth, outputs
  std::vector<std::size_t> groups;  // axes
  std::vector<std::size_t> only_a;  // batch axes that b lacks
  std::vector<std::size_t> only_b;
};

OnnxDim dims_at(const OnnxView& view, const std::vector<std::size_t>& axes,
                const std::vector<std::size_t>& more = {}) {
  OnnxDim result;
  for (const std::size_t axis : axes) append(result, view[axis]);
  for (const std::size_t axis : more) append(result, view[axis]);
  return result;
}

/// One way to compute a product: `first` x `second`, or transposed second^T x first^T.
struct Form {
  bool swapped = false;     // b is the first operand of the layer
  bool transposed = false;  // depth is along the second operand's channels
};

class ProductLayer {
 public:
  ProductLayer(OnnxValues& values, const OnnxNode& node, const Operands& operands)
      : values_(values), node_(node), operands_(operands), rank_(operands.a.dims.size()) {}

  void define() {
    std::optional<Form> best;
    std::int64_t least = 0;
    for (const Form form :
         {Form{false, true}, Form{false, false}, Form{true, true}, Form{true, false}}) {
      const std::int64_t copied = bytes_copied(form);
      if (!best || copied < least) {
        best = form;
        least = copied;
      }
    }
    add(*best);
  }

 private:
  const OnnxValue& first(const Form& form) const {
    return form.swapped ? operands_.b : operands_.a;
  }
  const OnnxValue& second(const Form& form) const {
    return form.swapped ? operands_.a : operands_.b;
  }
  /// Axes of rows and outputs, and of the depth in each operand.
  std::size_t row_axis(const Form& form) const { return form.swapped ? rank_ - 1 : rank_ - 2; }
  std::size_t first_depth(const Form& form) const { return form.swapped ? rank_ - 2 : rank_ - 1; }
  std::size_t output_axis(const Form& form) const { return form.swapped ? rank_ - 2 : rank_ - 1; }
  std::size_t second_depth(const Form& form) const { return form.swapped ? rank_ - 1 : rank_ - 2; }
  const std::vector<std::size_t>& only_first(const Form& form) const {
    return form.swapped ? operands_.only_b : operands_.only_a;
  }
  const std::vector<std::size_t>& only_second(const Form& form) const {
    return form.swapped ? operands_.only_a : operands_.only_b;
  }

  OnnxDim first_channels(const Form& form) const {
    return dims_at(first(form).view, operands_.groups, {first_depth(form)});
  }
  std::vector<std::size_t> output_axes(const Form& form) const {
    std::vector<std::size_t> axes = only_second(form);
    axes.push_back(output_axis(form));
    return axes;
  }
  OnnxDim second_channels(const Form& form) const {
    return dims_at(
        second(form).view, operands_.groups,
        form.transposed ? std::vector<std::size_t>{second_depth(form)} : output_axes(form));
  }
  OnnxDim second_pixels(const Form& form) const { return second(form).view[second_depth(form)]; }

  std::int64_t bytes_copied(const Form& form) const {
    const OnnxValue& a = first(form);
    const OnnxValue& b = second(form);
    const OnnxDim a_channels = first_channels(form);
    const OnnxDim b_channels = second_channels(form);
    const bool keeps_first = values_.has_channels(a, a_channels, false);
    const bool keeps_second = form.transposed && values_.has_channels(b, b_channels, false);
    const OnnxDim b_pixels = form.transposed ? others_of(b.view, b_channels) : second_pixels(form);
    return (keeps_first ? 0
                        : values_.bytes_to_arrange(a, a_channels, others_of(a.view, a_channels))) +
           (keeps_second ? 0 : values_.bytes_to_arrange(b, b_channels, b_pixels));
  }

  void add(const Form& form) {
    const OnnxValue a = values_.with_channels(node_, first(form), first_channels(form), false);
    const OnnxValue b =
        form.transposed
            ? values_.with_channels(node_, second(form), second_channels(form), false)
            : values_.arranged(node_, second(form), second_channels(form), second_pixels(form));
    Layer layer;
    layer.op = Op::kMatmul;
    layer.transposed = form.transposed;
    for (const std::size_t axis : operands_.groups) layer.groups *= a.dims[axis];
    const Shape& map = values_.shape_of(a);
    const Shape& other = values_.shape_of(b);
    const std::int64_t pixels = map.height * map.width;
    const std::int64_t other_pixels = other.height * other.width;
    const std::int64_t outputs = form.transposed ? other_pixels : other.channels / layer.groups;
    OnnxView view(rank_);
    std::int64_t stride = layer.groups * outputs * pixels;
    for (const std::size_t axis : operands_.groups) {
      stride /= a.dims[axis];
      append(view[axis], OnnxFactor{a.dims[axis], stride});
    }
    for (const std::size_t axis : only_first(form)) view[axis] = a.view[axis];
    view[row_axis(form)] = a.view[row_axis(form)];
    // The pixels of b, or its channels in a group, are the channels of the product in a group.
    const std::int64_t unit = form.transposed ? 1 : other_pixels;
    for (const std::size_t axis : output_axes(form)) {
      for (const OnnxFactor& factor : b.view[axis]) {
        append(view[axis], OnnxFactor{factor.size, factor.stride / unit * pixels});
      }
    }
    values_.define_layer(node_, std::move(layer), {a, b}, PaddingRule::valid(), view);
  }

  OnnxValues& values_;
  const OnnxNode& node_;
  const Operands& operands_;
  std::size_t rank_;
};

void define_product(OnnxValues& values, const OnnxNode& node, OnnxValue a, OnnxValue b) {
  while (a.view.size() < b.view.size()) a.view.insert(a.view.begin(), OnnxDim{});
  while (b.view.size() < a.view.size()) b.view.insert(b.view.begin(), OnnxDim{});
  a.set_view(a.view);
  b.set_view(b.view);
  const std::size_t rank = a.dims.size();
  if (a.dims[rank - 1] != b.dims[rank - 2]) {
    throw InputError(
        fmt::format("multiplies matrices of {} and {}", text_of(a.dims), text_of(b.dims)));
  }
  Operands operands = {std::move(a), std::move(b), {}, {}, {}};
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    const std::int64_t in_a = operands.a.dims[axis];
    const std::int64_t in_b = operands.b.dims[axis];
    if (in_a == in_b) {
      if (in_a > 1) operands.groups.push_back(axis);
    } else if (in_b == 1) {
      operands.only_a.push_back(axis);
    } else if (in_a == 1) {
      operands.only_b.push_back(axis);
    } else {
      throw InputError(fmt::format("multiplies matrices of {} and {}", text_of(operands.a.dims),
                                   text_of(operands.b.dims)));
    }
  }
  ProductLayer(values, node, operands).define();
}

OnnxValue swapped(OnnxValue value) {
  std::swap(value.view[value.view.size() - 1], value.view[value.view.size() - 2]);
  value.set_view(value.view);
  return value;
}

Dims swapped(Dims dims) {
  std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return dims;
}

/// Dims of a product of constants; vectors have one dim.
Dims product_dims(Dims a, Dims b) {
  const bool is_row = a.size() == 1;
  const bool is_column = b.size() == 1;
  if (a.empty() || b.empty()) throw InputError("multiplies a scalar");
  if (is_row) a.insert(a.begin(), 1);
  if (is_column) b.push_back(1);
  if (a.back() != b[b.size() - 2]) {
    throw InputError(fmt::format("multiplies matrices of {} and {}", text_of(a), text_of(b)));
  }
  Dims dims = broadcast_dims({a.begin(), a.end() - 2}, {b.begin(), b.end() - 2});
  if (!is_row) dims.push_back(a[a.size() - 2]);
  if (!is_column) dims.push_back(b.back());
  return dims;
}

/// Where the operands of a product are, which of them are transposed, and its bias.
struct ProductInputs {
  std::size_t a = 0;
  std::size_t b = 1;
  bool transposed_a = false;
  bool transposed_b = false;
  bool bias = false;
  std::size_t bias_input = 2;
};

void read_product(OnnxValues& values, const OnnxNode& node, const ProductInputs& inputs) {
  const bool is_constant_a = values.is_constant(node, inputs.a);
  const bool is_constant_b = values.is_constant(node, inputs.b);
  if (is_constant_a && is_constant_b) {
    OnnxConstant constant;
    Dims a = values.constant(node, inputs.a).dims;
    Dims b = values.constant(node, inputs.b).dims;
    if (inputs.transposed_a) a = swapped(a);
    if (inputs.transposed_b) b = swapped(b);
    constant.dims = product_dims(a, b);
    return values.define_constant(node, std::move(constant));
  }
  if (!is_constant_a && !is_constant_b) {
    OnnxValue a = values.map(node, inputs.a);
    OnnxValue b = values.map(node, inputs.b);
    if (a.dims.size() < 2 || b.dims.size() < 2) throw InputError("multiplies a vector");
    if (inputs.transposed_a) a = swapped(a);
    if (inputs.transposed_b) b = swapped(b);
    return define_product(values, node, std::move(a), std::move(b));
  }
  // Weights from the left: transposed, the map comes first and the result last.
  const std::size_t map_input = is_constant_a ? inputs.b : inputs.a;
  const OnnxConstant weights = values.constant(node, is_constant_a ? inputs.a : inputs.b);
  Product product;
  product.x = values.map(node, map_input);
  product.weight = weights.dims;
  // Of a model for a fixed batch: what is the same for all images, repeated for each.
  if (product.x.dims.size() == weights.dims.size() && weights.dims.size() > 2 &&
      product.x.dims[0] == 1) {
    product.weight = values.for_one_image(weights, /*must_know=*/true);
  }
  product.bias = inputs.bias && !is_constant_a;
  if (weights.dims.empty() || weights.dims.size() > kMaxTensorRank) {
    throw InputError(
        fmt::format("has weights of {}, expected two dimensions", text_of(weights.dims)));
  }
  // A vector is a row on the left, a column on the right; the result lacks that dim.
  const bool is_vector = weights.dims.size() == 1;
  if (is_vector) {
    product.weight.insert(is_constant_a ? product.weight.begin() : product.weight.end(), 1);
  }
  if (product.x.dims.empty()) throw InputError("multiplies a scalar");
  const bool swaps_map = is_constant_a ? !inputs.transposed_b : inputs.transposed_a;
  const bool transposes = is_constant_a ? inputs.transposed_a : inputs.transposed_b;
  const bool swaps_weights = is_constant_a != (transposes && !is_vector);
  if (swaps_map || is_constant_a) {
    if (product.x.dims.size() < 2) throw InputError("multiplies a vector from the right");
  }
  if (swaps_map) product.x = swapped(product.x);
  if (swaps_weights) product.weight = swapped(product.weight);
  define_linear(values, node, product);
  values.set_weights(weights);
  if (product.bias) values.set_bias(node, inputs.bias_input);
  if (is_constant_a) {
    OnnxValue& result = values.result(node);
    result = swapped(std::move(result));
    result.mover = &node;
  }
  if (is_vector) {
    OnnxValue& result = values.result(node);
    OnnxView view = result.view;
    view.erase(view.end() - (is_constant_a ? 2 : 1));
    result.set_view(std::move(view));
  }
}

void read_gemm(OnnxValues& values, const OnnxNode& node) {
  ProductInputs inputs;
  inputs.transposed_a = integer_attribute(node, "transA", 0) != 0;
  inputs.transposed_b = integer_attribute(node, "transB", 0) != 0;
  for (const std::size_t input : {0U, 1U}) {
    if (values.dims(node, input).size() != 2) {
      throw InputError(
          fmt::format("reads {}, expected two dimensions", text_of(values.dims(node, input))));
    }
  }
  const bool has_bias = OnnxValues::has_input(node, 2);
  const bool has_weights = values.is_constant(node, 1) && !values.is_constant(node, 0);
  const bool is_simple = has_bias && has_weights && values.is_constant(node, 2) && [&] {
    const Dims& dims = values.constant(node, 2).dims;
    const std::int64_t rows = values.dims(node, 0)[inputs.transposed_a ? 1 : 0];
    return dims.size() < 2 || dims[0] == 1 || rows == 1;
  }();
  if (!has_bias || is_simple) {
    if (has_bias) {
      const Dims& bias = values.constant(node, 2).dims;
      const std::int64_t outputs = values.dims(node, 1)[inputs.transposed_b ? 0 : 1];
      if (!bias.empty() && bias.back() != 1 && bias.back() != outputs) {
        throw InputError(fmt::format("has a bias of {} for {} outputs", text_of(bias), outputs));
      }
    }
    inputs.bias = has_bias;
    return read_product(values, node, inputs);
  }
  // A sum with what is not one number an output.
  OnnxNode product = node;
  const std::string_view name = values.keep_text(std::string(node.outputs.at(0)) + ".product");
  product.outputs = {name};
  const OnnxNode& kept = values.keep(std::move(product));
  values.add_uses(name, 1);
  read_product(values, kept, inputs);
  OnnxNode sum = node;
  sum.op = "Add";
  sum.inputs = {name, node.inputs[2]};
  find_elementwise_operator("Add")(values, values.keep(std::move(sum)));
}

void read_mat_mul(OnnxValues& values, const OnnxNode& node) { read_product(values, node, {}); }

void read_fused_mat_mul(OnnxValues& values, const OnnxNode& node) {
  ProductInputs inputs;
  inputs.transposed_a = integer_attribute(node, "transA", 0) != 0;
  inputs.transposed_b = integer_attribute(node, "transB", 0) != 0;
  for (const char* name : {"transBatchA", "transBatchB"}) {
    if (integer_attribute(node, name, 0) != 0) throw InputError("transposes batches");
  }
  read_product(values, node, inputs);
}

void read_qlinear_mat_mul(OnnxValues& values, const OnnxNode& node) {
  ProductInputs inputs;
  inputs.b = 3;
  read_product(values, node, inputs);
}

constexpr auto kMatrixOperators = std::to_array<std::pair<std::string_view, OnnxOperator>>({
    {"Gemm", read_gemm},
    {"MatMul", read_mat_mul},
    {"MatMulInteger", read_mat_mul},
    {"FusedMatMul", read_fused_mat_mul},
    {"QLinearMatMul", read_qlinear_mat_mul},
    {"Einsum", read_onnx_einsum},
});

}  // namespace

OnnxOperator find_matrix_operator(std::string_view op) {
  for (const auto& [name, read] : kMatrixOperators) {
    if (name == op) return read;
  }
  return nullptr;
}

}  // namespace tilewake
