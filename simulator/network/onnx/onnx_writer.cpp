// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/network/onnx/onnx_fields.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/onnx/onnx_names.hpp"
#include "simulator/network/onnx/wire_format.hpp"

namespace tilewake {
namespace {

namespace field = onnx_field;

[[noreturn]] void fail(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("ONNX: layer '{}': {}", layer.name, what));
}

/// An attribute without its value.
WireWriter attribute(std::string_view name, OnnxAttributeType type) {
  WireWriter text;
  text.bytes(field::attribute::kName, name);
  text.integer(field::attribute::kType, static_cast<int>(type));
  return text;
}

void add_attribute(WireWriter& node, std::string_view name, std::int64_t value) {
  node.message(field::node::kAttribute,
               attribute(name, OnnxAttributeType::kInt).integer(field::attribute::kInt, value));
}

void add_attribute(WireWriter& node, std::string_view name, float value) {
  node.message(field::node::kAttribute,
               attribute(name, OnnxAttributeType::kFloat).real(field::attribute::kFloat, value));
}

void add_attribute(WireWriter& node, std::string_view name, const Dims& values) {
  WireWriter text = attribute(name, OnnxAttributeType::kInts);
  for (const std::int64_t value : values) text.integer(field::attribute::kInts, value);
  node.message(field::node::kAttribute, text);
}

void add_window_attributes(WireWriter& node, const Layer& layer) {
  const Padding& p = layer.padding;
  add_attribute(node, "kernel_shape", Dims{layer.kernel_height, layer.kernel_width});
  add_attribute(node, "strides", Dims{layer.stride, layer.stride});
  // Negative padding stands for rows that no window reads; ONNX leaves them out by itself.
  add_attribute(
      node, "pads",
      Dims{p.top, p.left, std::max<std::int64_t>(p.bottom, 0), std::max<std::int64_t>(p.right, 0)});
}

template <typename T>
std::string_view bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::int64_t product(const Dims& dims) {
  std::int64_t size = 1;
  for (const std::int64_t dim : dims) size *= dim;
  return size;
}

/// Appends the nodes of one layer after another to a graph.
class GraphWriter {
 public:
  GraphWriter(const Network& network, const OnnxWeightSource& source, WireWriter& graph)
      : network_(network), source_(source), graph_(graph), names_{kOnnxInput} {}

  void add_layer(int index);
  void add_flatten_at_end();

 private:
  // One function a kind of op: what its name says, without the activation, becomes `output`.
  void add_linear(const Layer& layer, const std::string& output);
  void add_convolution(const Layer& layer, const std::string& output, std::int64_t groups,
                       const Dims& weight_dims);
  void add_dense(const Layer& layer, const std::string& output);
  void add_dense_as_convolution(const Layer& layer, const std::string& output);
  void add_max_pool(const Layer& layer, const std::string& output);
  void add_avg_pool(const Layer& layer, const std::string& output);
  void add_dilated_avg_pool(const Layer& layer, const std::string& output);
  void add_channel_split(const Layer& layer, const std::string& output);
  void add_channel_shuffle(const Layer& layer, const std::string& output);
  void add_activation(const Layer& layer, const std::string& input, const std::string& output);

  /// The node that is the layer bears its name.
  WireWriter main_node(const Layer& layer, std::string_view type,
                       const std::vector<std::string>& inputs, const std::string& output) const;
  /// Another node of the layer, "<layer>.<role>".
  WireWriter side_node(const Layer& layer, std::string_view role, std::string_view type,
                       const std::vector<std::string>& inputs, const std::string& output);
  static WireWriter node_of(const std::string& name, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);
  void add(const WireWriter& node) { graph_.message(field::graph::kNode, node); }

