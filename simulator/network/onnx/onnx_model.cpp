// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_model.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_fields.hpp"
#include "simulator/network/onnx/wire_format.hpp"

namespace tilewake {
namespace {

namespace field = onnx_field;

constexpr int kStoredElsewhere = 1;  // TensorProto.DataLocation

class Parser {
 public:
  OnnxModel parse(std::string_view text) {
    OnnxModel model;
    bool has_graph = false;
    for (WireReader in(text); in.next();) {
      switch (in.field()) {
        case field::model::kProducerName:
          model.producer = in.bytes();
          break;
        case field::model::kOpsetImport:
          read_opset(in.message(), model);
          break;
        case field::model::kGraph:
          if (has_graph) throw InputError("holds two graphs");
          has_graph = true;
          read_graph(in.message(), model);
          break;
        default:
          break;
      }
    }
    if (!has_graph) throw InputError("holds no graph: is it an ONNX model?");
    return model;
  }

 private:
  void count_item() {
    if (++num_items_ > kMaxOnnxItems) {
      throw InputError(
          fmt::format("holds more than {} nodes, names, attributes and dimensions", kMaxOnnxItems));
    }
  }

  std::string_view name_in(const WireReader& in) {
    count_item();
    return in.bytes();
  }

  static void read_opset(WireReader in, OnnxModel& model) {
    std::string_view domain;
    std::int64_t version = 0;
    while (in.next()) {
      if (in.field() == field::opset::kDomain) domain = in.bytes();
      if (in.field() == field::opset::kVersion) version = in.integer();
    }
    if (domain.empty() || domain == "ai.onnx") model.opset = version;
  }

  void read_graph(WireReader in, OnnxModel& model) {
    while (in.next()) {
      switch (in.field()) {
        case field::graph::kNode:
          model.nodes.push_back(read_node(in.message()));
          break;
        case field::graph::kName:
          model.name = in.bytes();
          break;
        case field::graph::kInitializer:
          model.initializers.push_back(read_tensor(in.message()));
          break;
        case field::graph::kInput:
          model.inputs.push_back(read_value(in.message()));
          break;
        case field::graph::kOutput:
          model.outputs.push_back(read_value(in.message()).name);
          break;
        default:
          break;
      }
    }
  }

  OnnxNode read_node(WireReader in) {
    count_item();
    OnnxNode node;
    while (in.next()) {
      switch (in.field()) {
        case field::node::kInput:
          node.inputs.push_back(name_in(in));
          break;
        case field::node::kOutput:
          node.outputs.push_back(name_in(in));
          break;
        case field::node::kName:
          node.name = in.bytes();
          break;
        case field::node::kOpType:
          node.op = in.bytes();
          break;
        case field::node::kDomain:
          node.domain = in.bytes();
          break;
        case field::node::kDocString:
          node.doc = in.bytes();
          break;
        case field::node::kAttribute:
          node.attributes.push_back(read_attribute(in.message()));
          break;
        default:
          break;
      }
    }
    if (node.domain == "ai.onnx") node.domain = {};
    return node;
  }

  OnnxAttribute read_attribute(WireReader in) {
    count_item();
    OnnxAttribute attribute;
    while (in.next()) {
      switch (in.field()) {
        case field::attribute::kName:
          attribute.name = in.bytes();
          break;
        case field::attribute::kFloat:
          attribute.real = in.real();
          break;
        case field::attribute::kInt:
          attribute.integer = in.integer();
          break;
        case field::attribute::kString:
          attribute.text = in.bytes();
          break;
        case field::attribute::kTensor:
          attribute.tensor = read_tensor(in.message());
          break;
        case field::attribute::kFloats:
          in.for_each_float([&](float value) { append(value, attribute.reals); });
          break;
        case field::attribute::kInts:
          in.for_each_integer([&](std::int64_t value) { append(value, attribute.integers); });
          break;
        case field::attribute::kType:
          attribute.type = static_cast<int>(in.integer());
          break;
        default:
          break;
      }
    }
    return attribute;
  }

  template <typename T>
  void append(T value, std::vector<T>& values) {
    count_item();
    values.push_back(value);
  }

  /// Weights are not looked at, whatever field they stand in.
  void append_value(double value, OnnxTensor& tensor) {
    if (tensor.values.size() < kMaxTensorValues) append(value, tensor.values);
  }

  OnnxTensor read_tensor(WireReader in) {
    count_item();
    OnnxTensor tensor;
    while (in.next()) {
      switch (in.field()) {
        case field::tensor::kDims:
          in.for_each_integer([&](std::int64_t dim) { append(dim, tensor.dims); });
          break;
        case field::tensor::kDataType:
          tensor.data_type = static_cast<int>(in.integer());
          break;
        case field::tensor::kInt32Data:
        case field::tensor::kInt64Data:
          in.for_each_integer(
              [&](std::int64_t value) { append_value(static_cast<double>(value), tensor); });
          break;
        case field::tensor::kFloatData:
          in.for_each_float([&](float value) { append_value(value, tensor); });
          break;
        case field::tensor::kDoubleData:
          in.for_each_double([&](double value) { append_value(value, tensor); });
          break;
        case field::tensor::kName:
          tensor.name = in.bytes();
          break;
        case field::tensor::kRawData:
          tensor.raw = in.bytes();
          break;
        case field::tensor::kDataLocation:
          tensor.is_elsewhere = in.integer() == kStoredElsewhere;
          break;
        default:
          break;
      }
    }
    return tensor;
  }

  OnnxInput read_value(WireReader in) {
    count_item();
    OnnxInput value;
    while (in.next()) {
      if (in.field() == field::value_info::kName) value.name = in.bytes();
      if (in.field() == field::value_info::kType) read_type(in.message(), value);
    }
    return value;
  }

  void read_type(WireReader in, OnnxInput& value) {
    while (in.next()) {
      if (in.field() != field::type::kTensor) continue;
      for (WireReader tensor = in.message(); tensor.next();) {
        if (tensor.field() == field::tensor_type::kShape) read_shape(tensor.message(), value);
      }
    }
  }

  void read_shape(WireReader in, OnnxInput& value) {
    value.has_shape = true;
    while (in.next()) {
      if (in.field() != field::shape::kDim) continue;
      std::int64_t size = 0;
      for (WireReader dim = in.message(); dim.next();) {
        if (dim.field() == field::dim::kValue) size = dim.integer();
      }
      append(size, value.dims);
    }
  }

  std::size_t num_items_ = 0;
};

}  // namespace

const OnnxAttribute* OnnxNode::find(std::string_view attribute) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const OnnxAttribute& a) { return a.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

OnnxModel parse_onnx(std::string_view text, const std::string& path) {
  try {
    return Parser().parse(text);
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace tilewake
