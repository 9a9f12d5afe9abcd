// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_weights.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <onnx/onnx_pb.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

bool is_float_type(int type) {
  return type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::FLOAT16 ||
         type == onnx::TensorProto::DOUBLE || type == onnx::TensorProto::BFLOAT16;
}

/// IEEE 754 binary16.
float float_of_half(std::uint16_t half) {
  const double sign = (half & 0x8000U) != 0 ? -1.0 : 1.0;
  const auto exponent = static_cast<int>((half >> 10U) & 31U);
  const auto fraction = static_cast<int>(half & 1023U);
  if (exponent == 31)
    return fraction == 0 ? static_cast<float>(sign) * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  const double value =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(sign * value);
}

/// Elements of raw data of one type.
template <typename T>
std::vector<T> raw_elements(const std::string& raw) {
  std::vector<T> values(raw.size() / sizeof(T));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(T));
  return values;
}

/// The values of a tensor as the file has them; their number is checked by the caller.
std::vector<float> values_of(const onnx::TensorProto& tensor) {
  const std::string& raw = tensor.raw_data();
  std::vector<float> values;
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      if (tensor.has_raw_data()) return raw_elements<float>(raw);
      return {tensor.float_data().begin(), tensor.float_data().end()};
    case onnx::TensorProto::DOUBLE:
      if (tensor.has_raw_data()) {
        for (const double value : raw_elements<double>(raw))
          values.push_back(static_cast<float>(value));
      }
      for (const double value : tensor.double_data()) values.push_back(static_cast<float>(value));
      return values;
    case onnx::TensorProto::FLOAT16:
      if (tensor.has_raw_data()) {
        for (const std::uint16_t half : raw_elements<std::uint16_t>(raw))
          values.push_back(float_of_half(half));
      }
      for (const std::int32_t half : tensor.int32_data())
        values.push_back(float_of_half(static_cast<std::uint16_t>(half)));
      return values;
    default:
      throw InputError("is of a type that is not read; float, double and float16 are");
  }
}

class WeightReader {
 public:
  WeightReader(const std::string& bytes, const std::string& path) : path_(path) {
    if (!model_.ParseFromString(bytes)) throw InputError(path + ": not an ONNX model");
    if (model_.functions_size() > 0)
      throw InputError(path + ": has functions, with which weights are not read");
    for (const onnx::TensorProto& tensor : model_.graph().initializer())
      tensors_[tensor.name()] = &tensor;
    for (const onnx::NodeProto& node : model_.graph().node()) define(node);
    for (const onnx::NodeProto& node : model_.graph().node()) check(node);
  }

  LayerWeights read(const OnnxNetwork& network) const {
    LayerWeights weights;
    for (std::size_t i = 0; i < network.network.layers.size(); ++i) {
      const Layer& layer = network.network.layers[i];
      if (layer.has_weights()) weights[layer.name] = weights_of(layer, network.origins[i]);
    }
    return weights;
  }

 private:
  [[noreturn]] void fail(const onnx::NodeProto& node, const std::string& what) const {
    const std::string& name = !node.name().empty()     ? node.name()
                              : node.output_size() > 0 ? node.output(0)
                                                       : node.op_type();
    throw InputError(fmt::format("{}: node '{}' ({}): {}", path_, printable(name),
                                 printable(node.op_type()), what));
  }

  /// Tensors that nodes give: constants, and second names of equal tensors.
  void define(const onnx::NodeProto& node) {
    if (node.output_size() != 1) return;
    if (node.op_type() == "Constant") {
      for (const onnx::AttributeProto& attribute : node.attribute())
        if (attribute.name() == "value") tensors_[node.output(0)] = &attribute.t();
    } else if (node.op_type() == "Identity" && node.input_size() == 1) {
      const auto found = tensors_.find(node.input(0));
      if (found != tensors_.end()) tensors_[node.output(0)] = found->second;
    }
  }

  static bool has_weights(const onnx::NodeProto& node) {
    return node.op_type() == "Conv" || node.op_type() == "Gemm" || node.op_type() == "MatMul";
  }

  static std::int64_t integer(const onnx::NodeProto& node, const char* name,
                              std::int64_t otherwise) {
    for (const onnx::AttributeProto& attribute : node.attribute())
      if (attribute.name() == name) return attribute.i();
    return otherwise;
  }

