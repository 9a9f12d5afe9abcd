// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <onnx/onnx_pb.h>
#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"
#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("ONNX: layer '{}': {}", layer.name, what));
}

onnx::AttributeProto& new_attribute(onnx::NodeProto& node, std::string_view name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name.data(), name.size());
  attribute.set_type(type);
  return attribute;
}

void add_attribute(onnx::NodeProto& node, std::string_view name, std::int64_t value) {
  new_attribute(node, name, onnx::AttributeProto::INT).set_i(value);
}

void add_attribute(onnx::NodeProto& node, std::string_view name, float value) {
  new_attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
}

void add_attribute(onnx::NodeProto& node, std::string_view name, const Dims& values) {
  onnx::AttributeProto& attribute = new_attribute(node, name, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void add_window_attributes(onnx::NodeProto& node, const Layer& layer) {
  const Padding& p = layer.padding;
  add_attribute(node, "kernel_shape", Dims{layer.kernel_height, layer.kernel_width});
  add_attribute(node, "strides", Dims{layer.stride.height, layer.stride.width});
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
  GraphWriter(const Network& network, const OnnxWeightSource& source, onnx::GraphProto& graph)
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

  /// Appends the node that is the layer and has its name.
  onnx::NodeProto& add_main(const Layer& layer, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);
  /// Appends another node of the layer, "<layer>.<role>".
  onnx::NodeProto& add_side(const Layer& layer, std::string_view role, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);
  onnx::NodeProto& add_node(const std::string& name, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);

  /// Values "<layer>.weight" and, where it has one, "<layer>.bias".
  std::vector<std::string> add_weights(const Layer& layer, const Dims& dims);
  std::string add_floats(const Layer& layer, const char* role, const Dims& dims,
                         std::span<const float> values);
  std::string add_integers(const Layer& layer, const char* role, const Dims& values);
  std::string add_zeros(const Layer& layer, const char* role, const Dims& dims);
  std::string add_tensor(const Layer& layer, const std::string& name, const Dims& dims,
                         onnx::TensorProto::DataType type, std::string_view values);
  std::string take_name(const Layer& layer, const std::string& name);
  std::string input_of(const Layer& layer) const {
    return onnx_value_name(network_, layer.inputs[0]);
  }
  bool is_last(const Layer& layer) const { return &layer == &network_.layers.back(); }

  const Network& network_;
  const OnnxWeightSource& source_;
  onnx::GraphProto& graph_;
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
      return layer.dilation == Steps(1) ? add_avg_pool(layer, output)
                                        : add_dilated_avg_pool(layer, output);
    case Op::kGlobalAvgPool:
      add_main(layer, "GlobalAveragePool", inputs, output);
      return;
    case Op::kAdd:
      add_main(layer, "Add", inputs, output);
      return;
    case Op::kMul:
      add_main(layer, "Mul", inputs, output);
      return;
    case Op::kConcat: {
      onnx::NodeProto& node = add_main(layer, "Concat", inputs, output);
      add_attribute(node, "axis", std::int64_t{1});
      return;
    }
    case Op::kChannelSplit:
      return add_channel_split(layer, output);
    case Op::kChannelShuffle:
      return add_channel_shuffle(layer, output);
    default:
      throw InputError(
          fmt::format("layer {}: {} cannot be written as ONNX", layer.name, to_string(layer.op)));
  }
}

void GraphWriter::add_convolution(const Layer& layer, const std::string& output,
                                  std::int64_t groups, const Dims& weight_dims) {
  std::vector<std::string> inputs = add_weights(layer, weight_dims);
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_main(layer, "Conv", inputs, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
  add_attribute(node, "group", groups);
}

void GraphWriter::add_dense(const Layer& layer, const std::string& output) {
  const std::string flat = take_name(layer, layer.name + ".flat");
  onnx::NodeProto& flatten = add_side(layer, "flatten", "Flatten", {input_of(layer)}, flat);
  add_attribute(flatten, "axis", std::int64_t{1});
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, layer.ifm.num_elements()});
  inputs.insert(inputs.begin(), flat);
  onnx::NodeProto& node = add_main(layer, "Gemm", inputs, output);
  add_attribute(node, "transB", std::int64_t{1});
}

/// A window over the whole map, so that what follows sees C x 1 x 1 and not a vector.
void GraphWriter::add_dense_as_convolution(const Layer& layer, const std::string& output) {
  const Shape& in = layer.ifm;
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, in.channels, in.height, in.width});
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_main(layer, "Conv", inputs, output);
  add_attribute(node, "kernel_shape", Dims{in.height, in.width});
}

