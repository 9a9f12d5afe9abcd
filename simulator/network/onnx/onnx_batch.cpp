// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_batch.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_operators.hpp"

namespace tilewake {
namespace {

template <typename List>
bool is_operator_of(std::string_view op, const List& list) {
  return std::find(list.begin(), list.end(), op) != list.end();
}

/// Operators that read N x C x ... and give N x ...
constexpr auto kOfImages = std::to_array<std::string_view>(
    {"Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "FusedConv", "MaxPool", "AveragePool",
     "LpPool", "GlobalAveragePool", "GlobalMaxPool", "QLinearAveragePool",
     "QLinearGlobalAveragePool", "BatchNormalization", "InstanceNormalization",
     "GroupNormalization", "LRN", "DepthToSpace", "SpaceToDepth", "Upsample"});

/// Operators that keep all dims of their first input and act on each element, or along one axis.
constexpr auto kKeepDims = std::to_array<std::string_view>({"Softmax",
                                                            "LogSoftmax",
                                                            "Hardmax",
                                                            "LpNormalization",
                                                            "CumSum",
                                                            "LayerNormalization",
                                                            "RMSNormalization",
                                                            "SimplifiedLayerNormalization",
                                                            "Cast",
                                                            "CastLike",
                                                            "Identity",
                                                            "Dropout",
                                                            "QuantizeLinear",
                                                            "DequantizeLinear",
                                                            "DynamicQuantizeLinear",
                                                            "Clip",
                                                            "Pad",
                                                            "Resize",
                                                            "PRelu",
                                                            "Trilu"});

constexpr auto kJoins = std::to_array<std::string_view>(
    {"Add",        "Sub",       "Mul",         "Div",  "Pow",
     "Mod",        "Max",       "Min",         "Mean", "Sum",
     "Where",      "Equal",     "Greater",     "Less", "GreaterOrEqual",
     "And",        "Or",        "LessOrEqual", "Xor",  "SkipLayerNormalization",
     "QLinearAdd", "QLinearMul"});

[[noreturn]] void refuse_across(const std::string& what) {
  throw InputError(fmt::format(
      "{}: a network is read for one image, which others do not change; bind a batch of 1 "
      "(--input-shape), or export the model with it",
      what));
}

std::int64_t product_of(const Dims& dims, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t i = 0; i < end; ++i) product *= dims[i];
  return product;
}

/// Whether the sizes of a Reshape are those of its input of one image: exporters write some of them
/// as numbers of the whole batch.
bool fits_one_image(OnnxValues& values, const OnnxNode& node) {
  if (!OnnxValues::has_input(node, 1) || !values.is_constant(node, 1)) return true;
  const OnnxConstant& shape = values.constant(node, 1);
  if (!shape.has_values || shape.values.size() > kMaxTensorRank) return true;
  const Dims from = values.dims(node, 0);
  std::int64_t known = 1;
  bool has_free = false;
  const auto target = integers_in(shape, kMaxTensorRank);
  for (std::size_t i = 0; i < target.size(); ++i) {
    const bool is_kept = target[i] == 0 && i < from.size();
    const std::int64_t size = is_kept ? from[i] : target[i];
    has_free = has_free || size == -1;
    if (size == -1) continue;
    if (size < 1 || known > (std::int64_t{1} << 48) / size) return true;
    known *= size;
  }
  const std::int64_t all = num_elements_of(from);
  return has_free ? all % known == 0 : all == known;
}

/// Axes of an operator of `rank` dims, counted from the front.
std::vector<std::size_t> plain_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::size_t> plain;
  for (const std::int64_t axis : axes) plain.push_back(axis_of(axis, rank));
  return plain;
}

std::size_t count_before(const std::vector<std::size_t>& axes, std::size_t at) {
  return static_cast<std::size_t>(
      std::count_if(axes.begin(), axes.end(), [&](std::size_t axis) { return axis < at; }));
}

}  // namespace

OnnxBatch::Place OnnxBatch::place(const OnnxNode& node, std::size_t input) const {
  if (input >= node.inputs.size()) return std::nullopt;
  const auto found = places_.find(node.inputs[input]);
  return found == places_.end() ? std::nullopt : found->second;
}