  /// Values "<layer>.weight" and, where it has one, "<layer>.bias".
  std::vector<std::string> add_weights(const Layer& layer, const Dims& dims);
  std::string add_floats(const Layer& layer, const char* role, const Dims& dims,
                         std::span<const float> values);
  std::string add_integers(const Layer& layer, const char* role, const Dims& values);
  std::string add_zeros(const Layer& layer, const char* role, const Dims& dims);
  std::string add_tensor(const Layer& layer, const std::string& name, const Dims& dims,
                         OnnxType type, std::string_view values);
  std::string take_name(const Layer& layer, const std::string& name);
  std::string input_of(const Layer& layer) const {
    return onnx_value_name(network_, layer.inputs[0]);
  }
  bool is_last(const Layer& layer) const { return &layer == &network_.layers.back(); }

  const Network& network_;
  const OnnxWeightSource& source_;
  WireWriter& graph_;
  std::set<std::string> names_;       // of values and tensors
  std::set<std::string> node_names_;  // of side nodes
};

void GraphWriter::add_layer(int index) {
  const Layer& layer = network_.layers[static_cast<std::size_t>(index)];
  const std::string output = take_name(layer, onnx_value_name(network_, index));
  if (layer.activation == Activation::kNone) return add_linear(layer, output);
  const std::string linear = take_name(layer, layer.name + ".linear");
  add_linear(layer, linear);
  add_activation(layer, linear, output);
}

void GraphWriter::add_linear(const Layer& layer, const std::string& output) {
  std::vector<std::string> inputs;
  for (const int input : layer.inputs) inputs.push_back(onnx_value_name(network_, input));
  switch (layer.op) {
    case Op::kConv2d:
      return add_convolution(layer, output, layer.groups,
                             {layer.ofm.channels, layer.ifm.channels / layer.groups,
                              layer.kernel_height, layer.kernel_width});
    case Op::kDepthwiseConv2d:
      return add_convolution(layer, output, layer.ifm.channels,
                             {layer.ofm.channels, 1, layer.kernel_height, layer.kernel_width});
    case Op::kFullyConnected:
      return is_last(layer) ? add_dense(layer, output) : add_dense_as_convolution(layer, output);
    case Op::kMaxPool:
      return add_max_pool(layer, output);
    case Op::kAvgPool:
      return layer.dilation == 1 ? add_avg_pool(layer, output)
                                 : add_dilated_avg_pool(layer, output);
    case Op::kGlobalAvgPool:
      return add(main_node(layer, "GlobalAveragePool", inputs, output));
    case Op::kAdd:
      return add(main_node(layer, "Add", inputs, output));
    case Op::kMul:
      return add(main_node(layer, "Mul", inputs, output));
    case Op::kConcat: {
      WireWriter node = main_node(layer, "Concat", inputs, output);
      add_attribute(node, "axis", std::int64_t{1});
      return add(node);
    }
    case Op::kChannelSplit:
      return add_channel_split(layer, output);
    case Op::kChannelShuffle:
      return add_channel_shuffle(layer, output);
  }
}

void GraphWriter::add_convolution(const Layer& layer, const std::string& output,
                                  std::int64_t groups, const Dims& weight_dims) {
  std::vector<std::string> inputs = add_weights(layer, weight_dims);
  inputs.insert(inputs.begin(), input_of(layer));
  WireWriter node = main_node(layer, "Conv", inputs, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
  add_attribute(node, "group", groups);
  add(node);
}

void GraphWriter::add_dense(const Layer& layer, const std::string& output) {
  const std::string flat = take_name(layer, layer.name + ".flat");
  WireWriter flatten = side_node(layer, "flatten", "Flatten", {input_of(layer)}, flat);
  add_attribute(flatten, "axis", std::int64_t{1});
  add(flatten);
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, layer.ifm.num_elements()});
  inputs.insert(inputs.begin(), flat);
  WireWriter node = main_node(layer, "Gemm", inputs, output);
  add_attribute(node, "transB", std::int64_t{1});
  add(node);
}

/// A window over the whole map, so that what follows sees C x 1 x 1 and not a vector.
void GraphWriter::add_dense_as_convolution(const Layer& layer, const std::string& output) {
  const Shape& in = layer.ifm;
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, in.channels, in.height, in.width});
  inputs.insert(inputs.begin(), input_of(layer));
  WireWriter node = main_node(layer, "Conv", inputs, output);
  add_attribute(node, "kernel_shape", Dims{in.height, in.width});
  add(node);
}

