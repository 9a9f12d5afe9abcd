// SPDX-License-Identifier: Apache-2.0
#include "nas/quantization/qdq_onnx.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "nas/common/little_endian.hpp"
#include "nas/export/layer_weights.hpp"
#include "nas/export/onnx_writer.hpp"
#include "nas/quantization/network_integers.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

/// Weights of the right sizes, to be replaced.
LayerWeights zero_weights(const Network& network) {
  LayerWeights weights;
  for (const Layer& layer : network.layers) {
    if (!layer.has_weights()) continue;
    LayerWeight& values = weights[layer.name];
    values.weight.assign(static_cast<std::size_t>(layer.num_weights()), 0.0F);
    values.bias.assign(static_cast<std::size_t>(layer.bias ? layer.ofm.channels : 0), 0.0F);
  }
  return weights;
}

std::string name_of_integers(const std::string& value) { return ".q/" + value; }

/// Puts QuantizeLinear and DequantizeLinear into a model of floats. New names begin with ".q/",
/// which no layer's can.
class QdqWriter {
 public:
  QdqWriter(const QuantizedNetwork& quantized, onnx::GraphProto& graph)
      : quantized_(quantized), graph_(graph) {}

  void write() {
    for (const onnx::TensorProto& tensor : graph_.initializer()) initializers_.push_back(tensor);
    graph_.clear_initializer();
    const std::vector<onnx::NodeProto> nodes(graph_.node().begin(), graph_.node().end());
    graph_.clear_node();
    find_maps();
    for (const onnx::TensorProto& tensor : initializers_) add_initializer(tensor);
    const std::string image = name_of_integers(kOnnxInput) + "/float";
    add_pair(kOnnxInput, kOnnxInput, image, quantized_.input);
    for (onnx::NodeProto node : nodes) {
      for (std::string& input : *node.mutable_input()) {
        if (input == kOnnxInput) input = image;
      }
      const std::string output = node.output(0);
      const auto found = maps_.find(output);
      if (found == maps_.end()) {
        *graph_.add_node() = node;
        continue;
      }
      const std::string exact = name_of_integers(output) + "/float";
      node.set_output(0, exact);
      *graph_.add_node() = node;
      add_pair(output, exact, output, found->second);
    }
  }

 private:
  void find_maps() {
    const Network& network = quantized_.network;
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
      const Layer& layer = network.layers[i];
      const QuantizedLayer& integers = quantized_.layers[i];
      maps_[onnx_value_name(network, static_cast<int>(i))] = integers.output;
      if (has_table(layer)) maps_[layer.name + ".linear"] = integers.linear;
      if (!layer.has_weights()) continue;
      weights_[layer.name + ".weight"] = i;
      if (layer.bias) biases_[layer.name + ".bias"] = i;
    }
  }

  onnx::NodeProto& add_node(std::string_view type, const std::vector<std::string>& inputs,
                            const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_name(fmt::format(".{}{}", type, output));
    node.set_op_type(std::string(type));
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  onnx::TensorProto& add_tensor(const std::string& name, onnx::TensorProto::DataType type) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    return tensor;
  }

  /// From value `from` to `to` through the integers ".q/`name`".
  void add_pair(const std::string& name, const std::string& from, const std::string& to,
                const MapQuantization& q) {
    const std::string integers = name_of_integers(name);
    append_little_endian(
        *add_tensor(integers + "/scale", onnx::TensorProto::FLOAT).mutable_raw_data(), q.scale);
    add_tensor(integers + "/zero", onnx::TensorProto::UINT8)
        .mutable_raw_data()
        ->push_back(static_cast<char>(q.zero_point));
    add_node("QuantizeLinear", {from, integers + "/scale", integers + "/zero"}, integers);
    add_node("DequantizeLinear", {integers, integers + "/scale", integers + "/zero"}, to);
  }

  void add_initializer(const onnx::TensorProto& tensor) {
    if (const auto weight = weights_.find(tensor.name()); weight != weights_.end()) {
      const QuantizedLayer& integers = quantized_.layers[weight->second];
      const std::string name = name_of_integers(tensor.name());
      onnx::TensorProto& bytes = add_tensor(name, onnx::TensorProto::INT8);
      *bytes.mutable_dims() = tensor.dims();
      for (const std::int8_t value : integers.weight)
        bytes.mutable_raw_data()->push_back(static_cast<char>(value));
      onnx::TensorProto& zeros = add_tensor(name + "/zero", onnx::TensorProto::INT8);
      zeros.add_dims(static_cast<std::int64_t>(integers.weight_scale.size()));
      zeros.mutable_raw_data()->assign(integers.weight_scale.size(), '\0');
      add_channel_scales(name, integers.weight_scale);
      add_by_channel({name, name + "/scale", name + "/zero"}, tensor.name());
      return;
    }
    if (const auto bias = biases_.find(tensor.name()); bias != biases_.end()) {
      const Layer& layer = quantized_.network.layers[bias->second];
      const QuantizedLayer& integers = quantized_.layers[bias->second];
      const std::string name = name_of_integers(tensor.name());
      onnx::TensorProto& values = add_tensor(name, onnx::TensorProto::INT32);
      *values.mutable_dims() = tensor.dims();
      for (const std::int32_t value : integers.bias)
        append_little_endian(*values.mutable_raw_data(), std::bit_cast<std::uint32_t>(value));
      std::vector<float> scales = integers.weight_scale;
      for (float& scale : scales) scale *= quantized_.of(layer.inputs[0]).scale;
      add_channel_scales(name, scales);
      add_by_channel({name, name + "/scale"}, tensor.name());
      return;
    }
    *graph_.add_initializer() = tensor;
  }

  void add_channel_scales(const std::string& name, const std::vector<float>& scales) {
    onnx::TensorProto& tensor = add_tensor(name + "/scale", onnx::TensorProto::FLOAT);
    tensor.add_dims(static_cast<std::int64_t>(scales.size()));
    for (const float scale : scales) append_little_endian(*tensor.mutable_raw_data(), scale);
  }

  void add_by_channel(const std::vector<std::string>& inputs, const std::string& output) {
    onnx::AttributeProto& axis = *add_node("DequantizeLinear", inputs, output).add_attribute();
    axis.set_name("axis");
    axis.set_type(onnx::AttributeProto::INT);
    axis.set_i(0);
  }

  const QuantizedNetwork& quantized_;
  onnx::GraphProto& graph_;
  std::vector<onnx::TensorProto> initializers_;
  std::map<std::string, MapQuantization> maps_;  // by the name of a value
  std::map<std::string, std::size_t> weights_;   // layers, by the name of the tensor
  std::map<std::string, std::size_t> biases_;
};