void OnnxBatch::follow(OnnxValues& values, const OnnxNode& node) {
  if (batch_ == 1) return;
  values.take_reshape_target();  // of a Reshape that was refused
  values.take_keeps_reshape_target();
  bool reads_images = false;
  bool reads_sizes = node.op == "Shape" || node.op == "Size";
  for (const auto* names : {&node.inputs, &node.captured}) {
    for (const std::string_view name : *names) {
      reads_images = reads_images || has_images(name);
      reads_sizes = reads_sizes || sizes_of_one_image_.contains(name);
    }
  }
  if (node.op == "Shape" || node.op == "Size") reads_images = false;
  const bool moves_images = !node.inputs.empty() && has_images(node.inputs[0]);
  const bool has_own_sizes = node.inputs.size() > 1 && sizes_of_one_image_.contains(node.inputs[1]);
  if (node.op == "Reshape" && (!moves_images || has_own_sizes) && fits_one_image(values, node)) {
    values.keep_reshape_target();
  }
  if (!reads_images) {
    if (reads_sizes) sizes_of_one_image_.insert(node.outputs.begin(), node.outputs.end());
    return;
  }
  Place after;
  std::string error;
  try {
    after = place_after(values, node);
  } catch (const InputError& e) {
    error = e.what();
  }
  for (const std::string_view output : node.outputs) {
    if (!output.empty()) places_[output] = after;
  }
  if (!error.empty()) throw InputError(error);
}

OnnxBatch::Place OnnxBatch::place_after(OnnxValues& values, const OnnxNode& node) {
  const std::string_view op = node.op;
  if (is_operator_of(op, kJoins)) return place_after_join(values, node);
  if (op == "MatMul" || op == "Gemm" || op == "FusedMatMul") {
    return place_after_product(values, node);
  }
  if (op == "Concat") {
    const std::size_t rank = values.dims(node, 0).size();
    const std::size_t axis = axis_of(integer_attribute(node, "axis", 1), rank);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (const Place at = place(node, i); at && at->axis == axis)
        refuse_across("joins maps along the images of the batch");
    }
    return place_after_join(values, node);
  }
  if (op == "Gather" && !has_images(node.inputs.at(0))) {  // rows of a table
    const std::size_t rank = values.dims(node, 0).size();
    const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), rank);
    const Place picked = place(node, 1);
    return picked ? Place(Spot{axis + picked->axis, picked->outer}) : std::nullopt;
  }
  if (!OnnxValues::has_input(node, 0) || !place(node, 0)) return std::nullopt;
  const Spot spot = *place(node, 0);
  const std::size_t at = spot.axis;
  const std::size_t rank = values.dims(node, 0).size();
  if (is_operator_of(op, kOfImages)) {
    if (at != 0) {
      refuse_across(fmt::format("reads the images of the batch, dimension {} of its input, as {}",
                                at, at == 1 ? "channels" : "rows or columns"));
    }
    return spot;
  }
  if (is_operator_of(op, kKeepDims) || op == "ArgMax" || op == "ArgMin" || op == "TopK") {
    std::optional<std::int64_t> axis;
    bool is_open = op.find("LayerNorm") != std::string_view::npos || op == "RMSNormalization";
    if (op == "Softmax" || op == "LogSoftmax" || op == "Hardmax") {
      is_open = values.opset() < 13;
      axis = integer_attribute(node, "axis", is_open ? 1 : -1);
    } else if (op == "ArgMax" || op == "ArgMin") {
      axis = integer_attribute(node, "axis", 0);
    } else if (op == "LpNormalization" || op == "TopK" ||
               (is_open && node.find("axes") == nullptr)) {
      axis = integer_attribute(node, "axis", -1);
    } else if (op == "CumSum" && values.is_constant(node, 1) &&
               values.constant(node, 1).values.size() == 1) {
      axis = integers_in(values.constant(node, 1), 1)[0];
    }
    if (axis) {
      const std::size_t first = axis_of(*axis, rank);
      if (first == at || (is_open && first < at)) {
        refuse_across(fmt::format("acts along dimension {}, the images of the batch", at));
      }
      if (op.starts_with("Arg") && integer_attribute(node, "keepdims", 1) == 0 && first < at) {
        return Spot{at - 1, spot.outer};
      }
    }
    return spot;
  }
  if (op.starts_with("Reduce")) return place_after_reduction(values, node, spot);
  if (op == "Reshape" || op == "Flatten") return place_after_reshape(values, node, spot);
  if (op == "Slice" || op == "Split" || op == "Gather") {
    return place_after_pieces(values, node, spot);
  }
  if (op == "Transpose" || op == "Squeeze" || op == "Unsqueeze" || op == "Expand" || op == "Tile") {
    return place_after_moved_axes(values, node, spot);
  }
  if (find_elementwise_operator(op) != nullptr && node.inputs.size() == 1) return spot;
  return std::nullopt;
}

/// Dims are aligned at the end.
OnnxBatch::Place OnnxBatch::place_after_join(OnnxValues& values, const OnnxNode& node) const {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (OnnxValues::has_input(node, i)) rank = std::max(rank, values.dims(node, i).size());
  }
  Place result;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!OnnxValues::has_input(node, i) || !has_images(node.inputs[i])) continue;
    const Place at = place(node, i);
    if (!at) return std::nullopt;
    const Spot aligned = {at->axis + rank - values.dims(node, i).size(), at->outer};
    if (result && result->axis != aligned.axis) {
      refuse_across(
          fmt::format("has the images of the batch in dimension {} of one operand and in {} of "
                      "another",
                      result->axis, aligned.axis));
    }
    if (result && result->outer != aligned.outer) return std::nullopt;
    result = aligned;
  }
  return result;
}