void GraphWriter::add_max_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_main(layer, "MaxPool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
}

void GraphWriter::add_avg_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_main(layer, "AveragePool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "count_include_pad", std::int64_t{1});
}

/// AveragePool knows no dilation before opset 19: a depthwise convolution by the window's share.
void GraphWriter::add_dilated_avg_pool(const Layer& layer, const std::string& output) {
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  const auto num_shares = static_cast<std::size_t>(layer.ifm.channels * taps);
  if (num_shares > kMaxOnnxBytes / sizeof(float)) {
    fail(layer, fmt::format("its window has {} shares, too many for a file", num_shares));
  }
  const std::vector<float> shares(num_shares, 1.0F / static_cast<float>(taps));
  const std::string weight = add_floats(
      layer, "weight", {layer.ifm.channels, 1, layer.kernel_height, layer.kernel_width}, shares);
  onnx::NodeProto& node = add_main(layer, "Conv", {input_of(layer), weight}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
  add_attribute(node, "group", layer.ifm.channels);
}

void GraphWriter::add_channel_split(const Layer& layer, const std::string& output) {
  const std::string starts = add_integers(layer, "starts", {layer.first_channel});
  const std::string ends = add_integers(layer, "ends", {layer.first_channel + layer.ofm.channels});
  const std::string axes = add_integers(layer, "axes", {1});
  add_main(layer, "Slice", {input_of(layer), starts, ends, axes}, output);
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
  add_side(layer, "apart", "Reshape", {input_of(layer), apart}, grouped);
  const std::string swapped = take_name(layer, layer.name + ".swapped");
  onnx::NodeProto& swap = add_side(layer, "swap", "Transpose", {grouped}, swapped);
  add_attribute(swap, "perm", Dims{0, 2, 1, 3, 4});
  if (layer.groups == map.channels) {  // moves nothing, and is no part of a shuffle without a word
    swap.set_doc_string(fmt::format("{}{}", kOpHint, to_string(layer.op)));
  }
  add_main(layer, "Reshape", {swapped, together}, output);
}

void GraphWriter::add_activation(const Layer& layer, const std::string& input,
                                 const std::string& output) {
  const auto add_simple = [&](std::string_view type) {
    add_side(layer, "activation", type, {input}, output);
  };
  const auto add_hard_sigmoid = [&](std::string_view role, const std::string& name) {
    onnx::NodeProto& node = add_side(layer, role, "HardSigmoid", {input}, name);
    add_attribute(node, "alpha", 1.0F / 6.0F);  // relu6(x + 3) / 6
    add_attribute(node, "beta", 0.5F);
  };
  switch (layer.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return add_simple("Relu");
    case Activation::kRelu6: {
      const std::string min = add_floats(layer, "min", {}, std::vector<float>{0.0F});
      const std::string max = add_floats(layer, "max", {}, std::vector<float>{6.0F});
      add_side(layer, "activation", "Clip", {input, min, max}, output);
      return;
    }
    case Activation::kHsigmoid:
      return add_hard_sigmoid("activation", output);
    case Activation::kHswish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_hard_sigmoid("gate", gate);
      add_side(layer, "activation", "Mul", {input, gate}, output);
      return;
    }
    case Activation::kSigmoid:
      return add_simple("Sigmoid");
    case Activation::kSwish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_side(layer, "gate", "Sigmoid", {input}, gate);
      add_side(layer, "activation", "Mul", {input, gate}, output);
      return;
    }
    case Activation::kLeakyRelu: {
      onnx::NodeProto& node = add_side(layer, "activation", "LeakyRelu", {input}, output);
      add_attribute(node, "alpha", kLeakyReluSlope);
      return;
    }
    default:
      throw InputError(fmt::format("layer {}: {} cannot be written as ONNX", layer.name,
                                   to_string(layer.activation)));
  }
}

void GraphWriter::add_flatten_at_end() {
  const Layer& last = network_.layers.back();
  onnx::NodeProto& node =
      add_side(last, "flatten", "Flatten", {last.name}, take_name(last, kOnnxOutput));
  add_attribute(node, "axis", std::int64_t{1});
}

