// SPDX-License-Identifier: Apache-2.0
// Ops of today's models: products of maps, norms, resizing, moved data. Maps are N x C x H x W;
// what an operator needs in another order is reshaped or transposed before and after it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "simulator/network/onnx/onnx_graph_writer.hpp"

namespace tilewake {
namespace {

/// What Resize multiplies `in` with, rounded down, to get `out`.
float resize_scale(std::int64_t in, std::int64_t out) {
  float scale = static_cast<float>(out) / static_cast<float>(in);
  const auto resized = [&] {
    return static_cast<std::int64_t>(
        std::floor(static_cast<double>(in) * static_cast<double>(scale)));
  };
  while (resized() < out) scale = std::nextafter(scale, std::numeric_limits<float>::infinity());
  return scale;
}

std::int64_t pixels(const Shape& shape) { return shape.height * shape.width; }

Dims dims_of(const Shape& shape) { return {shape.channels, shape.height, shape.width}; }

}  // namespace

bool OnnxGraphWriter::add_map_op(const Layer& layer, const std::string& output) {
  switch (layer.op) {
    case Op::kAdd:
    case Op::kMul:
    case Op::kSub:
    case Op::kDiv:
    case Op::kMaximum:
      add_elementwise(layer, output);
      return true;
    case Op::kConvTranspose2d:
      add_conv_transpose(layer, output);
      return true;
    case Op::kMatmul:
      add_matmul(layer, output);
      return true;
    case Op::kResize:
      add_resize(layer, output);
      return true;
    case Op::kReduce:
      add_reduce(layer, output);
      return true;
    case Op::kSoftmax:
      add_softmax(layer, output);
      return true;
    case Op::kLayerNorm:
      add_layer_norm(layer, output);
      return true;
    case Op::kGroupNorm:
      add_group_norm(layer, output);
      return true;
    case Op::kLrn:
      add_attribute(add_main(layer, "LRN", {input_of(layer)}, output), "size", layer.extent);
      return true;
    case Op::kSlice:
      add_slice(layer, output);
      return true;
    case Op::kPad:
      add_pad(layer, output);
      return true;
    case Op::kTranspose:
      add_transpose(layer, output);
      return true;
    case Op::kDepthToSpace: {
      onnx::NodeProto& node = add_main(layer, "DepthToSpace", {input_of(layer)}, output);
      add_attribute(node, "blocksize", layer.extent);
      add_attribute(node, "mode", "CRD");
      return true;
    }
    case Op::kSpaceToDepth:
      add_attribute(add_main(layer, "SpaceToDepth", {input_of(layer)}, output), "blocksize",
                    layer.extent);
      return true;
    case Op::kInput:  // an input of the graph
      if (is_last(layer)) fail_onnx_layer(layer, "an input at the end has no reader");
      return true;
    case Op::kConstant:
      add_constant(layer, output);
      return true;
    case Op::kEmbedding:
      add_embedding(layer, output);
      return true;
    default:
      return false;
  }
}

void OnnxGraphWriter::add_conv_transpose(const Layer& layer, const std::string& output) {
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ifm.channels, layer.ofm.channels / layer.groups,
                          layer.kernel_height, layer.kernel_width});
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_main(layer, "ConvTranspose", inputs, output);
  const Padding& p = layer.padding;
  const auto positive = [](std::int64_t size) { return std::max<std::int64_t>(size, 0); };
  add_attribute(node, "kernel_shape", Dims{layer.kernel_height, layer.kernel_width});
  add_attribute(node, "strides", Dims{layer.stride.height, layer.stride.width});
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
  add_attribute(node, "pads", Dims{p.top, p.left, positive(p.bottom), positive(p.right)});
  add_attribute(node, "output_padding", Dims{positive(-p.bottom), positive(-p.right)});
  add_attribute(node, "group", layer.groups);
}

/// Of channels that are repeated as a whole, the repetitions become a dimension.
void OnnxGraphWriter::add_elementwise(const Layer& layer, const std::string& output) {
  const char* type = layer.op == Op::kAdd   ? "Add"
                     : layer.op == Op::kMul ? "Mul"
                     : layer.op == Op::kSub ? "Sub"
                     : layer.op == Op::kDiv ? "Div"
                                            : "Max";
  std::vector<std::string> inputs = {input_of(layer, 0), input_of(layer, 1)};
  const std::int64_t fewest =
      std::min(input_shape(layer, 0).channels, input_shape(layer, 1).channels);
  if (fewest == 1 || fewest == layer.ofm.channels) {
    add_main(layer, type, inputs, output);
    return;
  }
  const char* const roles[] = {"apart0", "apart1"};
  for (std::size_t i = 0; i < 2; ++i) {
    const Shape& shape = input_shape(layer, i);
    inputs[i] = add_reshape(layer, roles[i], inputs[i],
                            {shape.channels / fewest, fewest, shape.height, shape.width});
  }
  const std::string apart = take_name(layer, layer.name + ".apart");
  add_main(layer, type, inputs, apart);
  add_reshape(layer, "together", apart, dims_of(layer.ofm), output);
}