OnnxBatch::Place OnnxBatch::place_after_product(OnnxValues& values, const OnnxNode& node) const {
  const std::size_t rank_a = values.dims(node, 0).size();
  const std::size_t rank_b = values.dims(node, 1).size();
  if (rank_a < 2 || rank_b < 2) return place_after_vector(node, rank_a, rank_b);
  const std::size_t rank = std::max(rank_a, rank_b);
  const auto aligned = [&](std::size_t input, std::size_t own_rank, const char* transposed) {
    Place at = place(node, input);
    if (!at) return at;
    at->axis += rank - own_rank;
    const bool is_swapped = integer_attribute(node, transposed, 0) != 0;
    if (is_swapped && at->axis + 2 >= rank) {
      at->axis = at->axis == rank - 1 ? rank - 2 : rank - 1;
    }
    return at;
  };
  const Place a = aligned(0, rank_a, "transA");
  const Place b = aligned(1, rank_b, "transB");
  const bool knows_a = a || !has_images(node.inputs[0]);
  const bool knows_b = b || !has_images(node.inputs[1]);
  if (!knows_a || !knows_b) return std::nullopt;
  if ((a && a->axis == rank - 1) || (b && b->axis == rank - 2)) {
    refuse_across("sums products over the images of the batch");
  }
  if (a && b && (a->axis != b->axis || a->axis + 2 >= rank)) {
    refuse_across("multiplies each image of the batch with all others");
  }
  return a ? a : b;
}

/// A product with a vector sums over the last dim of what is on its left, and over the last but one
/// of what is on its right.
OnnxBatch::Place OnnxBatch::place_after_vector(const OnnxNode& node, std::size_t rank_a,
                                               std::size_t rank_b) const {
  const bool is_left = rank_a < 2;
  const std::size_t rank = is_left ? rank_b : rank_a;
  Place at = place(node, is_left ? 1 : 0);
  if (!at || rank < 2 || has_images(node.inputs[is_left ? 0 : 1])) return std::nullopt;
  const std::size_t summed = rank - (is_left ? 2 : 1);
  if (at->axis == summed) refuse_across("sums products over the images of the batch");
  if (at->axis > summed) --at->axis;
  return at;
}

OnnxBatch::Place OnnxBatch::place_after_reduction(OnnxValues& values, const OnnxNode& node,
                                                  Spot at) const {
  const std::size_t rank = values.dims(node, 0).size();
  const auto given = integers_of_node(values, node, "axes", 1);
  std::vector<std::size_t> axes = plain_axes(given.value_or(std::vector<std::int64_t>{}), rank);
  if (axes.empty() && integer_attribute(node, "noop_with_empty_axes", 0) == 0) {
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  if (std::find(axes.begin(), axes.end(), at.axis) != axes.end()) {
    refuse_across("reduces the images of the batch to one");
  }
  if (integer_attribute(node, "keepdims", 1) == 0) at.axis -= count_before(axes, at.axis);
  return at;
}

OnnxBatch::Place OnnxBatch::place_after_reshape(OnnxValues& values, const OnnxNode& node,
                                                Spot at) const {
  const Dims one = values.dims(node, 0);
  const std::int64_t before = product_of(one, at.axis) * at.outer;
  Dims dims = one;
  std::vector<std::int64_t> target;
  bool is_of_one = false;  // the target has the sizes of one image
  if (node.op == "Flatten") {
    dims[at.axis] *= batch_;
    const auto rank = static_cast<std::int64_t>(one.size());
    std::int64_t axis = integer_attribute(node, "axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank) return std::nullopt;
    const std::int64_t first = product_of(dims, static_cast<std::size_t>(axis));
    target = {first, first == 0 ? 0 : num_elements_of(dims) / first};
  } else if (OnnxValues::has_input(node, 1)) {
    const OnnxConstant& shape = values.constant(node, 1);
    if (!shape.has_values) return std::nullopt;
    target = integers_in(shape, kMaxTensorRank);
    is_of_one = sizes_of_one_image_.contains(node.inputs[1]) && fits_one_image(values, node);
  } else if (const auto shape = integers_attribute(node, "shape"); shape) {
    target = *shape;
  }
  if (!is_of_one && node.op != "Flatten") dims[at.axis] *= batch_;
  std::int64_t known = 1;
  std::size_t free = target.size();
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] == 0 && integer_attribute(node, "allowzero", 0) == 0) {
      if (i >= dims.size()) return std::nullopt;
      target[i] = dims[i];
    }
    if (target[i] == -1) {
      free = i;
    } else if (target[i] < 1 || known > (std::int64_t{1} << 48) / target[i]) {
      return std::nullopt;
    } else {
      known *= target[i];
    }
  }
  const std::int64_t all = num_elements_of(dims);
  if (free != target.size()) {
    target[free] = all / known;
    known *= target[free];
  }
  if (known != all) return std::nullopt;
  const bool is_flatten = node.op == "Flatten";  // needs no help
  if (is_of_one) {
    values.set_reshape_target(target);
    return place_of_one(target, before);
  }
  // The dim that has all images: they begin in it, and end in it.
  std::int64_t passed = 1;
  for (std::size_t i = 0; i < target.size() && passed <= before; passed *= target[i++]) {
    if (before % passed != 0) return std::nullopt;
    const std::int64_t outer = before / passed;
    if (target[i] % (outer * batch_) != 0) continue;
    target[i] /= batch_;
    if (!is_flatten) values.set_reshape_target(target);
    return Spot{i, outer};
  }
  return std::nullopt;
}

