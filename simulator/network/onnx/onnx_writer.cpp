// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_writer.hpp"

#include <algorithm>
#include <cstdint>
#include <onnx/onnx_pb.h>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/network/onnx/onnx_graph_writer.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"

namespace tilewake {
namespace {

void add_window_attributes(onnx::NodeProto& node, const Layer& layer) {
  const Padding& p = layer.padding;
  add_attribute(node, "kernel_shape", Dims{layer.kernel_height, layer.kernel_width});
  add_attribute(node, "strides", Dims{layer.stride.height, layer.stride.width});
  // Negative padding stands for rows that no window reads; ONNX leaves them out by itself.
  add_attribute(
      node, "pads",
      Dims{p.top, p.left, std::max<std::int64_t>(p.bottom, 0), std::max<std::int64_t>(p.right, 0)});
}

bool is_constant(const Network& network, int index) {
  return index != kNetworkInput &&
         network.layers[static_cast<std::size_t>(index)].op == Op::kConstant;
}

constexpr std::int64_t kFreeBatch = 0;

/// The first dimension of inputs and outputs. Joined to a constant, a map has as many images as it.
std::int64_t batch_of(const Network& network) {
  const auto joins_constant = [&](const Layer& layer) {
    return layer.op == Op::kConcat &&
           std::any_of(layer.inputs.begin(), layer.inputs.end(),
                       [&](int input) { return is_constant(network, input); });
  };
  const bool is_free = network.batch == 1 &&
                       std::none_of(network.layers.begin(), network.layers.end(), joins_constant);
  return is_free ? kFreeBatch : network.batch;
}

void set_feature_map(onnx::ValueInfoProto& value, const std::string& name, const Shape& shape,
                     std::int64_t batch, bool is_vector) {
  value.set_name(name);
  onnx::TypeProto::Tensor& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  if (batch == kFreeBatch)
    type.mutable_shape()->add_dim()->set_dim_param(kOnnxBatch);
  else
    type.mutable_shape()->add_dim()->set_dim_value(batch);
  Dims sizes = {shape.channels};
  if (!is_vector) sizes.insert(sizes.end(), {shape.height, shape.width});
  for (const std::int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

/// The layers that no other layer reads.
void add_outputs(onnx::GraphProto& graph, const Network& network, std::int64_t batch) {
  std::set<int> used;
  for (const Layer& layer : network.layers) used.insert(layer.inputs.begin(), layer.inputs.end());
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i <= last; ++i) {
    if (used.contains(i)) continue;
    const Shape& shape = network.shape_of(i);
    const bool is_vector = i == last && shape.height == 1 && shape.width == 1;
    set_feature_map(*graph.add_output(),
                    i == last ? kOnnxOutput : network.layers[static_cast<std::size_t>(i)].name,
                    shape, batch, is_vector);
  }
}

/// "image", and the layers that are inputs.
void add_inputs(onnx::GraphProto& graph, const Network& network, std::int64_t batch) {
  set_feature_map(*graph.add_input(), kOnnxInput, network.input, batch, /*is_vector=*/false);
  for (const Layer& layer : network.layers) {
    if (layer.op == Op::kInput)
      set_feature_map(*graph.add_input(), layer.name, layer.ofm, batch, /*is_vector=*/false);
  }
}

}  // namespace

void OnnxGraphWriter::add_layer(int index) {
  const Layer& layer = network_.layers[static_cast<std::size_t>(index)];
  const std::string output = take_name(layer, onnx_value_name(network_, index));
  if (layer.activation == Activation::kNone) return add_linear(layer, output);
  const std::string linear = take_name(layer, layer.name + ".linear");
  add_linear(layer, linear);
  add_activation(layer, linear, output);
}

void OnnxGraphWriter::add_linear(const Layer& layer, const std::string& output) {
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
      add_main(layer, "GlobalAveragePool", {input_of(layer)}, output);
      return;
    case Op::kConcat:
      return add_concat(layer, output);
    case Op::kChannelSplit:
      return add_channel_split(layer, output);
    case Op::kChannelShuffle:
      return add_channel_shuffle(layer, output);
    default:
      if (add_map_op(layer, output)) return;
      fail_onnx_layer(layer, fmt::format("{} is no operator of ONNX{}", to_string(layer.op),
                                         layer.op == Op::kHost ? "; leave it out with --until NODE "
                                                                 "or --from NODE"
                                                               : ""));
  }
}

void OnnxGraphWriter::add_convolution(const Layer& layer, const std::string& output,
                                      std::int64_t groups, const Dims& weight_dims) {
  std::vector<std::string> inputs = add_weights(layer, weight_dims);
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_main(layer, "Conv", inputs, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
  add_attribute(node, "group", groups);
}

void OnnxGraphWriter::add_dense(const Layer& layer, const std::string& output) {
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
void OnnxGraphWriter::add_dense_as_convolution(const Layer& layer, const std::string& output) {
  const Shape& in = layer.ifm;
  std::vector<std::string> inputs =
      add_weights(layer, {layer.ofm.channels, in.channels, in.height, in.width});
  inputs.insert(inputs.begin(), input_of(layer));
  onnx::NodeProto& node = add_main(layer, "Conv", inputs, output);
  add_attribute(node, "kernel_shape", Dims{in.height, in.width});
}

void OnnxGraphWriter::add_max_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_main(layer, "MaxPool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
}

void OnnxGraphWriter::add_avg_pool(const Layer& layer, const std::string& output) {
  onnx::NodeProto& node = add_main(layer, "AveragePool", {input_of(layer)}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "count_include_pad", std::int64_t{1});
}

/// AveragePool knows no dilation before opset 19: a depthwise convolution by the window's share.
void OnnxGraphWriter::add_dilated_avg_pool(const Layer& layer, const std::string& output) {
  const std::int64_t taps = layer.kernel_height * layer.kernel_width;
  const auto num_shares = static_cast<std::size_t>(layer.ifm.channels * taps);
  if (num_shares > kMaxOnnxBytes / sizeof(float)) {
    fail_onnx_layer(layer,
                    fmt::format("its window has {} shares, too many for a file", num_shares));
  }
  const std::vector<float> shares(num_shares, 1.0F / static_cast<float>(taps));
  const std::string weight = add_floats(
      layer, "weight", {layer.ifm.channels, 1, layer.kernel_height, layer.kernel_width}, shares);
  onnx::NodeProto& node = add_main(layer, "Conv", {input_of(layer), weight}, output);
  add_window_attributes(node, layer);
  add_attribute(node, "dilations", Dims{layer.dilation.height, layer.dilation.width});
  add_attribute(node, "group", layer.ifm.channels);
}

/// A constant has a batch of one, and Concat repeats nothing.
void OnnxGraphWriter::add_concat(const Layer& layer, const std::string& output) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < layer.inputs.size(); ++i) {
    inputs.push_back(input_of(layer, i));
    if (network_.batch == 1 || !is_constant(network_, layer.inputs[i])) continue;
    const Shape& map = input_shape(layer, i);
    const std::string role = fmt::format("input{}", i);
    const std::string shape =
        add_integers(layer, role + ".shape", {network_.batch, map.channels, map.height, map.width});
    inputs.back() = add_side(layer, role, "Expand", {inputs.back(), shape});
  }
  onnx::NodeProto& node = add_main(layer, "Concat", inputs, output);
  const auto axis = static_cast<std::int64_t>(layer.axis) + 1;  // channels, rows, columns
  add_attribute(node, "axis", axis);
}

void OnnxGraphWriter::add_channel_split(const Layer& layer, const std::string& output) {
  const std::string starts = add_integers(layer, "starts", {layer.first_channel});
  const std::string ends = add_integers(layer, "ends", {layer.first_channel + layer.ofm.channels});
  const std::string axes = add_integers(layer, "axes", {1});
  add_main(layer, "Slice", {input_of(layer), starts, ends, axes}, output);
}

/// Groups of channels become an axis that changes places with that of the channels in a group. The
/// batch stays free: 0 keeps it. The hint keeps equal shuffles apart, and one that moves nothing.
void OnnxGraphWriter::add_channel_shuffle(const Layer& layer, const std::string& output) {
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
  swap.set_doc_string(fmt::format("{}{}", kOpHint, to_string(layer.op)));
  add_main(layer, "Reshape", {swapped, together}, output);
}

void OnnxGraphWriter::add_flatten_at_end() {
  const Layer& last = network_.layers.back();
  onnx::NodeProto& node =
      add_side(last, "flatten", "Flatten", {last.name}, take_name(last, kOnnxOutput));
  add_attribute(node, "axis", std::int64_t{1});
}

std::string write_onnx(const Network& network, const OnnxWeightSource& source) {
  if (network.layers.empty()) throw InputError("ONNX: the network has no layers");
  onnx::ModelProto model;
  onnx::GraphProto& graph = *model.mutable_graph();
  OnnxGraphWriter writer(network, source, graph);
  for (std::size_t i = 0; i < network.layers.size(); ++i) writer.add_layer(static_cast<int>(i));
  if (ends_flattened(network)) writer.add_flatten_at_end();
  graph.set_name(network.name);
  const std::int64_t batch = batch_of(network);
  add_inputs(graph, network, batch);
  add_outputs(graph, network, batch);

  const bool has_layer_norm =
      std::any_of(network.layers.begin(), network.layers.end(),
                  [](const Layer& layer) { return layer.op == Op::kLayerNorm; });
  model.set_ir_version(has_layer_norm ? kOnnxNormIrVersion : kOnnxIrVersion);
  model.set_producer_name(std::string(kOnnxProducer));
  model.set_producer_version(std::string(kVersion));
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(has_layer_norm ? kOnnxNormOpset : kOnnxOpset);
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