  static bool is_one(const onnx::NodeProto& node, const char* name) {
    for (const onnx::AttributeProto& attribute : node.attribute())
      if (attribute.name() == name) return attribute.f() == 1.0F;
    return true;
  }

  void check(const onnx::NodeProto& node) {
    if (has_weights(node) && node.input_size() > 1) nodes_[node.input(1)] = &node;
    if (node.op_type() == "AveragePool" && integer(node, "count_include_pad", 0) == 0) {
      for (const onnx::AttributeProto& attribute : node.attribute()) {
        if (attribute.name() != "pads") continue;
        for (const std::int64_t pad : attribute.ints())
          if (pad != 0) fail(node, "averages without the padding are not trained");
      }
    }
    for (const char* op : {"Clip", "Dropout", "Identity"})
      if (node.op_type() == op) return;
    if (has_weights(node)) return;
    for (const std::string& input : node.input()) {
      const auto found = tensors_.find(input);
      if (found == tensors_.end() || !is_float_type(found->second->data_type())) continue;
      fail(node,
           "its parameters are not read; export the model in evaluation mode with constants "
           "folded, without quantization and preprocessing");
    }
  }

  std::vector<float> tensor(const onnx::NodeProto& node, const std::string& name,
                            std::int64_t size) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      fail(node, fmt::format("'{}' is no tensor of the model", printable(name)));
    const onnx::TensorProto& values = *found->second;
    if (values.data_location() == onnx::TensorProto::EXTERNAL)
      fail(node, fmt::format("'{}' is in another file, from which weights are not read",
                             printable(name)));
    std::vector<float> result;
    try {
      result = values_of(values);
    } catch (const InputError& e) {
      fail(node, fmt::format("'{}' {}", printable(name), e.what()));
    }
    if (static_cast<std::int64_t>(result.size()) != size)
      fail(node,
           fmt::format("'{}' has {} values, {} are needed", printable(name), result.size(), size));
    for (const float value : result)
      if (!std::isfinite(value))
        fail(node, fmt::format("'{}' has a value that is not finite", printable(name)));
    return result;
  }

  LayerWeight weights_of(const Layer& layer, const OnnxOrigin& origin) const {
    const std::string name = origin.inputs.size() > 1 ? origin.inputs[1] : "";
    const auto found = nodes_.find(name);
    if (found == nodes_.end())
      throw InputError(fmt::format("{}: layer '{}': weights of a node {} are not read", path_,
                                   layer.name, printable(origin.op)));
    const onnx::NodeProto& node = *found->second;
    if (node.op_type() == "Gemm" &&
        (integer(node, "transA", 0) != 0 || !is_one(node, "alpha") || !is_one(node, "beta")))
      fail(node, "has factors or a transposed input, with which weights are not read");
    LayerWeight weights;
    weights.weight = tensor(node, name, layer.num_weights());
    const bool is_transposed =
        node.op_type() == "MatMul" || (node.op_type() == "Gemm" && integer(node, "transB", 0) == 0);
    if (is_transposed) transpose(weights.weight, static_cast<std::size_t>(layer.ofm.channels));
    if (!layer.bias) return weights;
    if (origin.inputs.size() < 3 || origin.inputs[2].empty())
      fail(node, "its bias is in another node, from which weights are not read");
    weights.bias = tensor(node, origin.inputs[2], layer.ofm.channels);
    return weights;
  }

  /// From in x out to out x in.
  static void transpose(std::vector<float>& values, std::size_t num_out) {
    const std::size_t num_in = values.size() / num_out;
    std::vector<float> result(values.size());
    for (std::size_t i = 0; i < num_in; ++i)
      for (std::size_t o = 0; o < num_out; ++o) result[o * num_in + i] = values[i * num_out + o];
    values = std::move(result);
  }

  const std::string& path_;
  onnx::ModelProto model_;
  std::map<std::string, const onnx::TensorProto*> tensors_;
  std::map<std::string, const onnx::NodeProto*> nodes_;  // with weights, by their name
};

}  // namespace

LayerWeights onnx_weights(const std::string& bytes, const std::string& path,
                          const OnnxNetwork& read) {
  return WeightReader(bytes, path).read(read);
}

}  // namespace tilewake