/// After sizes of one image only a dim of 1, or the first of all, tells where the images are:
/// steps x channels may have them in either.
OnnxBatch::Place OnnxBatch::place_of_one(const Dims& target, std::int64_t before) {
  std::int64_t passed = 1;
  for (std::size_t i = 0; i < target.size() && passed <= before; passed *= target[i++]) {
    if (passed == before && (target[i] == 1 || i == 0)) return Spot{i, 1};
  }
  return std::nullopt;
}

OnnxBatch::Place OnnxBatch::place_after_pieces(OnnxValues& values, const OnnxNode& node,
                                               Spot at) const {
  const Dims dims = values.dims(node, 0);
  const std::size_t rank = dims.size();
  if (node.op == "Slice") {
    const auto begins = integers_of_node(values, node, "starts", 1);
    const auto ends = integers_of_node(values, node, "ends", 2);
    const auto axes = integers_of_node(values, node, "axes", 3);
    if (!begins || !ends || begins->size() != ends->size()) return at;  // is refused
    for (std::size_t i = 0; i < begins->size(); ++i) {
      if (axes && i >= axes->size()) break;
      const std::size_t axis = axes ? axis_of((*axes)[i], rank) : i;
      const bool is_whole = (*begins)[i] == 0 && (*ends)[i] >= batch_ * dims[at.axis];
      if (axis == at.axis && !is_whole) refuse_across("takes some of the images of the batch");
    }
    return at;
  }
  const std::size_t axis = axis_of(integer_attribute(node, "axis", 0), rank);
  if (axis == at.axis) refuse_across("takes some of the images of the batch");
  if (node.op == "Split" || at.axis < axis || node.inputs.size() < 2) return at;
  at.axis += values.dims(node, 1).size();
  --at.axis;
  return at;
}

OnnxBatch::Place OnnxBatch::place_after_moved_axes(OnnxValues& values, const OnnxNode& node,
                                                   Spot at) const {
  const std::size_t rank = values.dims(node, 0).size();
  const auto moved_to = [&](std::size_t axis) { return Spot{axis, at.outer}; };
  if (node.op == "Transpose") {
    const auto perm = integers_attribute(node, "perm");
    if (!perm) return moved_to(rank - 1 - at.axis);
    for (std::size_t i = 0; i < perm->size(); ++i) {
      if (axis_of((*perm)[i], rank) == at.axis) return moved_to(i);
    }
    return std::nullopt;
  }
  if (node.op == "Expand" || node.op == "Tile") {
    const OnnxConstant& sizes = values.constant(node, 1);
    if (!sizes.has_values) return std::nullopt;
    const auto list = integers_in(sizes, kMaxTensorRank);
    if (node.op == "Expand") return moved_to(at.axis + std::max(rank, list.size()) - rank);
    if (at.axis < list.size() && list[at.axis] != 1)
      refuse_across("repeats the images of the batch");
    return at;
  }
  const auto given = integers_of_node(values, node, "axes", 1);
  if (!given) return at.axis == 0 ? Place(at) : std::nullopt;
  if (node.op == "Squeeze") {
    const auto axes = plain_axes(*given, rank);
    if (std::find(axes.begin(), axes.end(), at.axis) != axes.end()) {
      refuse_across("drops the dimension of the images");
    }
    return moved_to(at.axis - count_before(axes, at.axis));
  }
  const std::size_t new_rank = rank + given->size();
  if (new_rank > kMaxTensorRank) return std::nullopt;
  const auto axes = plain_axes(*given, new_rank);
  std::size_t left = at.axis;
  for (std::size_t i = 0; i < new_rank; ++i) {
    if (std::find(axes.begin(), axes.end(), i) != axes.end()) continue;
    if (left-- == 0) return moved_to(i);
  }
  return std::nullopt;
}

}  // namespace tilewake
