// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_model.hpp"

#include <algorithm>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>
#include <unordered_set>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_functions.hpp"

namespace tilewake {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

/// Walks over a file in place and refuses what would make libprotobuf allocate too much memory.
/// Format: "Protocol Buffers, Encoding", https://protobuf.dev/programming-guides/encoding.
class BoundsCheck {
 public:
  explicit BoundsCheck(std::string_view text)
      : in_(reinterpret_cast<const std::uint8_t*>(text.data()), static_cast<int>(text.size())),
        num_bytes_(static_cast<int>(text.size())) {
    in_.PushLimit(static_cast<int>(text.size()));
  }

  void check_message(const Descriptor& type, int depth = 0) {
    if (depth > kMaxOnnxDepth) fail("messages are nested too deeply");
    count_item();
    while (true) {
      field_at_ = in_.CurrentPosition();
      const std::uint32_t tag = in_.ReadTag();
      if (tag == 0 && in_.ConsumedEntireMessage()) return;
      if (tag >> 3 == 0) fail("is no field of a message");
      const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
      check_field(tag & 7, field, depth);
    }
  }

 private:
  void check_field(std::uint32_t wire_type, const FieldDescriptor* field, int depth) {
    std::uint64_t value = 0;
    switch (wire_type) {
      case 0:
        if (!in_.ReadVarint64(&value)) fail("is no field of a message");
        return count_numbers(field, 1);
      case 1:
        if (!in_.Skip(sizeof(std::uint64_t))) fail("is no field of a message");
        return count_numbers(field, 1);
      case 2:
        return check_bytes(field, depth);
      case 5:
        if (!in_.Skip(sizeof(std::uint32_t))) fail("is no field of a message");
        return count_numbers(field, 1);
      default:  // groups, which ONNX does not have
        fail("is no field of a message");
    }
  }

  /// A message, a string, or a list of numbers.
  void check_bytes(const FieldDescriptor* field, int depth) {
    int size = 0;
    if (!in_.ReadVarintSizeAsInt(&size) || size > in_.BytesUntilLimit()) {
      if (size > num_bytes_ - in_.CurrentPosition()) {
        fail(
            fmt::format("a part of {} bytes begins here, and the file has {} more: it is cut off; "
                        "copy or download it again",
                        size, num_bytes_ - in_.CurrentPosition()));
      }
      fail("ends after the end of its message");
    }
    if (field == nullptr) {
      count_item();
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const auto limit = in_.PushLimit(size);
      check_message(*field->message_type(), depth + 1);
      in_.PopLimit(limit);
      return;
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      if (field->is_repeated()) count_item();
    } else {
      count_numbers(field, static_cast<std::size_t>(size) / smallest_width(*field));
    }
    in_.Skip(size);
  }

  static std::size_t smallest_width(const FieldDescriptor& field) {
    if (field.type() == FieldDescriptor::TYPE_FLOAT) return sizeof(float);
    if (field.type() == FieldDescriptor::TYPE_DOUBLE) return sizeof(double);
    return 1;
  }

  /// ONNX declares the values of tensors, and nothing else, as packed.
  void count_numbers(const FieldDescriptor* field, std::size_t count) {
    if (field != nullptr && !field->is_repeated()) return;
    if (field == nullptr || !field->is_packed()) return count_item(count);
    num_numbers_ += count;
    if (num_numbers_ > kMaxOnnxNumbers) {
      throw InputError(
          fmt::format("holds more than {} numbers outside of raw_data", kMaxOnnxNumbers));
    }
  }

  void count_item(std::size_t count = 1) {
    num_items_ += count;
    if (num_items_ > kMaxOnnxItems) {
      throw InputError(
          fmt::format("holds more than {} nodes, names, attributes and dimensions", kMaxOnnxItems));
    }
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw InputError(fmt::format("is no ONNX model: byte {}: {}", field_at_, what));
  }

  google::protobuf::io::CodedInputStream in_;
  int num_bytes_ = 0;
  int field_at_ = 0;
  std::size_t num_items_ = 0;
  std::size_t num_numbers_ = 0;
};

/// ONNX's own operators have two names for their domain.
bool is_standard(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

OnnxTensor tensor_of(const onnx::TensorProto& file) {
  OnnxTensor tensor;
  tensor.name = file.name();
  tensor.dims.assign(file.dims().begin(), file.dims().end());
  tensor.data_type = file.data_type();
  tensor.raw = file.raw_data();
  tensor.is_elsewhere = file.data_location() == onnx::TensorProto::EXTERNAL;
  const auto append = [&](const auto& values) {
    for (const auto value : values) {
      if (tensor.values.size() == kMaxTensorValues) return;
      tensor.values.push_back(static_cast<double>(value));
    }
  };
  append(file.float_data());
  append(file.int32_data());
  append(file.int64_data());
  append(file.double_data());
  const auto see = [&](const auto& values) {
    if (values.empty()) return;
    tensor.typed = {reinterpret_cast<const char*>(values.data()),
                    static_cast<std::size_t>(values.size()) * sizeof(values[0])};
  };
  see(file.float_data());
  see(file.int32_data());
  see(file.int64_data());
  see(file.double_data());
  return tensor;
}

/// Only dims are needed: the values of a sparse tensor are weights.
OnnxTensor tensor_of(const onnx::SparseTensorProto& file) {
  OnnxTensor tensor;
  tensor.name = file.values().name();
  tensor.dims.assign(file.dims().begin(), file.dims().end());
  tensor.data_type = file.values().data_type();
  tensor.is_elsewhere = true;
  return tensor;
}

OnnxAttribute attribute_of(const onnx::AttributeProto& file) {
  OnnxAttribute attribute;
  attribute.name = file.name();
  attribute.type = file.type();
  attribute.real = file.f();
  attribute.integer = file.i();
  attribute.text = file.s();
  attribute.integers.assign(file.ints().begin(), file.ints().end());
  attribute.reals.assign(file.floats().begin(), file.floats().end());
  if (file.has_t()) attribute.tensor = tensor_of(file.t());
  return attribute;
}

/// Values that nodes of `graph` read and no earlier one gives. O(nodes): `captured` is shared with
/// the graphs within.
void capture(const onnx::GraphProto& graph, std::vector<std::string_view>& captured) {
  const std::size_t first = captured.size();
  std::unordered_set<std::string_view> given;
  for (const onnx::ValueInfoProto& input : graph.input()) given.insert(input.name());
  for (const onnx::TensorProto& tensor : graph.initializer()) given.insert(tensor.name());
  for (const onnx::NodeProto& node : graph.node()) {
    captured.insert(captured.end(), node.input().begin(), node.input().end());
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) capture(attribute.g(), captured);
      for (const onnx::GraphProto& inner : attribute.graphs()) capture(inner, captured);
    }
    given.insert(node.output().begin(), node.output().end());
  }
  for (const onnx::ValueInfoProto& output : graph.output()) captured.push_back(output.name());
  const auto begin = captured.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, captured.end());
  captured.erase(std::unique(begin, captured.end()), captured.end());
  captured.erase(
      std::remove_if(captured.begin() + static_cast<std::ptrdiff_t>(first), captured.end(),
                     [&](std::string_view name) { return given.contains(name); }),
      captured.end());
}