/// N x groups x pixels x depth times N x groups x depth x outputs.
void OnnxGraphWriter::add_matmul(const Layer& layer, const std::string& output) {
  const std::int64_t groups = layer.groups;
  const Shape& b = input_shape(layer, 1);
  const std::string a_apart = add_reshape(layer, "a.groups", input_of(layer, 0),
                                          {groups, layer.depth(), pixels(layer.ifm)});
  const std::string a = add_permutation(layer, "a", a_apart, {0, 1, 3, 2});
  std::string b_apart =
      add_reshape(layer, "b.groups", input_of(layer, 1), {groups, b.channels / groups, pixels(b)});
  if (!layer.transposed) b_apart = add_permutation(layer, "b", b_apart, {0, 1, 3, 2});
  const std::string product = take_name(layer, layer.name + ".product");
  add_main(layer, "MatMul", {a, b_apart}, product);
  const std::string channels_first = add_permutation(layer, "channels", product, {0, 1, 3, 2});
  add_reshape(layer, "map", channels_first, dims_of(layer.ofm), output);
}

void OnnxGraphWriter::add_resize(const Layer& layer, const std::string& output) {
  const std::vector<float> factors = {1.0F, 1.0F, resize_scale(layer.ifm.height, layer.ofm.height),
                                      resize_scale(layer.ifm.width, layer.ofm.width)};
  const std::string scales = add_floats(layer, "scales", {4}, factors);
  onnx::NodeProto& node = add_main(layer, "Resize", {input_of(layer), "", scales}, output);
  const std::int64_t taps = std::max(layer.kernel_height, layer.kernel_width);
  if (taps == 1) {
    add_attribute(node, "mode", "nearest");
    add_attribute(node, "coordinate_transformation_mode", "asymmetric");
    add_attribute(node, "nearest_mode", "floor");
  } else {
    add_attribute(node, "mode", taps == 2 ? "linear" : "cubic");
    add_attribute(node, "coordinate_transformation_mode", "half_pixel");
  }
}

/// The maximum, which has no other name when it is over all pixels.
void OnnxGraphWriter::add_reduce(const Layer& layer, const std::string& output) {
  const Shape& from = layer.ifm;
  const Shape& to = layer.ofm;
  const bool splits = to.channels != 1 && to.channels != from.channels;
  const std::int64_t rows = splits ? 3 : 2;
  Dims axes;
  if (to.channels != from.channels || from.channels == 1) axes.push_back(1);
  if (to.height == 1) axes.push_back(rows);
  if (to.width == 1) axes.push_back(rows + 1);
  if (axes.empty()) fail_onnx_layer(layer, "reduces nothing");
  const std::string input =
      !splits ? input_of(layer)
              : add_reshape(layer, "apart", input_of(layer),
                            {from.channels / to.channels, to.channels, from.height, from.width});
  const std::string reduced = splits ? take_name(layer, layer.name + ".reduced") : output;
  onnx::NodeProto& node = add_main(layer, "ReduceMax", {input}, reduced);
  add_attribute(node, "axes", axes);
  add_attribute(node, "keepdims", std::int64_t{1});
  if (splits) add_reshape(layer, "together", reduced, dims_of(to), output);
}

void OnnxGraphWriter::add_softmax(const Layer& layer, const std::string& output) {
  if (layer.groups == 1) {
    add_attribute(add_main(layer, "Softmax", {input_of(layer)}, output), "axis", std::int64_t{1});
    return;
  }
  const Shape& map = layer.ifm;
  const std::string apart =
      add_reshape(layer, "apart", input_of(layer),
                  {layer.groups, map.channels / layer.groups, map.height, map.width});
  const std::string normalised = take_name(layer, layer.name + ".normalised");
  add_attribute(add_main(layer, "Softmax", {apart}, normalised), "axis", std::int64_t{2});
  add_reshape(layer, "together", normalised, dims_of(map), output);
}

/// The operator normalises the last dimension, with factors and shifts that groups share.
void OnnxGraphWriter::add_layer_norm(const Layer& layer, const std::string& output) {
  const Shape& map = layer.ifm;
  const std::int64_t size = map.channels / layer.groups;
  std::string last = add_permutation(layer, "last", input_of(layer), {0, 2, 3, 1});
  if (layer.groups > 1)
    last = add_reshape(layer, "apart", last, {map.height, map.width, layer.groups, size});
  std::vector<std::string> inputs = {last};
  if (layer.bias) {
    inputs.push_back(add_norm_parameter(layer, "factor", {size}));
    if (layer.shift) inputs.push_back(add_norm_parameter(layer, "shift", {size}));
  } else {
    inputs.push_back(add_ones(layer, "factor", {size}));
  }
  std::string normalised = take_name(layer, layer.name + ".normalised");
  add_attribute(add_main(layer, "LayerNormalization", inputs, normalised), "axis",
                std::int64_t{-1});
  if (layer.groups > 1)
    normalised = add_reshape(layer, "together", normalised, {map.height, map.width, map.channels});
  add_attribute(add_side(layer, "first", "Transpose", {normalised}, output), "perm",
                Dims{0, 3, 1, 2});
}

