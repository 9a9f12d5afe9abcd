// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_graph_writer.hpp"

#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_hints.hpp"

namespace tilewake {
namespace {

onnx::AttributeProto& new_attribute(onnx::NodeProto& node, std::string_view name,
                                    onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name.data(), name.size());
  attribute.set_type(type);
  return attribute;
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

}  // namespace

void fail_onnx_layer(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("ONNX: layer '{}': {}", layer.name, what));
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

void add_attribute(onnx::NodeProto& node, std::string_view name, std::string_view value) {
  new_attribute(node, name, onnx::AttributeProto::STRING).set_s(value.data(), value.size());
}

onnx::NodeProto& OnnxGraphWriter::add_main(const Layer& layer, std::string_view type,
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
  if (takes_all || layer.op > Op::kChannelShuffle)
    doc += fmt::format("{}{}\n", kOpHint, to_string(layer.op));
  if (layer.is_norm() && !layer.bias) doc += fmt::format("{}false\n", kBiasHint);
  if (layer.is_norm() && !layer.shift) doc += fmt::format("{}false\n", kShiftHint);
  if (!layer.block.empty()) doc += fmt::format("{}{}\n", kBlockHint, layer.block);
  if (!doc.empty()) node.set_doc_string(doc.substr(0, doc.size() - 1));
  return node;
}

onnx::NodeProto& OnnxGraphWriter::add_side(const Layer& layer, std::string_view role,
                                           std::string_view type,
                                           const std::vector<std::string>& inputs,
                                           const std::string& output) {
  std::string name = fmt::format("{}.{}", layer.name, role);
  if (!node_names_.insert(name).second) fail_onnx_layer(layer, fmt::format("two nodes '{}'", name));
  return add_node(name, type, inputs, output);
}

std::string OnnxGraphWriter::add_side(const Layer& layer, std::string_view role,
                                      std::string_view type,
                                      const std::vector<std::string>& inputs) {
  const std::string output = take_name(layer, fmt::format("{}.{}", layer.name, role));
  add_side(layer, role, type, inputs, output);
  return output;
}

void OnnxGraphWriter::add_reshape(const Layer& layer, std::string_view role,
                                  const std::string& input, const Dims& dims,
                                  const std::string& output) {
  Dims all = {0};  // keeps the batch
  all.insert(all.end(), dims.begin(), dims.end());
  const std::string shape = add_integers(layer, fmt::format("{}.shape", role), all);
  add_side(layer, role, "Reshape", {input, shape}, output);
}

std::string OnnxGraphWriter::add_reshape(const Layer& layer, std::string_view role,
                                         const std::string& input, const Dims& dims) {
  std::string output = take_name(layer, fmt::format("{}.{}", layer.name, role));
  add_reshape(layer, role, input, dims, output);
  return output;
}

std::string OnnxGraphWriter::add_permutation(const Layer& layer, std::string_view role,
                                             const std::string& input, const Dims& order) {
  std::string output = take_name(layer, fmt::format("{}.{}", layer.name, role));
  add_attribute(add_side(layer, role, "Transpose", {input}, output), "perm", order);
  return output;
}

onnx::NodeProto& OnnxGraphWriter::add_node(const std::string& name, std::string_view type,
                                           const std::vector<std::string>& inputs,
                                           const std::string& output) {
  onnx::NodeProto& node = *graph_.add_node();
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
  node.set_name(name);
  node.set_op_type(type.data(), type.size());
  return node;
}

std::vector<std::string> OnnxGraphWriter::add_weights(const Layer& layer, const Dims& dims) {
  if (layer.weights_of >= 0) return add_shared_weights(layer, dims);
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
    fail_onnx_layer(layer, fmt::format("{} biases given for a layer without", values.bias.size()));
  }
  return names;
}

/// Those of an earlier layer, in these dims.
std::vector<std::string> OnnxGraphWriter::add_shared_weights(const Layer& layer, const Dims& dims) {
  const std::string& owner = network_.layers[static_cast<std::size_t>(layer.weights_of)].name;
  const std::string shape = add_integers(layer, "weight.shape", dims);
  std::vector<std::string> names = {
      add_side(layer, "weight", "Reshape", {owner + ".weight", shape})};
  if (layer.bias && layer.own_bias) names.push_back(add_zeros(layer, "bias", {layer.ofm.channels}));
  if (layer.bias && !layer.own_bias) names.push_back(owner + ".bias");
  return names;
}

std::string OnnxGraphWriter::add_norm_parameter(const Layer& layer, std::string_view role,
                                                const Dims& dims) {
  if (layer.weights_of < 0) return add_zeros(layer, role, dims);
  const std::string& owner = network_.layers[static_cast<std::size_t>(layer.weights_of)].name;
  return fmt::format("{}.{}", owner, role);
}

std::string OnnxGraphWriter::add_floats(const Layer& layer, std::string_view role, const Dims& dims,
                                        std::span<const float> values) {
  const std::int64_t size = product(dims);
  if (values.size() != static_cast<std::size_t>(size)) {
    fail_onnx_layer(layer, fmt::format("{} has {} values, expected {} ({})", role, values.size(),
                                       size, fmt::join(dims, " x ")));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]))
      fail_onnx_layer(layer, fmt::format("{}[{}] is not finite", role, i));
  }
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role), dims, onnx::TensorProto::FLOAT,
                    bytes_of(values));
}

std::string OnnxGraphWriter::add_integers(const Layer& layer, std::string_view role,
                                          const Dims& values) {
  return add_tensor(layer, fmt::format("{}.{}", layer.name, role),
                    {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64,
                    bytes_of(std::span<const std::int64_t>(values)));
}

std::string OnnxGraphWriter::add_zeros(const Layer& layer, std::string_view role,
                                       const Dims& dims) {
  return add_filled(layer, role, dims, 0.0F);
}

std::string OnnxGraphWriter::add_ones(const Layer& layer, std::string_view role, const Dims& dims) {
  return add_filled(layer, role, dims, 1.0F);
}

std::string OnnxGraphWriter::add_filled(const Layer& layer, std::string_view role, const Dims& dims,
                                        float value) {
  std::string name = take_name(layer, fmt::format("{}.{}", layer.name, role));
  const std::string shape =
      add_tensor(layer, name + ".shape", {static_cast<std::int64_t>(dims.size())},
                 onnx::TensorProto::INT64, bytes_of(std::span<const std::int64_t>(dims)));
  onnx::NodeProto& node = add_side(layer, role, "ConstantOfShape", {shape}, name);
  if (value != 0.0F) {
    onnx::AttributeProto& attribute = new_attribute(node, "value", onnx::AttributeProto::TENSOR);
    attribute.mutable_t()->add_dims(1);
    attribute.mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
    attribute.mutable_t()->add_float_data(value);
  }
  return name;
}

std::string OnnxGraphWriter::add_tensor(const Layer& layer, const std::string& name,
                                        const Dims& dims, onnx::TensorProto::DataType type,
                                        std::string_view values) {
  onnx::TensorProto& tensor = *graph_.add_initializer();
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_data_type(type);
  tensor.set_name(take_name(layer, name));
  tensor.set_raw_data(values.data(), values.size());
  return name;
}

std::string OnnxGraphWriter::take_name(const Layer& layer, const std::string& name) {
  if (!names_.insert(name).second) {
    fail_onnx_layer(
        layer, fmt::format("two values of the model would be called '{}'; rename the layer", name));
  }
  return name;
}

}  // namespace tilewake
