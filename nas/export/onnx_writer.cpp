// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_writer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <onnx/onnx_pb.h>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "nas/export/onnx_names.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

using Dims = std::vector<std::int64_t>;

// Raw data of tensors is little-endian by definition.
static_assert(std::endian::native == std::endian::little);

[[noreturn]] void fail(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("ONNX: layer '{}': {}", layer.name, what));
}

void add_attribute(onnx::NodeProto& node, const char* name, std::int64_t value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

void add_attribute(onnx::NodeProto& node, const char* name, float value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
}

void add_attribute(onnx::NodeProto& node, const char* name, const Dims& values) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void add_window_attributes(onnx::NodeProto& node, const Layer& layer) {
  const Padding& p = layer.padding;
  add_attribute(node, "kernel_shape", Dims{layer.kernel_height, layer.kernel_width});
  add_attribute(node, "strides", Dims{layer.stride, layer.stride});
  // Negative padding stands for rows that no window reads; ONNX leaves them out by itself.
  add_attribute(
      node, "pads",
      Dims{p.top, p.left, std::max<std::int64_t>(p.bottom, 0), std::max<std::int64_t>(p.right, 0)});
}

/// Appends the nodes of one layer after another to a graph.
class GraphWriter {
 public:
  GraphWriter(const Network& network, const LayerWeights& weights, onnx::GraphProto& graph)
      : network_(network), weights_(weights), graph_(graph), names_{kOnnxInput} {}

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
  void add_activation(const Layer& layer, const std::string& input, const std::string& output);

  onnx::NodeProto& add_node(const Layer& layer, const char* type,
                            const std::vector<std::string>& inputs, const std::string& output);
  /// Initializers "<layer>.weight" and, where it has one, "<layer>.bias".
  std::vector<std::string> add_weights(const Layer& layer, const Dims& dims);
  std::string add_tensor(const Layer& layer, const char* role, const Dims& dims,
                         const std::vector<float>& values);
  std::string take_name(const Layer& layer, const std::string& name);
  std::string input_of(const Layer& layer) const {
    return onnx_value_name(network_, layer.inputs[0]);
  }

  const Network& network_;
  const LayerWeights& weights_;
  onnx::GraphProto& graph_;
  std::set<std::string> names_;  // of values and tensors
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
      return &layer == &network_.layers.back() ? add_dense(layer, output)
                                               : add_dense_as_convolution(layer, output);
    case Op::kMaxPool:
      return add_max_pool(layer, output);
    case Op::kAvgPool:
      return layer.dilation == 1 ? add_avg_pool(layer, output)
                                 : add_dilated_avg_pool(layer, output);
    case Op::kGlobalAvgPool:
      add_node(layer, "GlobalAveragePool", inputs, output);
      return;
    case Op::kAdd:
      add_node(layer, "Add", inputs, output);
      return;
    case Op::kMul:
      add_node(layer, "Mul", inputs, output);
      return;
    case Op::kConcat:
      add_attribute(add_node(layer, "Concat", inputs, output), "axis", std::int64_t{1});
      return;
  }
}

void GraphWriter::add_convolution(const Layer& layer, const std::string& output,
                                  std::int64_t groups, const Dims& weight_dims) {
  std::vector<std::string> inputs = add_weights(layer, weight_dims);
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_node(layer, "Conv", inputs, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
  add_attribute(node, "group", groups);
}

void GraphWriter::add_dense(const Layer& layer, const std::string& output) {
  const std::string flat = take_name(layer, layer.name + ".flat");
  add_attribute(add_node(layer, "Flatten", {input_of(layer)}, flat), "axis", std::int64_t{1});
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, layer.ifm.num_elements()});
  inputs.insert(inputs.begin(), flat);
  add_attribute(add_node(layer, "Gemm", inputs, output), "transB", std::int64_t{1});
}

/// A window over the whole map, so that what follows sees C x 1 x 1 and not a vector.
void GraphWriter::add_dense_as_convolution(const Layer& layer, const std::string& output) {
  const Shape& in = layer.ifm;
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, in.channels, in.height, in.width});
  inputs.insert(inputs.begin(), input_of(layer));
  add_attribute(add_node(layer, "Conv", inputs, output), "kernel_shape", Dims{in.height, in.width});
}

void GraphWriter::add_max_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_node(layer, "MaxPool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
}

void GraphWriter::add_avg_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_node(layer, "AveragePool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "count_include_pad", std::int64_t{1});
}

/// AveragePool knows no dilation before opset 19: a depthwise convolution by the window's share.
void GraphWriter::add_dilated_avg_pool(const Layer& layer, const std::string& output) {
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  const std::vector<float> shares(static_cast<std::size_t>(layer.ifm.channels * taps),
                                  1.0F / static_cast<float>(taps));
  const std::string weight = add_tensor(
      layer, "weight", {layer.ifm.channels, 1, layer.kernel_height, layer.kernel_width}, shares);
  onnx::NodeProto& node = add_node(layer, "Conv", {input_of(layer), weight}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation, layer.dilation});
  add_attribute(node, "group", layer.ifm.channels);
}