/// A group becomes a channel for the operator; factors and shifts follow, one each channel. The
/// last node is the layer.
void OnnxGraphWriter::add_group_norm(const Layer& layer, const std::string& output) {
  const Shape& map = layer.ifm;
  const Dims size = {layer.groups};
  if (layer.groups == map.channels) {
    const std::string factor =
        layer.bias ? add_norm_parameter(layer, "factor", size) : add_ones(layer, "factor", size);
    const std::string shift =
        layer.bias ? add_norm_parameter(layer, "shift", size) : add_zeros(layer, "shift", size);
    add_main(layer, "InstanceNormalization", {input_of(layer), factor, shift}, output);
    return;
  }
  const auto constant = [&](const char* role, const Dims& dims, float value) {
    return add_floats(layer, role, dims,
                      std::vector<float>(static_cast<std::size_t>(dims[0]), value));
  };
  // Initializers: the reader knows the norm by them.
  const auto parameter = [&](const char* role) {
    const Dims dims = {map.channels, 1, 1};
    return layer.weights_of >= 0 ? add_norm_parameter(layer, role, dims)
                                 : constant(role, dims, 0.0F);
  };
  const std::string one = constant("one", size, 1.0F);
  const std::string zero = constant("zero", size, 0.0F);
  const std::string apart = add_reshape(layer, "apart", input_of(layer),
                                        {layer.groups, map.channels / layer.groups * pixels(map)});
  const std::string normalised =
      add_side(layer, "normalised", "InstanceNormalization", {apart, one, zero});
  const std::string shape = add_integers(layer, "shape", {0, map.channels, map.height, map.width});
  if (!layer.bias) {
    add_main(layer, "Reshape", {normalised, shape}, output);
    return;
  }
  const std::string together = add_side(layer, "together", "Reshape", {normalised, shape});
  const std::string factor = parameter("factor");
  const std::string shift = parameter("shift");
  const std::string scaled = add_side(layer, "scaled", "Mul", {together, factor});
  add_main(layer, "Add", {scaled, shift}, output);
}

void OnnxGraphWriter::add_slice(const Layer& layer, const std::string& output) {
  const std::int64_t top = -layer.padding.top;
  const std::int64_t left = -layer.padding.left;
  const Shape& to = layer.ofm;
  const std::string starts = add_integers(layer, "starts", {layer.first_channel, top, left});
  const std::string ends = add_integers(
      layer, "ends",
      {layer.first_channel + to.channels, top + (to.height - 1) * layer.stride.height + 1,
       left + (to.width - 1) * layer.stride.width + 1});
  const std::string axes = add_integers(layer, "axes", {1, 2, 3});
  const std::string steps =
      add_integers(layer, "steps", {1, layer.stride.height, layer.stride.width});
  add_main(layer, "Slice", {input_of(layer), starts, ends, axes, steps}, output);
}

void OnnxGraphWriter::add_pad(const Layer& layer, const std::string& output) {
  const Padding& p = layer.padding;
  const std::string pads = add_integers(
      layer, "pads",
      {0, 0, p.top, p.left, 0, layer.ofm.channels - layer.ifm.channels, p.bottom, p.right});
  add_attribute(add_main(layer, "Pad", {input_of(layer), pads}, output), "mode", "constant");
}

void OnnxGraphWriter::add_transpose(const Layer& layer, const std::string& output) {
  Dims perm = {0};
  for (const int factor : layer.order) perm.push_back(factor + 1);
  const std::string apart = add_reshape(layer, "apart", input_of(layer), layer.view);
  const std::string moved = take_name(layer, layer.name + ".moved");
  add_attribute(add_main(layer, "Transpose", {apart}, moved), "perm", perm);
  add_reshape(layer, "together", moved, dims_of(layer.ofm), output);
}

void OnnxGraphWriter::add_constant(const Layer& layer, const std::string& output) {
  const Shape& map = layer.ofm;
  const std::string shape = add_integers(layer, "shape", {1, map.channels, map.height, map.width});
  add_main(layer, "ConstantOfShape", {shape}, output);
}

/// Rows of the table become channels of pixels.
void OnnxGraphWriter::add_embedding(const Layer& layer, const std::string& output) {
  const std::string table = add_zeros(layer, "table", {layer.extent, layer.ofm.channels});
  const std::string flat = add_reshape(layer, "flat", input_of(layer), {layer.ofm.height});
  const std::string numbers = take_name(layer, layer.name + ".numbers");
  add_attribute(add_side(layer, "numbers", "Cast", {flat}, numbers), "to",
                std::int64_t{onnx::TensorProto::INT64});
  const std::string rows = take_name(layer, layer.name + ".rows");
  add_attribute(add_main(layer, "Gather", {table, numbers}, rows), "axis", std::int64_t{0});
  const std::string channels = add_permutation(layer, "channels", rows, {0, 2, 1});
  add_reshape(layer, "map", channels, dims_of(layer.ofm), output);
}

}  // namespace tilewake
