// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/export/onnx_writer.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

using Dims = std::vector<std::int64_t>;

constexpr std::int64_t kFree = -1;  // the batch

/// Shapes by the name of the value.
using Shapes = std::map<std::string, Dims>;

std::string text_of(const Dims& dims) {
  std::vector<std::string> words;
  for (const std::int64_t dim : dims) {
    words.push_back(dim == kFree ? std::string(kOnnxBatch) : fmt::format("{}", dim));
  }
  return fmt::format("{}", fmt::join(words, " x "));
}

void add_shapes(const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values,
                Shapes& shapes) {
  for (const onnx::ValueInfoProto& value : values) {
    Dims dims;
    for (const auto& dim : value.type().tensor_type().shape().dim()) {
      dims.push_back(dim.has_dim_value() ? dim.dim_value() : kFree);
    }
    shapes[value.name()] = dims;
  }
}

/// Errors of libonnx are of several kinds of std::runtime_error.
onnx::ModelProto checked_model(const std::string& bytes) {
  onnx::ModelProto model;
  if (!model.ParseFromString(bytes)) throw InputError("ONNX: not an ONNX model");
  try {
    onnx::checker::check_model(model);
    constexpr bool kCheckTypes = true;
    constexpr int kStrict = 1;
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                       onnx::ShapeInferenceOptions(kCheckTypes, kStrict));
  } catch (const std::exception& e) {
    throw InputError(fmt::format("ONNX: libonnx rejects the model: {}", e.what()));
  }
  return model;
}

void compare(const Shapes& shapes, const std::string& value, const std::string& what,
             const Dims& expected) {
  const auto found = shapes.find(value);
  if (found == shapes.end()) {
    throw InputError(fmt::format("ONNX: {}: the model has no value '{}'", what, value));
  }
  if (found->second != expected) {
    throw InputError(fmt::format("ONNX: {}: '{}' is {} in the model, {} in the network", what,
                                 value, text_of(found->second), text_of(expected)));
  }
}

Dims dims_of(const Shape& shape) { return {kFree, shape.channels, shape.height, shape.width}; }

}  // namespace

void check_onnx_model(const std::string& bytes, const Network& network) {
  if (network.layers.empty()) throw InputError("ONNX: the network has no layers");
  const onnx::ModelProto model = checked_model(bytes);
  Shapes shapes;
  add_shapes(model.graph().input(), shapes);
  add_shapes(model.graph().value_info(), shapes);
  add_shapes(model.graph().output(), shapes);

  compare(shapes, kOnnxInput, "input", dims_of(network.input));
  const int last = static_cast<int>(network.layers.size()) - 1;
  for (int i = 0; i <= last; ++i) {
    const Layer& layer = network.layers[static_cast<std::size_t>(i)];
    const bool is_vector = i == last && layer.op == Op::kFullyConnected;
    compare(shapes, onnx_value_name(network, i), fmt::format("layer '{}'", layer.name),
            is_vector ? Dims{kFree, layer.ofm.channels} : dims_of(layer.ofm));
  }
  if (ends_flattened(network)) {
    compare(shapes, kOnnxOutput, "output", {kFree, network.layers.back().ofm.channels});
  }
}

}  // namespace tilewake