void GraphWriter::add_max_pool(const Layer& layer, const std::string& output) {
  WireWriter node = main_node(layer, "MaxPool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
  add(node);
}

void GraphWriter::add_avg_pool(const Layer& layer, const std::string& output) {
  WireWriter node = main_node(layer, "AveragePool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "count_include_pad", std::int64_t{1});
  add(node);
}

/// AveragePool knows no dilation before opset 19: a depthwise convolution by the window's share.
void GraphWriter::add_dilated_avg_pool(const Layer& layer, const std::string& output) {
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  const std::vector<float> shares(static_cast<std::size_t>(layer.ifm.channels * taps),
                                  1.0F / static_cast<float>(taps));
  const std::string weight = add_floats(
      layer, "weight", {layer.ifm.channels, 1, layer.kernel_height, layer.kernel_width}, shares);
  WireWriter node = main_node(layer, "Conv", {input_of(layer), weight}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
  add_attribute(node, "group", layer.ifm.channels);
  add(node);
}

void GraphWriter::add_channel_split(const Layer& layer, const std::string& output) {
  const std::string starts = add_integers(layer, "starts", {layer.first_channel});
  const std::string ends = add_integers(layer, "ends", {layer.first_channel + layer.ofm.channels});
  const std::string axes = add_integers(layer, "axes", {1});
  add(main_node(layer, "Slice", {input_of(layer), starts, ends, axes}, output));
}

/// Groups of channels become an axis that changes places with that of the channels in a group. The
/// batch stays free: 0 keeps it.
void GraphWriter::add_channel_shuffle(const Layer& layer, const std::string& output) {
  const Shape& map = layer.ifm;
  const std::string apart = add_integers(
      layer, "apart.shape", {0, layer.groups, map.channels / layer.groups, map.height, map.width});
  const std::string together =
      add_integers(layer, "shape", {0, map.channels, map.height, map.width});
  const std::string grouped = take_name(layer, layer.name + ".apart");
  add(side_node(layer, "apart", "Reshape", {input_of(layer), apart}, grouped));
  const std::string swapped = take_name(layer, layer.name + ".swapped");
  WireWriter swap = side_node(layer, "swap", "Transpose", {grouped}, swapped);
  add_attribute(swap, "perm", Dims{0, 2, 1, 3, 4});
  if (layer.groups == map.channels) {  // moves nothing, and is no part of a shuffle without a word
    swap.bytes(field::node::kDocString, fmt::format("{}{}", kOpHint, to_string(layer.op)));
  }
  add(swap);
  add(main_node(layer, "Reshape", {swapped, together}, output));
}

void GraphWriter::add_activation(const Layer& layer, const std::string& input,
                                 const std::string& output) {
  const auto add_simple = [&](std::string_view type) {
    add(side_node(layer, "activation", type, {input}, output));
  };
  const auto add_hard_sigmoid = [&](std::string_view role, const std::string& name) {
    WireWriter node = side_node(layer, role, "HardSigmoid", {input}, name);
    add_attribute(node, "alpha", 1.0F / 6.0F);  // relu6(x + 3) / 6
    add_attribute(node, "beta", 0.5F);
    add(node);
  };
  switch (layer.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return add_simple("Relu");
    case Activation::kRelu6: {
      const std::string min = add_floats(layer, "min", {}, std::vector<float>{0.0F});
      const std::string max = add_floats(layer, "max", {}, std::vector<float>{6.0F});
      return add(side_node(layer, "activation", "Clip", {input, min, max}, output));
    }
    case Activation::kHsigmoid:
      return add_hard_sigmoid("activation", output);
    case Activation::kHswish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_hard_sigmoid("gate", gate);
      return add(side_node(layer, "activation", "Mul", {input, gate}, output));
    }
    case Activation::kSigmoid:
      return add_simple("Sigmoid");
    case Activation::kSwish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add(side_node(layer, "gate", "Sigmoid", {input}, gate));
      return add(side_node(layer, "activation", "Mul", {input, gate}, output));
    }
    case Activation::kLeakyRelu: {
      WireWriter node = side_node(layer, "activation", "LeakyRelu", {input}, output);
      add_attribute(node, "alpha", kLeakyReluSlope);
      return add(node);
    }
  }
}

void GraphWriter::add_flatten_at_end() {
  const Layer& last = network_.layers.back();
  WireWriter node =
      side_node(last, "flatten", "Flatten", {last.name}, take_name(last, kOnnxOutput));
  add_attribute(node, "axis", std::int64_t{1});
  add(node);
}

WireWriter GraphWriter::main_node(const Layer& layer, std::string_view type,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output) const {
  WireWriter node = node_of(layer.name, type, inputs, output);
  std::string doc;
  // A Conv is read as conv2d, or as depthwise_conv2d with one group a channel.
  const std::int64_t channels = layer.ifm.channels;
  const bool looks_depthwise = layer.op == Op::kConv2d
                                   ? layer.groups == channels && layer.ofm.channels == channels
                                   : layer.op == Op::kDepthwiseConv2d;
  const Op read_as = looks_depthwise && channels > 1 ? Op::kDepthwiseConv2d : Op::kConv2d;
  if (type == "Conv" && layer.op != read_as) {
    doc += fmt::format("{}{}\n", kOpHint, to_string(layer.op));
  }
  const bool takes_all = layer.op == Op::kChannelSplit && layer.ofm.channels == layer.ifm.channels;
  if (takes_all) doc += fmt::format("{}{}\n", kOpHint, to_string(layer.op));
  if (!layer.block.empty()) doc += fmt::format("{}{}\n", kBlockHint, layer.block);
  if (!doc.empty()) node.bytes(field::node::kDocString, doc.substr(0, doc.size() - 1));
  return node;
}

WireWriter GraphWriter::side_node(const Layer& layer, std::string_view role, std::string_view type,
                                  const std::vector<std::string>& inputs,
                                  const std::string& output) {
  std::string name = fmt::format("{}.{}", layer.name, role);
  if (!node_names_.insert(name).second) fail(layer, fmt::format("two nodes '{}'", name));
  return node_of(name, type, inputs, output);
}

WireWriter GraphWriter::node_of(const std::string& name, std::string_view type,
                                const std::vector<std::string>& inputs, const std::string& output) {
  WireWriter node;
  for (const std::string& input : inputs) node.bytes(field::node::kInput, input);
  node.bytes(field::node::kOutput, output);
  node.bytes(field::node::kName, name);
  node.bytes(field::node::kOpType, type);
  return node;
}

std::vector<std::string> GraphWriter::add_weights(const Layer& layer, const Dims& dims) {
  const Dims bias_dims = {layer.ofm.channels};
  std::vector<std::string> names;
  if (source_ == nullptr) {
    names.push_back(add_zeros(layer, "weight", dims));
    if (layer.bias) names.push_back(add_zeros(layer, "bias", bias_dims));
    return names;
  }
  const OnnxWeights values = source_(layer);
  names.push_back(add_floats(layer, "weight", dims, values.weight));
  if (layer.bias) {
    names.push_back(add_floats(layer, "bias", bias_dims, values.bias));
  } else if (!values.bias.empty()) {
    fail(layer, fmt::format("{} biases given for a layer without", values.bias.size()));
  }
  return names;
}

std::string GraphWriter::add_floats(const Layer& layer, const char* role, const Dims& dims,
                                    std::span<const float> values) {
  const std::int64_t size = product(dims);
  if (values.size() != static_cast<std::size_t>(size)) {
    fail(layer, fmt::format("{} has {} values, expected {} ({})", role, values.size(), size,
                            fmt::join(dims, " x ")));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) fail(layer, fmt::format("{}[{}] is not finite", role, i));
  }
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role), dims, OnnxType::kFloat,
                    bytes_of(values));
}

