// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <onnx/onnx_pb.h>
#include <string>
#include <vector>

#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {

/// An ONNX model put together node by node with libonnx's own classes, so that the reader is tested
/// against another's idea of the format. Its input is `x`; a node bears the name of its output.
class OnnxGraph {
 public:
  using Sizes = std::vector<std::int64_t>;
  using Names = std::vector<std::string>;

  explicit OnnxGraph(const Sizes& input = {1, 3, 16, 16}, int opset = 13) {
    model.set_ir_version(7);
    model.add_opset_import()->set_version(opset);
    add_input("x", input);
  }

  onnx::GraphProto& graph() { return *model.mutable_graph(); }

  /// Negative sizes are free.
  void add_input(const std::string& name, const Sizes& sizes) {
    onnx::ValueInfoProto& value = *graph().add_input();
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape();
    for (const std::int64_t size : sizes) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (size < 0) dim.set_dim_param("free");
      if (size >= 0) dim.set_dim_value(size);
    }
  }

  /// One node behind the other; returned so that attributes can be added. The last one is the
  /// output of the graph unless `outputs` says otherwise.
  onnx::NodeProto& add(const std::string& op, const Names& inputs, const std::string& output) {
    onnx::NodeProto& node = *graph().add_node();
    node.set_name(output);
    node.set_op_type(op);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  /// A convolution with new weights of these dims.
  onnx::NodeProto& conv(const std::string& input, const std::string& output, const Sizes& weight,
                        bool bias = true) {
    Names inputs = {input, weights(output + ".w", weight)};
    if (bias) inputs.push_back(weights(output + ".b", {weight[0]}));
    return add("Conv", inputs, output);
  }

  /// Initializers. Weights are zeros.
  std::string weights(const std::string& name, const Sizes& dims) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) count *= dim;
    onnx::TensorProto& tensor = new_tensor(name, dims, onnx::TensorProto::FLOAT);
    tensor.set_raw_data(std::string(static_cast<std::size_t>(count) * sizeof(float), '\0'));
    return name;
  }
  std::string number(const std::string& name, float value, const Sizes& dims = {}) {
    new_tensor(name, dims, onnx::TensorProto::FLOAT).add_float_data(value);
    return name;
  }
  std::string integers(const std::string& name, const Sizes& values) {
    onnx::TensorProto& tensor =
        new_tensor(name, {static_cast<std::int64_t>(values.size())}, onnx::TensorProto::INT64);
    for (const std::int64_t value : values) tensor.add_int64_data(value);
    return name;
  }
  onnx::TensorProto& new_tensor(const std::string& name, const Sizes& dims, int type) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    return tensor;
  }

  std::string bytes() {
    onnx::ModelProto whole = model;
    const Names all = outputs.empty() && graph().node_size() > 0
                          ? Names{graph().node(graph().node_size() - 1).output(0)}
                          : outputs;
    for (const std::string& output : all) whole.mutable_graph()->add_output()->set_name(output);
    return whole.SerializeAsString();
  }

  OnnxNetwork read(const Sizes& input_shape = {}) {
    return read_onnx(bytes(), "m.onnx", input_shape);
  }
  std::string error(const Sizes& input_shape = {}) {
    return input_error_of([&] { read(input_shape); });
  }
  /// The network as text, to be compared with `entries`.
  std::string layers() { return text_of(read().network); }

  onnx::ModelProto model;
  Names outputs;
};

template <std::integral T>
void set(onnx::NodeProto& node, const std::string& name, T value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

inline void set(onnx::NodeProto& node, const std::string& name, float value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
}

inline void set(onnx::NodeProto& node, const std::string& name, const char* value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::STRING);
  attribute.set_s(value);
}

inline void set(onnx::NodeProto& node, const std::string& name,
                const std::vector<std::int64_t>& values) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

/// The text of a network file with these entries, named like what OnnxGraph::read gives.
inline std::string entries(const std::string& layers, const std::string& input = "3, 16, 16") {
  const std::size_t first = input.find(',');
  const std::size_t second = input.find(',', first + 1);
  return text_of(read_network_text("name: m\ninput: {channels: " + input.substr(0, first) +
                                       ", height: " + input.substr(first + 1, second - first - 1) +
                                       ", width: " + input.substr(second + 1) + "}\nlayers:\n" +
                                       layers,
                                   "expected.yaml"));
}

}  // namespace tilewake
