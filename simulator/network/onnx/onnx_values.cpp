// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_values.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"

namespace tilewake {
namespace {

using Kind = ElementwiseStep::Kind;
using Chain = std::vector<ElementwiseStep>;

/// Longer chains are settled on the way, so that a file of nothing else takes no quadratic time.
constexpr std::size_t kMaxSteps = 8;

bool is_activation(const ElementwiseStep& step, Activation activation) {
  return step.kind == Kind::kActivation && step.activation == activation;
}

/// relu6(x + 3): six times the hard sigmoid of x.
bool begins_like_hsigmoid(const Chain& steps) {
  return steps.size() >= 2 && steps[0].kind == Kind::kShift &&
         std::abs(steps[0].amount - 3.0) < 1e-3 && is_activation(steps[1], Activation::kRelu6);
}

/// What x * steps(x) is; none where it is no activation.
Activation gated_activation(const Chain& steps) {
  const bool is_scaled = !steps.empty() && steps.back().kind == Kind::kScale;
  const std::size_t size = steps.size() - (is_scaled ? 1 : 0);
  if (size == 1 && is_activation(steps[0], Activation::kSigmoid)) return Activation::kSwish;
  if (size == 1 && is_activation(steps[0], Activation::kHsigmoid)) return Activation::kHswish;
  if (size == 2 && begins_like_hsigmoid(steps)) return Activation::kHswish;
  return Activation::kNone;
}

/// A map of one image: dims beyond the three of a layer are refused by the caller.
OnnxDim without_ones(OnnxDim dim) { return joined({std::move(dim)}); }

/// Repeats of a map in one concat.
constexpr std::int64_t kMaxRepeats = 256;

std::int64_t pixels_of(const Shape& shape) { return shape.height * shape.width; }

/// A map of these channels and pixels.
Shape shape_for(const OnnxDim& channels, const OnnxDim& pixels) {
  Shape shape = {size_of(channels), size_of(pixels), 1};
  if (shape.height > kMaxDimension) {
    shape.width = pixels.back().size;
    shape.height /= shape.width;
  }
  return shape;
}

std::vector<std::int64_t> copy_key(int layer, const OnnxDim& order, const Shape& shape) {
  std::vector<std::int64_t> key = {layer, shape.channels, shape.height, shape.width};
  for (const OnnxFactor& factor : order) key.insert(key.end(), {factor.size, factor.stride});
  return key;
}

Shape with_padding(const Shape& map, const Padding& zeros) {
  return {map.channels, map.height + zeros.top + zeros.bottom,
          map.width + zeros.left + zeros.right};
}

}  // namespace

std::string text_of(const OnnxNode& node) {
  if (!node.label.empty()) return std::string(node.label);
  const std::string_view name = !node.name.empty()      ? node.name
                                : !node.outputs.empty() ? node.outputs[0]
                                                        : std::string_view("?");
  return fmt::format("'{}' ({})", printable(std::string(name)), printable(std::string(node.op)));
}

void check_map_dims(const Dims& dims) {
  const bool has_elements =
      std::all_of(dims.begin(), dims.end(), [](std::int64_t dim) { return dim > 0; });
  if (!has_elements || num_elements_of(dims) > kMaxFeatureMap) {
    throw InputError(
        fmt::format("gives {}: a feature map has 1 to {} elements", text_of(dims), kMaxFeatureMap));
  }
}

Shape shape_of(const Dims& dims, OnnxInputLayout layout) {
  const std::size_t expected =
      layout == OnnxInputLayout::kImage || layout == OnnxInputLayout::kChannelsLast ? 4
      : layout == OnnxInputLayout::kVector                                          ? 2
      : layout == OnnxInputLayout::kNumbers                                         ? dims.size()
                                                                                    : 3;
  if (dims.size() != expected) throw InputError(fmt::format("has {} dimensions", dims.size()));
  switch (layout) {
    case OnnxInputLayout::kImage:
      return {dims[1], dims[2], dims[3]};
    case OnnxInputLayout::kChannelsLast:
      return {dims[3], dims[1], dims[2]};
    case OnnxInputLayout::kAudio:
      return {dims[1], 1, dims[2]};
    case OnnxInputLayout::kOneImage:
      return {dims[0], dims[1], dims[2]};
    case OnnxInputLayout::kOneImageChannelsLast:
      return {dims[2], dims[0], dims[1]};
    case OnnxInputLayout::kTokens:
      return {dims[2], dims[1], 1};
    case OnnxInputLayout::kTimeFirst:
      return {dims[2], dims[0], 1};
    case OnnxInputLayout::kNumbers:
      return {num_elements_of(dims), 1, 1};
    case OnnxInputLayout::kVector:
      break;
  }
  return {dims[1], dims[0], 1};
}

namespace {

OnnxView view_of_input(const Shape& shape, OnnxInputLayout layout) {
  OnnxView image = view_of(shape);
  switch (layout) {
    case OnnxInputLayout::kImage:
      return image;
    case OnnxInputLayout::kChannelsLast:
      return permuted(image, {0, 2, 3, 1});
    case OnnxInputLayout::kAudio:
      return permuted(image, {0, 1, 3});
    case OnnxInputLayout::kOneImage:
      return permuted(image, {1, 2, 3});
    case OnnxInputLayout::kOneImageChannelsLast:
      return permuted(image, {2, 3, 1});
    case OnnxInputLayout::kTokens:
      return permuted(image, {0, 2, 1});
    case OnnxInputLayout::kTimeFirst:
      return permuted(image, {2, 0, 1});
    case OnnxInputLayout::kNumbers:
      return permuted(image, {1});
    case OnnxInputLayout::kVector:
      break;
  }
  return permuted(image, {2, 1});
}

}  // namespace

const Dims* OnnxValues::known_dims(std::string_view name) const {
  const auto found = known_dims_.find(name);
  return found == known_dims_.end() ? nullptr : &found->second;
}

void OnnxValues::define_input(std::string_view name, const Dims& dims, OnnxInputLayout layout) {
  OnnxValue value;
  value.set_view(view_of_input(tilewake::shape_of(dims, layout), layout));
  value.is_exclusive = true;
  define(name, std::move(value));
}

void OnnxValues::define_further_input(std::string_view name, const Dims& dims,
                                      OnnxInputLayout layout) {
  Layer layer;
  layer.op = Op::kInput;
  layer.ofm = tilewake::shape_of(dims, layout);
  OnnxView view = view_of_input(layer.ofm, layout);
  if (dims.empty()) view.clear();
  define(name, make_layer(source_node(name, "Input"), std::move(layer), {}, PaddingRule::valid(),
                          std::move(view)));
}

void OnnxValues::define_initializer(const OnnxTensor& tensor) {
  OnnxConstant constant = constant_of(tensor);
  constant.origin = num_origins_++;
  OnnxValue value;
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  define(tensor.name, std::move(value));
}

const OnnxNode& OnnxValues::part_of(const OnnxNode& node, std::string_view role) {
  OnnxNode part;  // without inputs and outputs, of which there may be many
  const std::string_view whole = !node.name.empty() ? node.name : node.outputs.at(0);
  part.op = node.op;
  part.label = keep_text(text_of(node));
  part.name = keep_text(fmt::format("{}.{}", whole.substr(0, kMaxNameLength), role));
  return keep(std::move(part));
}

const OnnxNode& OnnxValues::source_node(std::string_view name, std::string_view op) {
  OnnxNode node;
  node.name = name;
  node.op = op;
  node.outputs = {name};
  return keep(std::move(node));
}

OnnxValue& OnnxValues::any(const OnnxNode& node, std::size_t index) {
  if (!has_input(node, index)) throw InputError(fmt::format("input {} is missing", index));
  const auto found = values_.find(node.inputs[index]);
  if (found == values_.end() && for_host(node.inputs[index]) != nullptr) {
    throw InputError(fmt::format("reads '{}', which only a node left to the host can read",
                                 printable(std::string(node.inputs[index]))));
  }
  if (found == values_.end()) {
    throw InputError(
        fmt::format("reads '{}', which no earlier node gives (nodes must stand in the order in "
                    "which they run, and of some operators only the first output is known)",
                    printable(std::string(node.inputs[index]))));
  }
  return found->second;
}

const OnnxConstant& OnnxValues::constant(const OnnxNode& node, std::size_t index) {
  const OnnxValue& value = any(node, index);
  if (value.constant == nullptr) {
    throw InputError(fmt::format("input {} ('{}') must be a constant, and is computed", index,
                                 printable(std::string(node.inputs[index]))));
  }
  return *value.constant;
}

Dims OnnxValues::dims(const OnnxNode& node, std::size_t index) {
  const OnnxValue& value = any(node, index);
  if (value.constant != nullptr) return value.constant->dims;
  Dims dims = value.dims;
  if (value.pad != nullptr) {
    if (dims.size() == 4) dims[2] += value.zeros.top + value.zeros.bottom;
    dims.back() += value.zeros.left + value.zeros.right;
  }
  return dims;
}

OnnxValue OnnxValues::repeated_map(const OnnxNode& node, std::size_t index) {
  OnnxValue value = padded_map(node, index);
  if (value.pad != nullptr) value = any(node, index) = padded(value);
  return value;
}

OnnxValue OnnxValues::map(const OnnxNode& node, std::size_t index) {
  OnnxValue value = repeated_map(node, index);
  if (repeats(value.view)) value = any(node, index) = unrepeated(node, value);
  return value;
}

OnnxValue OnnxValues::padded_map(const OnnxNode& node, std::size_t index) {
  OnnxValue& value = any(node, index);
  if (value.constant != nullptr) throw InputError("a constant where a feature map is expected");
  if (value.shuffle != nullptr) {
    throw InputError(
        fmt::format("reads what {} gives: after it a Reshape must end the channel shuffle",
                    text_of(*value.shuffle)));
  }
  if (!value.steps.empty()) value = settled(value, 1);
  return value;
}

OnnxValue OnnxValues::constant_layer(const OnnxNode& node, std::size_t index, const Shape& shape) {
  const OnnxConstant& values = constant(node, index);
  const std::vector<std::int64_t> key = {values.origin, shape.channels, shape.height, shape.width};
  OnnxValue value;
  const auto known = values.origin < 0 ? constant_maps_.end() : constant_maps_.find(key);
  if (known != constant_maps_.end()) {
    value.layer = known->second;
    return value;
  }
  Layer layer;
  layer.op = Op::kConstant;
  layer.ofm = shape;
  value = make_layer(source_node(node.inputs[index], "Constant"), std::move(layer), {});
  if (values.origin >= 0) constant_maps_[key] = value.layer;
  return value;
}

OnnxValue OnnxValues::map_or_constant(const OnnxNode& node, std::size_t index) {
  if (!is_constant(node, index)) return map(node, index);
  const Dims& dims = constant(node, index).dims;
  const std::int64_t count = num_elements_of(dims);
  if (count == 0) throw InputError("a constant without elements");
  // N x C x H x W; channels are the last of fewer dims, the second of more.
  Shape shape = {1, 1, 1};
  OnnxView view;
  const std::size_t rank = dims.size();
  if (rank >= 4) {
    shape = {dims[0] * dims[1], 1, dims.back()};
    shape.height = count / shape.channels / shape.width;
    view = reshaped(view_of(shape), dims).value();
  } else if (rank > 0) {
    shape = {dims.back(), count / dims.back(), 1};
    OnnxView image = view_of(shape);
    OnnxView rows = reshaped({image[2]}, {dims.begin(), dims.end() - 1}).value();
    rows.push_back(image[1]);
    view = std::move(rows);
  }
  OnnxValue value = constant_layer(node, index, shape);
  value.set_view(std::move(view));
  return value;
}

bool OnnxValues::has_channels(const OnnxValue& value, const OnnxDim& channels,
                              bool any_order) const {
  const Shape& map = shape_of(value);
  const std::int64_t pixels = pixels_of(map);
  if (size_of(channels) != map.channels) return false;
  const OnnxDim list = without_ones(channels);
  if (any_order) {
    return std::all_of(list.begin(), list.end(),
                       [&](const OnnxFactor& factor) { return factor.stride >= pixels; });
  }
  return list.empty() || (list.size() == 1 && list[0].stride == pixels);
}

bool OnnxValues::is_arranged(const OnnxValue& value, const OnnxDim& channels,
                             const OnnxDim& pixels) const {
  if (!has_channels(value, channels, /*any_order=*/false)) return false;
  const OnnxDim list = without_ones(pixels);
  return size_of(list) == pixels_of(shape_of(value)) &&
         (list.empty() || (list.size() == 1 && list[0].stride == 1));
}

OnnxValue OnnxValues::arranged(const OnnxNode& node, const OnnxValue& value,
                               const OnnxDim& channels, const OnnxDim& rows,
                               const OnnxDim& columns) {
  return copied(node, value, joined({channels, rows, columns}),
                {size_of(channels), size_of(rows), size_of(columns)});
}

OnnxValue OnnxValues::arranged(const OnnxNode& node, const OnnxValue& value,
                               const OnnxDim& channels, const OnnxDim& pixels) {
  if (is_arranged(value, channels, pixels)) return value;
  return copied(node, value, joined({channels, pixels}), shape_for(channels, pixels));
}

std::int64_t OnnxValues::bytes_to_arrange(const OnnxValue& value, const OnnxDim& channels,
                                          const OnnxDim& pixels) const {
  const auto key = copy_key(value.layer, joined({channels, pixels}), shape_for(channels, pixels));
  const bool is_there = is_arranged(value, channels, pixels) || copies_.contains(key);
  return is_there ? 0 : shape_of(value).num_elements();
}

OnnxValue OnnxValues::with_channels(const OnnxNode& node, const OnnxValue& value,
                                    const OnnxDim& channels, bool any_order) {
  if (has_channels(value, channels, any_order)) return value;
  return arranged(node, value, channels, others_of(value.view, channels));
}

OnnxValue OnnxValues::image(const OnnxNode& node, const OnnxValue& value) {
  if (value.dims.size() < 2 || value.dims.size() > 4 || value.dims[0] != 1) {
    throw InputError(fmt::format("reads a map of {}; 1 x channels x rows x columns is understood",
                                 text_of(value.dims)));
  }
  OnnxView view = value.view;
  if (view.size() == 3) view.insert(view.begin() + 2, OnnxDim{});
  view.resize(4);
  return arranged(node, value, view[1], view[2], view[3]);
}

OnnxValue OnnxValues::edged(const OnnxNode& node, const OnnxValue& value) {
  OnnxValue result = value;
  const Shape map = shape_of(value);
  result.view = split_at_edges(value.view, map);
  for (const OnnxFactor& factor : stored_order(result.view)) {
    for (const std::int64_t edge : {map.width, pixels_of(map)}) {
      if (factor.stride < edge && factor.stride * factor.size > edge) {
        return arranged(node, value, {}, stored_order(value.view));
      }
    }
  }
  return result;
}

OnnxValue OnnxValues::unrepeated(const OnnxNode& node, const OnnxValue& value) {
  OnnxValue result = value;
  while (repeats(result.view)) {
    const Shape& map = shape_of(result);
    OnnxView view = result.view;
    std::int64_t times = 1;
    for (OnnxDim& dim : view) {
      for (OnnxFactor& factor : dim) {
        if (factor.stride != 0 || times != 1) continue;
        times = factor.size;
        factor.stride = map.num_elements();
      }
    }
    if (times > kMaxRepeats || map.num_elements() > kMaxFeatureMap / times) {
      throw InputError(
          fmt::format("repeats a map of {} elements {} times", map.num_elements(), times));
    }
    Layer layer;
    layer.op = Op::kConcat;
    const std::vector<OnnxValue> parts(static_cast<std::size_t>(times), result);
    result = make_layer(result.mover != nullptr ? *result.mover : part_of(node, "repeat"),
                        std::move(layer), parts, PaddingRule::valid(), std::move(view));
  }
  return result;
}

OnnxValue OnnxValues::copied(const OnnxNode& node, const OnnxValue& value, const OnnxDim& order,
                             const Shape& shape) {
  const OnnxDim list = without_ones(order);
  const Shape& from = shape_of(value);
  const bool is_same = list.empty() || (list.size() == 1 && list[0].stride == 1);
  if (is_same && shape == from) return value;
  // Both orders in the same parts, so that one is a permutation of the other.
  OnnxDim stored = list;
  std::sort(stored.begin(), stored.end(),
            [](const OnnxFactor& a, const OnnxFactor& b) { return a.stride > b.stride; });
  Layer layer;
  layer.op = Op::kTranspose;
  layer.ofm = shape;
  for (const OnnxFactor& factor : stored) layer.view.push_back(factor.size);
  if (stored.empty()) layer.view.push_back(1);
  for (const OnnxFactor& factor : list) {
    layer.order.push_back(
        static_cast<int>(std::find(stored.begin(), stored.end(), factor) - stored.begin()));
  }
  if (list.empty()) layer.order.push_back(0);
  // Two factors of the channels that change places, before all pixels.
  const std::int64_t pixels = pixels_of(from);
  const bool swaps = stored.size() == (pixels > 1 ? 3U : 2U) && layer.order[0] == 1 &&
                     layer.order[1] == 0 && stored[0].size * stored[1].size == from.channels;
  if (swaps && shape == from) {
    layer.op = Op::kChannelShuffle;
    layer.groups = stored[0].size;
    layer.view.clear();
    layer.order.clear();
  }
  const std::vector<std::int64_t> key = copy_key(value.layer, list, shape);
  OnnxValue result = value;
  const auto known = copies_.find(key);
  if (known != copies_.end()) {
    result.layer = known->second;
  } else {
    const OnnxNode& mover = value.mover != nullptr ? *value.mover : part_of(node, "order");
    result.layer = add_layer(mover, std::move(layer), {value}, PaddingRule::valid());
    copies_[key] = result.layer;
  }
  result.is_exclusive = false;
  result.mover = nullptr;
  // A factor of the view may be in several parts of the order, and a part in several factors.
  OnnxView view(value.view.size());
  for (std::size_t axis = 0; axis < view.size(); ++axis) {
    for (const OnnxFactor& factor : value.view[axis]) {
      for (const OnnxFactor& part : stored) {
        const std::int64_t begin = std::max(factor.stride, part.stride);
        const std::int64_t end = std::min(factor.stride * factor.size, part.stride * part.size);
        if (begin >= end) continue;
        std::int64_t stride = begin / part.stride;
        for (std::size_t i = list.size(); i-- > 0 && !(list[i] == part);) stride *= list[i].size;
        append(view[axis], OnnxFactor{end / begin, stride});
      }
    }
  }
  result.set_view(std::move(view));
  return result;
}

Dims OnnxValues::for_one_image(const OnnxConstant& constant, bool must_know) const {
  Dims dims = for_one_image(constant.dims);
  if (dims == constant.dims) return dims;
  const std::optional<bool> is_equal = has_equal_entries(constant);
  if (is_equal.value_or(!must_know)) return dims;
  throw InputError(
      fmt::format("has parameters of {}, {} for all {} images of the batch", text_of(constant.dims),
                  is_equal ? "which are not the same" : "not known to be the same", batch_));
}

std::optional<Dims> OnnxValues::take_given_dims(std::string_view name) {
  auto found = given_dims_.extract(name);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

void OnnxValues::define(std::string_view name, OnnxValue value) {
  if (name.empty()) throw InputError("gives a value without a name");
  if (value.constant == nullptr) check_map_dims(value.dims);
  if (!values_.emplace(name, std::move(value)).second) {
    throw InputError(fmt::format("gives '{}', as another node or input does already",
                                 printable(std::string(name))));
  }
}

void OnnxValues::define_for_host(std::string_view name, OnnxValue value) {
  values_for_host_.insert_or_assign(name, std::move(value));
}

const OnnxValue* OnnxValues::for_host(std::string_view name) const {
  const auto found = values_for_host_.find(name);
  return found == values_for_host_.end() ? nullptr : &found->second;
}

void OnnxValues::define_constant(const OnnxNode& node, OnnxConstant constant, std::size_t output) {
  if (node.outputs.size() <= output) throw InputError("gives nothing");
  if (constant.origin < 0) constant.origin = num_origins_++;
  OnnxValue value;
  value.constant = std::make_shared<const OnnxConstant>(std::move(constant));
  define(node.outputs[output], std::move(value));
}

void OnnxValues::define_same(const OnnxNode& node, OnnxValue value, OnnxView view) {
  if (node.outputs.empty()) throw InputError("gives nothing");
  if (value.steps.empty()) {
    value.is_exclusive = value.is_exclusive && num_uses(node.inputs[0]) == 1;
  } else if (num_uses(node.outputs[0]) != 1) {
    value = settled(value, 1);
  }
  if (view != value.view) value.mover = &node;
  value.set_view(std::move(view));
  define(node.outputs[0], std::move(value));
}

void OnnxValues::define_unchanged(const OnnxNode& node) {
  if (any(node, 0).shuffle != nullptr) map(node, 0);
  define_same(node, any(node, 0));
}

const OnnxNode& OnnxValues::keep_as(const OnnxNode& node, const OnnxNode& last) {
  OnnxNode kept = node;
  kept.outputs = last.outputs;
  return keep(std::move(kept));
}

void OnnxValues::define_step(const OnnxNode& node, std::size_t input, ElementwiseStep step) {
  if (node.outputs.empty()) throw InputError("gives nothing");
  if (any(node, input).pad != nullptr || any(node, input).shuffle != nullptr) map(node, input);
  OnnxValue value = any(node, input);
  if (value.constant != nullptr) throw InputError("a constant where a feature map is expected");
  if (value.steps.empty()) value.base = node.inputs[input];
  step.node = &node;
  value.steps.push_back(step);
  if (value.steps.size() > kMaxSteps || num_uses(node.outputs[0]) != 1) value = settled(value, 1);
  define(node.outputs[0], std::move(value));
}

OnnxValue OnnxValues::make_layer(const OnnxNode& node, Layer layer,
                                 const std::vector<OnnxValue>& inputs, const PaddingRule& padding,
                                 const std::optional<OnnxView>& view, std::size_t output) {
  OnnxValue value;
  value.layer = add_layer(node, std::move(layer), inputs, padding, output);
  value.is_exclusive = true;
  value.set_view(view ? *view : view_of(shape_of(value)));
  return value;
}

void OnnxValues::define_layer(const OnnxNode& node, Layer layer,
                              const std::vector<OnnxValue>& inputs, const PaddingRule& padding,
                              const std::optional<OnnxView>& view, std::size_t output) {
  if (node.outputs.size() <= output) throw InputError("gives nothing");
  define(node.outputs[output], make_layer(node, std::move(layer), inputs, padding, view, output));
}

bool OnnxValues::define_gated(const OnnxNode& node, std::size_t input, std::size_t gate) {
  const OnnxValue& x = any(node, input);
  const OnnxValue& factor = any(node, gate);
  if (x.constant != nullptr || !x.steps.empty() || factor.steps.empty() ||
      factor.base != node.inputs[input] || factor.view != x.view) {
    return false;
  }
  const Activation activation = gated_activation(factor.steps);
  if (activation == Activation::kNone) return false;
  OnnxValue value = factor;
  value.steps = {{Kind::kActivation, &node, activation, 0.0, false, false, -1}};
  value = settled(value, 2);
  define(node.outputs.at(0), std::move(value));
  return true;
}

const OnnxValue* OnnxValues::output(std::string_view name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return nullptr;
  OnnxValue& value = found->second;
  if (!value.steps.empty()) value = settled(value, 1);
  if (value.pad != nullptr) value = padded(value);
  if (value.constant == nullptr && repeats(value.view)) {
    value = unrepeated(source_node(name, "Expand"), value);
  }
  return &found->second;
}

int OnnxValues::num_uses(std::string_view name) const {
  const auto found = num_uses_.find(name);
  return found == num_uses_.end() ? 0 : found->second;
}

OnnxValue OnnxValues::settled(const OnnxValue& value, int num_readers) {
  OnnxValue map = value;
  Chain steps = std::exchange(map.steps, {});
  map.is_exclusive = value.is_exclusive && num_uses(value.base) == num_readers;
  if (begins_like_hsigmoid(steps)) {
    steps.erase(steps.begin());
    steps[0].activation = Activation::kHsigmoid;
  }
  for (const ElementwiseStep& step : steps) apply(step, map);
  return map;
}

void OnnxValues::apply(const ElementwiseStep& step, OnnxValue& map) {
  if (step.kind == Kind::kScale) return;
  const bool is_activation = step.kind == Kind::kActivation;
  const bool has_shift = step.kind == Kind::kShift || step.has_shift;
  if (map.is_exclusive && map.layer != kNetworkInput) {
    Layer& layer = drafts_.at(map.layer);
    const bool takes_step = is_activation ? !layer.moves_data() && !layer.is_source()
                                          : layer.has_weights() || layer.is_norm();
    if (layer.activation == Activation::kNone && takes_step) {
      if (is_activation) layer.activation = step.activation;
      if (!is_activation && layer.is_norm()) layer.shift = (layer.bias && layer.shift) || has_shift;
      if (!is_activation) layer.bias = layer.bias || has_shift || layer.is_norm();
      if (step.has_factor) drafts_.change_weights(map.layer, step.origin);
      if (has_shift || (step.has_factor && layer.bias)) drafts_.change_bias(map.layer, step.origin);
      return;
    }
  }
  if (step.kind == Kind::kShift) return;  // the zero point of an int8 map takes it in
  // A layer of its own that reads every element once: a window of 1 x 1.
  Layer layer;
  layer.op = is_activation ? Op::kMaxPool : Op::kDepthwiseConv2d;
  layer.activation = step.activation;
  layer.bias = is_activation || has_shift;  // true is the default of ops without
  map.layer = add_layer(*step.node, std::move(layer), {map}, PaddingRule::valid());
  drafts_.back().weights = step.origin;
  if (has_shift && !is_activation) drafts_.back().bias = step.origin;
  map.is_exclusive = true;
}

OnnxValue OnnxValues::padded(const OnnxValue& value) {
  Layer layer;
  layer.op = Op::kPad;
  const Shape shape = with_padding(shape_of(value), value.zeros);
  OnnxView view = view_of(shape);
  if (value.dims.size() == 3) view.erase(view.begin() + 2);
  return make_layer(*value.pad, std::move(layer), {value}, PaddingRule::explicit_zeros(value.zeros),
                    std::move(view));
}

int OnnxValues::add_layer(const OnnxNode& node, Layer layer, const std::vector<OnnxValue>& inputs,
                          const PaddingRule& padding, std::size_t output) {
  if (drafts_.drafts().size() >= kMaxLayers) {
    throw InputError(fmt::format("the network has more than {} layers", kMaxLayers));
  }
  layer.name = names_.next(!node.name.empty() ? node.name : node.outputs.at(output));
  layer.block = std::string(hint_in(node.doc, kBlockHint));
  layer.inputs.clear();
  for (const OnnxValue& input : inputs) layer.inputs.push_back(input.layer);
  return drafts_.add(std::move(layer), padding, node);
}

}  // namespace tilewake