std::string GraphWriter::add_integers(const Layer& layer, const char* role, const Dims& values) {
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role),
                    {static_cast<std::int64_t>(values.size())}, OnnxType::kInt64,
                    bytes_of(std::span<const std::int64_t>(values)));
}

std::string GraphWriter::add_zeros(const Layer& layer, const char* role, const Dims& dims) {
  std::string name = take_name(layer, fmt::format("{}.{}", layer.name, role));
  const std::string shape =
      add_tensor(layer, name + ".shape", {static_cast<std::int64_t>(dims.size())}, OnnxType::kInt64,
                 bytes_of(std::span<const std::int64_t>(dims)));
  add(side_node(layer, role, "ConstantOfShape", {shape}, name));
  return name;
}

std::string GraphWriter::add_tensor(const Layer& layer, const std::string& name, const Dims& dims,
                                    OnnxType type, std::string_view values) {
  WireWriter tensor;
  for (const std::int64_t dim : dims) tensor.integer(field::tensor::kDims, dim);
  tensor.integer(field::tensor::kDataType, static_cast<int>(type));
  tensor.bytes(field::tensor::kName, take_name(layer, name));
  tensor.bytes(field::tensor::kRawData, values);
  graph_.message(field::graph::kInitializer, tensor);
  return name;
}