OnnxNode node_of(const onnx::NodeProto& file);

OnnxSubgraph graph_of(const onnx::GraphProto& file) {
  OnnxSubgraph graph;
  for (const onnx::NodeProto& node : file.node()) graph.nodes.push_back(node_of(node));
  for (const onnx::TensorProto& tensor : file.initializer()) {
    graph.initializers.push_back(tensor_of(tensor));
  }
  for (const onnx::SparseTensorProto& tensor : file.sparse_initializer()) {
    graph.initializers.push_back(tensor_of(tensor));
  }
  for (const onnx::ValueInfoProto& output : file.output()) graph.outputs.push_back(output.name());
  return graph;
}

OnnxNode node_of(const onnx::NodeProto& file) {
  OnnxNode node;
  node.name = file.name();
  node.op = file.op_type();
  if (!is_standard(file.domain())) node.domain = file.domain();
  node.doc = file.doc_string();
  node.inputs.assign(file.input().begin(), file.input().end());
  node.outputs.assign(file.output().begin(), file.output().end());
  for (const onnx::AttributeProto& attribute : file.attribute()) {
    node.attributes.push_back(attribute_of(attribute));
    if (attribute.has_g()) capture(attribute.g(), node.captured);
    for (const onnx::GraphProto& graph : attribute.graphs()) capture(graph, node.captured);
    if (attribute.has_g() && node.op == "If" && node.domain.empty()) {
      node.attributes.back().graph = std::make_shared<const OnnxSubgraph>(graph_of(attribute.g()));
    }
  }
  return node;
}

OnnxInput input_of(const onnx::ValueInfoProto& file) {
  OnnxInput input;
  input.name = file.name();
  input.data_type = file.type().tensor_type().elem_type();
  input.has_shape = file.type().tensor_type().has_shape();
  for (const auto& dim : file.type().tensor_type().shape().dim()) {
    input.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    input.dim_names.push_back(dim.dim_param());
  }
  return input;
}

OnnxModel model_of(std::shared_ptr<const onnx::ModelProto> file) {
  OnnxModel model;
  model.producer = file->producer_name();
  for (const onnx::OperatorSetIdProto& opset : file->opset_import()) {
    if (is_standard(opset.domain())) model.opset = opset.version();
  }
  const onnx::GraphProto& graph = file->graph();
  model.name = graph.name();
  for (const onnx::NodeProto& node : graph.node()) model.nodes.push_back(node_of(node));
  for (const onnx::TensorProto& tensor : graph.initializer()) {
    model.initializers.push_back(tensor_of(tensor));
  }
  for (const onnx::SparseTensorProto& tensor : graph.sparse_initializer()) {
    model.initializers.push_back(tensor_of(tensor));
  }
  for (const onnx::ValueInfoProto& input : graph.input()) model.inputs.push_back(input_of(input));
  for (const auto* values : {&graph.output(), &graph.value_info()}) {
    for (const onnx::ValueInfoProto& value : *values) {
      model.value_infos.push_back(input_of(value));
    }
  }
  for (const onnx::ValueInfoProto& output : graph.output()) model.outputs.push_back(output.name());
  model.file = std::move(file);
  return model;
}

std::shared_ptr<const onnx::ModelProto> parse(std::string_view text) {
  if (text.size() > kMaxOnnxBytes) {
    throw InputError(fmt::format("has {} bytes, more than {}", text.size(), kMaxOnnxBytes));
  }
  if (text.empty()) throw InputError("is empty: no ONNX model");
  BoundsCheck(text).check_message(*onnx::ModelProto::descriptor());
  auto file = std::make_shared<onnx::ModelProto>();
  if (!file->ParseFromArray(text.data(), static_cast<int>(text.size()))) {
    throw InputError("is no ONNX model");
  }
  if (!file->has_graph()) throw InputError("holds no graph: is it an ONNX model?");
  inline_onnx_functions(*file);
  return file;
}

}  // namespace

const OnnxAttribute* OnnxNode::find(std::string_view attribute) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const OnnxAttribute& a) { return a.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

OnnxModel parse_onnx(std::string_view text, const std::string& path) {
  try {
    return model_of(parse(text));
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: {}", path, e.what()));
  }
}

}  // namespace tilewake