/// Reads what QdqWriter wrote.
class QdqReader {
 public:
  QdqReader(const onnx::GraphProto& graph, const Network& network) : network_(network) {
    for (const onnx::TensorProto& tensor : graph.initializer()) tensors_[tensor.name()] = &tensor;
  }

  QuantizedNetwork read() const {
    check_quantizable(network_);
    MapScales scales;
    std::vector<WeightIntegers> weights;
    scales.input = map(kOnnxInput);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      scales.output.push_back(map(onnx_value_name(network_, static_cast<int>(i))));
      const bool has_linear = has_table(layer) && layer.op != Op::kMaxPool;
      scales.linear.push_back(has_linear          ? map(layer.name + ".linear")
                              : !has_table(layer) ? scales.output.back()
                              : layer.inputs[0] == kNetworkInput
                                  ? scales.input
                                  : scales.output[static_cast<std::size_t>(layer.inputs[0])]);
      weights.push_back(layer.has_weights() ? weights_of(layer) : WeightIntegers());
    }
    return quantized_network(network_, scales, weights);
  }

 private:
  std::string raw(const std::string& name, onnx::TensorProto::DataType type,
                  std::size_t num_bytes) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      throw InputError(fmt::format("int8: no tensor '{}'", printable(name)));
    const onnx::TensorProto& tensor = *found->second;
    if (tensor.data_type() != type || tensor.raw_data().size() != num_bytes)
      throw InputError(
          fmt::format("int8: tensor '{}' is of another type or size", printable(name)));
    return tensor.raw_data();
  }

  std::vector<float> floats(const std::string& name, std::size_t size) const {
    const std::string bytes = raw(name, onnx::TensorProto::FLOAT, size * sizeof(float));
    std::vector<float> values(size);
    for (std::size_t i = 0; i < size; ++i)
      values[i] = std::bit_cast<float>(little_endian_at<std::uint32_t>(bytes, i * sizeof(float)));
    return values;
  }

  MapQuantization map(const std::string& value) const {
    const std::string name = name_of_integers(value);
    const std::string zero = raw(name + "/zero", onnx::TensorProto::UINT8, 1);
    return {floats(name + "/scale", 1)[0], static_cast<unsigned char>(zero[0])};
  }

  WeightIntegers weights_of(const Layer& layer) const {
    WeightIntegers integers;
    const auto num_outputs = static_cast<std::size_t>(layer.ofm.channels);
    const std::string weight = name_of_integers(layer.name + ".weight");
    for (const char value :
         raw(weight, onnx::TensorProto::INT8, static_cast<std::size_t>(layer.num_weights())))
      integers.weight.push_back(static_cast<std::int8_t>(value));
    integers.weight_scale = floats(weight + "/scale", num_outputs);
    if (!layer.bias) return integers;
    const std::string bias = raw(name_of_integers(layer.name + ".bias"), onnx::TensorProto::INT32,
                                 num_outputs * sizeof(std::int32_t));
    for (std::size_t o = 0; o < num_outputs; ++o)
      integers.bias.push_back(std::bit_cast<std::int32_t>(
          little_endian_at<std::uint32_t>(bias, o * sizeof(std::int32_t))));
    return integers;
  }

  const Network& network_;
  std::map<std::string, const onnx::TensorProto*> tensors_;
};

}  // namespace

std::string qdq_model(const QuantizedNetwork& quantized) {
  const Network& network = quantized.network;
  onnx::ModelProto model;
  if (!model.ParseFromString(onnx_model(network, zero_weights(network))))
    throw InputError("ONNX: not an ONNX model");
  QdqWriter(quantized, *model.mutable_graph()).write();
  try {
    onnx::checker::check_model(model);
    onnx::shape_inference::InferShapes(model);
  } catch (const std::exception& e) {
    throw InputError(fmt::format("ONNX: libonnx rejects the int8 model: {}", e.what()));
  }
  return model.SerializeAsString();
}

QuantizedNetwork read_qdq_model(const std::string& bytes, const std::string& path,
                                const Network& network) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) throw InputError(path + ": not an ONNX model");
  try {
    return QdqReader(model.graph(), network).read();
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace tilewake