std::string GraphWriter::take_name(const Layer& layer, const std::string& name) {
  if (!names_.insert(name).second) {
    fail(layer,
         fmt::format("two values of the model would be called '{}'; rename the layer", name));
  }
  return name;
}

void add_feature_map(WireWriter& graph, int role, const std::string& name, const Shape& shape,
                     bool is_vector) {
  WireWriter dims;
  dims.message(field::shape::kDim, WireWriter().bytes(field::dim::kParam, kOnnxBatch));
  Dims sizes = {shape.channels};
  if (!is_vector) sizes.insert(sizes.end(), {shape.height, shape.width});
  for (const std::int64_t size : sizes) {
    dims.message(field::shape::kDim, WireWriter().integer(field::dim::kValue, size));
  }
  WireWriter tensor;
  tensor.integer(field::tensor_type::kElemType, static_cast<int>(OnnxType::kFloat));
  tensor.message(field::tensor_type::kShape, dims);
  WireWriter value;
  value.bytes(field::value_info::kName, name);
  value.message(field::value_info::kType, WireWriter().message(field::type::kTensor, tensor));
  graph.message(role, value);
}

/// Of the layers that nobody reads.
void add_outputs(WireWriter& graph, const Network& network) {
  std::set<int> used;
  for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i <= last; ++i) {
    if (used.contains(i)) continue;
    const Shape& shape = network.shape_of(i);
    const bool is_vector = i == last && shape.height == 1 && shape.width == 1;
    add_feature_map(graph, field::graph::kOutput,
                    i == last ? kOnnxOutput : network.layers[static_cast<std::size_t>(i)].name,
                    shape, is_vector);
  }
}

}  // namespace

std::string write_onnx(const Network& network, const OnnxWeightSource& source) {
  if (network.layers.empty()) throw InputError("ONNX: the network has no layers");
  WireWriter graph;
  GraphWriter writer(network, source, graph);
  for (std::size_t i = 0; i < network.layers.size(); ++i) writer.add_layer(static_cast<int>(i));
  if (ends_flattened(network)) writer.add_flatten_at_end();
  graph.bytes(field::graph::kName, network.name);
  add_feature_map(graph, field::graph::kInput, kOnnxInput, network.input, /*is_vector=*/false);
  add_outputs(graph, network);

  WireWriter model;
  model.integer(field::model::kIrVersion, kOnnxIrVersion);
  model.bytes(field::model::kProducerName, kOnnxProducer);
  model.bytes(field::model::kProducerVersion, kVersion);
  model.message(field::model::kGraph, graph);
  model.message(
      field::model::kOpsetImport,
      WireWriter().bytes(field::opset::kDomain, "").integer(field::opset::kVersion, kOnnxOpset));
  // Protobuf's own limit; the way around it, weights in a file beside, few programs read.
  if (model.text().size() > kMaxOnnxBytes) {
    throw InputError(
        fmt::format("ONNX: the model of '{}' has {} bytes, more than a file can hold "
                    "(2 GiB)",
                    network.name, model.text().size()));
  }
  return model.text();
}

}  // namespace tilewake