onnx::NodeProto& GraphWriter::add_main(const Layer& layer, std::string_view type,
                                       const std::vector<std::string>& inputs,
                                       const std::string& output) {
  onnx::NodeProto& node = add_node(layer.name, type, inputs, output);
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
  if (!doc.empty()) node.set_doc_string(doc.substr(0, doc.size() - 1));
  return node;
}

onnx::NodeProto& GraphWriter::add_side(const Layer& layer, std::string_view role,
                                       std::string_view type,
                                       const std::vector<std::string>& inputs,
                                       const std::string& output) {
  std::string name = fmt::format("{}.{}", layer.name, role);
  if (!node_names_.insert(name).second) fail(layer, fmt::format("two nodes '{}'", name));
  return add_node(name, type, inputs, output);
}

onnx::NodeProto& GraphWriter::add_node(const std::string& name, std::string_view type,
                                       const std::vector<std::string>& inputs,
                                       const std::string& output) {
  onnx::NodeProto& node = *graph_.add_node();
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  node.set_name(name);
  node.set_op_type(type.data(), type.size());
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
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role), dims, onnx::TensorProto::FLOAT,
                    bytes_of(values));
}

std::string GraphWriter::add_integers(const Layer& layer, const char* role, const Dims& values) {
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role),
                    {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64,
                    bytes_of(std::span<const std::int64_t>(values)));
}

std::string GraphWriter::add_zeros(const Layer& layer, const char* role, const Dims& dims) {
  std::string name = take_name(layer, fmt::format("{}.{}", layer.name, role));
  const std::string shape =
      add_tensor(layer, name + ".shape", {static_cast<std::int64_t>(dims.size())},
                 onnx::TensorProto::INT64, bytes_of(std::span<const std::int64_t>(dims)));
  add_side(layer, role, "ConstantOfShape", {shape}, name);
  return name;
}

std::string GraphWriter::add_tensor(const Layer& layer, const std::string& name, const Dims& dims,
                                    onnx::TensorProto::DataType type, std::string_view values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_data_type(type);
  tensor.set_name(take_name(layer, name));
  tensor.set_raw_data(values.data(), values.size());
  return name;
}

std::string GraphWriter::take_name(const Layer& layer, const std::string& name) {
  if (!names_.insert(name).second) {
    fail(layer,
         fmt::format("two values of the model would be called '{}'; rename the layer", name));
  }
  return name;
}

void set_feature_map(onnx::ValueInfoProto& value, const std::string& name, const Shape& shape,
                     std::int64_t batch, bool is_vector) {
  value.set_name(name);
  onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  if (batch == 1)
    type.mutable_shape()->add_dim()->set_dim_param(kOnnxBatch);
  else
    type.mutable_shape()->add_dim()->set_dim_value(batch);
  Dims sizes = {shape.channels};
  if (!is_vector) sizes.insert(sizes.end(), {shape.height, shape.width});
  for (const std::int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

/// The layers that no other layer reads.
void add_outputs(onnx::GraphProto& graph, const Network& network) {
  std::set<int> used;
  for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i <= last; ++i) {
    if (used.contains(i)) continue;
    const Shape& shape = network.shape_of(i);
    const bool is_vector = i == last && shape.height == 1 && shape.width == 1;
    set_feature_map(*graph.add_output(),
                    i == last ? kOnnxOutput : network.layers[static_cast<std::size_t>(i)].name,
                    shape, network.batch, is_vector);
  }
}

}  // namespace

std::string write_onnx(const Network& network, const OnnxWeightSource& source) {
  if (network.layers.empty()) throw InputError("ONNX: the network has no layers");
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  GraphWriter writer(network, source, graph);
  for (std::size_t i = 0; i < network.layers.size(); ++i) writer.add_layer(static_cast<int>(i));
  if (ends_flattened(network)) writer.add_flatten_at_end();
  graph.set_name(network.name);
  set_feature_map(*graph.add_input(), kOnnxInput, network.input, network.batch,
                  /*is_vector=*/false);
  add_outputs(graph, network);

  model.set_ir_version(kOnnxIrVersion);
  model.set_producer_name(std::string(kOnnxProducer));
  model.set_producer_version(std::string(kVersion));
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOnnxOpset);
  // The limit of Protocol Buffers. Few programs read weights that are stored in another file.
  const std::size_t size = model.ByteSizeLong();
  if (size > kMaxOnnxBytes) {
    throw InputError(
        fmt::format("ONNX: the model of '{}' has {} bytes, more than a file can hold (2 GiB)",
                    network.name, size));
  }
  return model.SerializeAsString();
}

}  // namespace tilewake