void GraphWriter::add_activation(const Layer& layer, const std::string& input,
                                 const std::string& output) {
  const auto add_hard_sigmoid = [&](const std::string& name) {
    onnx::NodeProto& node = add_node(layer, "HardSigmoid", {input}, name);
    add_attribute(node, "alpha", 1.0F / 6.0F);  // relu6(x + 3) / 6
    add_attribute(node, "beta", 0.5F);
  };
  switch (layer.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      add_node(layer, "Relu", {input}, output);
      return;
    case Activation::kRelu6: {
      const std::string min = add_tensor(layer, "min", {}, {0.0F});
      const std::string max = add_tensor(layer, "max", {}, {6.0F});
      add_node(layer, "Clip", {input, min, max}, output);
      return;
    }
    case Activation::kHsigmoid:
      return add_hard_sigmoid(output);
    case Activation::kHswish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_hard_sigmoid(gate);
      add_node(layer, "Mul", {input, gate}, output);
      return;
    }
    case Activation::kSigmoid:
      add_node(layer, "Sigmoid", {input}, output);
      return;
    case Activation::kSwish: {
      const std::string gate = take_name(layer, layer.name + ".gate");
      add_node(layer, "Sigmoid", {input}, gate);
      add_node(layer, "Mul", {input, gate}, output);
      return;
    }
    case Activation::kLeakyRelu:
      add_attribute(add_node(layer, "LeakyRelu", {input}, output), "alpha", kLeakyReluSlope);
      return;
  }
}

void GraphWriter::add_flatten_at_end() {
  const Layer& last = network_.layers.back();
  onnx::NodeProto& node = add_node(last, "Flatten", {last.name}, take_name(last, kOnnxOutput));
  node.set_name(last.name + ".flatten");
  add_attribute(node, "axis", std::int64_t{1});
}

onnx::NodeProto& GraphWriter::add_node(const Layer& layer, const char* type,
                                       const std::vector<std::string>& inputs,
                                       const std::string& output) {
  onnx::NodeProto& node = *graph_.add_node();
  // Outputs are unique, and so are the names of nodes then.
  node.set_name(output == kOnnxOutput ? layer.name : output);
  node.set_op_type(type);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  return node;
}

std::vector<std::string> GraphWriter::add_weights(const Layer& layer, const Dims& dims) {
  const auto found = weights_.find(layer.name);
  if (found == weights_.end()) fail(layer, "no weights given");
  const LayerWeight& values = found->second;
  std::vector<std::string> names = {add_tensor(layer, "weight", dims, values.weight)};
  if (layer.bias) {
    names.push_back(add_tensor(layer, "bias", {layer.ofm.channels}, values.bias));
  } else if (!values.bias.empty()) {
    fail(layer, fmt::format("{} biases given for a layer without", values.bias.size()));
  }
  return names;
}

std::string GraphWriter::add_tensor(const Layer& layer, const char* role, const Dims& dims,
                                    const std::vector<float>& values) {
  std::int64_t size = 1;
  for (const std::int64_t dim : dims) size *= dim;
  if (values.size() != static_cast<std::size_t>(size)) {
    fail(layer, fmt::format("{} has {} values, expected {} ({})", role, values.size(), size,
                            fmt::join(dims, " x ")));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) fail(layer, fmt::format("{}[{}] is not finite", role, i));
  }
  onnx::TensorProto& tensor = *graph_.add_initializer();
  tensor.set_name(take_name(layer, fmt::format("{}.{}", layer.name, role)));
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor.name();
}

std::string GraphWriter::take_name(const Layer& layer, const std::string& name) {
  if (!names_.insert(name).second) {
    fail(layer,
         fmt::format("two values of the model would be called '{}'; rename the layer", name));
  }
  return name;
}

void set_feature_map(onnx::ValueInfoProto& value, const char* name, const Dims& dims) {
  value.set_name(name);
  onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_param(kOnnxBatch);
  for (const std::int64_t dim : dims) type.mutable_shape()->add_dim()->set_dim_value(dim);
}

/// One output, the last layer; names of `weights` that are layers with weights.
void check_parts(const Network& network, const LayerWeights& weights) {
  if (network.layers.empty()) throw InputError("ONNX: the network has no layers");
  std::set<int> used;
  std::set<std::string> with_weights;
  for (const Layer& layer : network.layers) {
    used.insert(layer.inputs.begin(), layer.inputs.end());
    if (layer.has_weights()) with_weights.insert(layer.name);
  }
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i < last; ++i) {
    if (!used.contains(i)) {
      fail(network.layers[static_cast<std::size_t>(i)],
           fmt::format("is a further output beside '{}'; a model is written with one",
                       network.layers.back().name));
    }
  }
  for (const auto& [name, values] : weights) {
    if (!with_weights.contains(name)) {
      throw InputError(
          fmt::format("ONNX: weights given for '{}', which is no layer with weights", name));
    }
  }
}

}  // namespace

std::string onnx_model(const Network& network, const LayerWeights& weights) {
  check_parts(network, weights);
  onnx::ModelProto model;
  model.set_ir_version(kOnnxIrVersion);
  model.set_producer_name("tilewake");
  model.set_producer_version(std::string(kVersion));
  model.add_opset_import()->set_version(kOnnxOpset);

  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(network.name);
  const Shape& in = network.input;
  set_feature_map(*graph.add_input(), kOnnxInput, {in.channels, in.height, in.width});
  GraphWriter writer(network, weights, graph);
  for (std::size_t i = 0; i < network.layers.size(); ++i) writer.add_layer(static_cast<int>(i));
  if (ends_flattened(network)) writer.add_flatten_at_end();
  const Shape& out = network.layers.back().ofm;
  const bool is_vector = out.height == 1 && out.width == 1;
  set_feature_map(*graph.add_output(), kOnnxOutput,
                  is_vector ? Dims{out.channels} : Dims{out.channels, out.height, out.width});

  // Protobuf's own limit; the way around it, weights in a file beside, few programs read.
  if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw InputError(
        fmt::format("ONNX: the model of '{}' has {} bytes, more than a file can hold "
                    "(2 GiB)",
                    network.name, model.ByteSizeLong()));
  }
  return model.SerializeAsString();
}

}  // namespace tilewake
