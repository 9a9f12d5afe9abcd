// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <onnx/onnx_pb.h>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"
#include "simulator/network/onnx/onnx_names.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"

namespace tilewake {

void add_attribute(onnx::NodeProto& node, std::string_view name, std::int64_t value);
void add_attribute(onnx::NodeProto& node, std::string_view name, float value);
void add_attribute(onnx::NodeProto& node, std::string_view name, const Dims& values);
void add_attribute(onnx::NodeProto& node, std::string_view name, std::string_view value);

/// Appends the nodes of one layer after another to a graph.
class OnnxGraphWriter {
 public:
  OnnxGraphWriter(const Network& network, const OnnxWeightSource& source, onnx::GraphProto& graph)
      : network_(network), source_(source), graph_(graph), names_{kOnnxInput} {}

  void add_layer(int index);
  void add_flatten_at_end();

 private:
  // One function for each kind of op: its result, without the activation, is `output`.
  void add_linear(const Layer& layer, const std::string& output);
  void add_convolution(const Layer& layer, const std::string& output, std::int64_t groups,
                       const Dims& weight_dims);
  void add_dense(const Layer& layer, const std::string& output);
  void add_dense_as_convolution(const Layer& layer, const std::string& output);
  void add_max_pool(const Layer& layer, const std::string& output);
  void add_avg_pool(const Layer& layer, const std::string& output);
  void add_dilated_avg_pool(const Layer& layer, const std::string& output);
  void add_concat(const Layer& layer, const std::string& output);
  void add_channel_split(const Layer& layer, const std::string& output);
  void add_channel_shuffle(const Layer& layer, const std::string& output);
  void add_activation(const Layer& layer, const std::string& input, const std::string& output);
  void add_gelu(const Layer& layer, const std::string& input, const std::string& output);

  // The same in onnx_writer_maps.cpp. False: the op is not among them.
  bool add_map_op(const Layer& layer, const std::string& output);
  void add_conv_transpose(const Layer& layer, const std::string& output);
  void add_elementwise(const Layer& layer, const std::string& output);
  void add_matmul(const Layer& layer, const std::string& output);
  void add_resize(const Layer& layer, const std::string& output);
  void add_reduce(const Layer& layer, const std::string& output);
  void add_softmax(const Layer& layer, const std::string& output);
  void add_layer_norm(const Layer& layer, const std::string& output);
  void add_group_norm(const Layer& layer, const std::string& output);
  void add_slice(const Layer& layer, const std::string& output);
  void add_pad(const Layer& layer, const std::string& output);
  void add_transpose(const Layer& layer, const std::string& output);
  void add_constant(const Layer& layer, const std::string& output);
  void add_embedding(const Layer& layer, const std::string& output);

  /// Appends the node that is the layer and has its name.
  onnx::NodeProto& add_main(const Layer& layer, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);
  /// Appends another node of the layer, "<layer>.<role>".
  onnx::NodeProto& add_side(const Layer& layer, std::string_view role, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);
  /// The same with an output of that name.
  std::string add_side(const Layer& layer, std::string_view role, std::string_view type,
                       const std::vector<std::string>& inputs);
  /// `input` in other dims after the batch.
  void add_reshape(const Layer& layer, std::string_view role, const std::string& input,
                   const Dims& dims, const std::string& output);
  std::string add_reshape(const Layer& layer, std::string_view role, const std::string& input,
                          const Dims& dims);
  std::string add_permutation(const Layer& layer, std::string_view role, const std::string& input,
                              const Dims& order);
  onnx::NodeProto& add_node(const std::string& name, std::string_view type,
                            const std::vector<std::string>& inputs, const std::string& output);

  /// Values "<layer>.weight" and, where it has one, "<layer>.bias".
  std::vector<std::string> add_weights(const Layer& layer, const Dims& dims);
  std::vector<std::string> add_shared_weights(const Layer& layer, const Dims& dims);
  std::string add_floats(const Layer& layer, std::string_view role, const Dims& dims,
                         std::span<const float> values);
  std::string add_integers(const Layer& layer, std::string_view role, const Dims& values);
  /// Factors or shifts of a norm, its own or those of the layer that it shares them with.
  std::string add_norm_parameter(const Layer& layer, std::string_view role, const Dims& dims);
  std::string add_zeros(const Layer& layer, std::string_view role, const Dims& dims);
  std::string add_ones(const Layer& layer, std::string_view role, const Dims& dims);
  std::string add_filled(const Layer& layer, std::string_view role, const Dims& dims, float value);
  std::string add_tensor(const Layer& layer, const std::string& name, const Dims& dims,
                         onnx::TensorProto::DataType type, std::string_view values);
  std::string take_name(const Layer& layer, const std::string& name);
  std::string input_of(const Layer& layer, std::size_t index = 0) const {
    return onnx_value_name(network_, layer.inputs[index]);
  }
  const Shape& input_shape(const Layer& layer, std::size_t index) const {
    return network_.shape_of(layer.inputs[index]);
  }
  bool is_last(const Layer& layer) const { return &layer == &network_.layers.back(); }

  const Network& network_;
  const OnnxWeightSource& source_;
  onnx::GraphProto& graph_;
  std::set<std::string> names_;       // of values and tensors
  std::set<std::string> node_names_;  // of side nodes
};

/// Throws InputError that names the layer.
[[noreturn]] void fail_onnx_layer(const Layer& layer, const std::string& what);

}  // namespace tilewake
