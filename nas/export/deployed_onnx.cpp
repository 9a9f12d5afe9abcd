// SPDX-License-Identifier: Apache-2.0
#include "nas/export/deployed_onnx.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "nas/common/little_endian.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_graph_writer.hpp"

namespace tilewake {
namespace {

constexpr const char* kImages = "images";
constexpr const char* kScores = "scores";
constexpr const char* kLabel = "label";

/// Nodes before and after a graph. All their names begin with one that no layer can have: names of
/// layers begin with a letter, a digit, '_' or '/'.
class DeployedGraph {
 public:
  DeployedGraph(onnx::GraphProto& graph, const Preprocessing& preprocessing, ImageLayout layout)
      : graph_(graph), preprocessing_(preprocessing), layout_(layout) {}

  void replace_input() {
    const auto body = graph_.node();  // nodes come in the order of computation
    graph_.clear_node();
    std::string value = add("Cast", {kImages}, ".float");
    add_attribute(last(), "to", static_cast<std::int64_t>(onnx::TensorProto::FLOAT));
    if (layout_ == ImageLayout::kNhwc) {
      value = add("Transpose", {value}, ".planes");
      add_attribute(last(), "perm", Dims{0, 3, 1, 2});
    }
    value = add("Div", {value, floats(".255", {}, {255.0F})}, ".unit");
    const Dims by_channel = {1, preprocessing_.channels, 1, 1};
    value = add("Sub", {value, floats(".mean", by_channel, preprocessing_.mean)}, ".centred");
    add("Div", {value, floats(".std", by_channel, preprocessing_.stddev)}, kOnnxInput);
    graph_.mutable_node()->MergeFrom(body);

    graph_.clear_input();
    onnx::ValueInfoProto& input = *graph_.add_input();
    const Dims sizes =
        layout_ == ImageLayout::kNhwc
            ? Dims{preprocessing_.height, preprocessing_.width, preprocessing_.channels}
            : Dims{preprocessing_.channels, preprocessing_.height, preprocessing_.width};
    set_batch(input, kImages, onnx::TensorProto::UINT8, sizes);
  }

  void replace_output() {
    add("Softmax", {kOnnxOutput}, kScores);
    add_attribute(last(), "axis", std::int64_t{1});
    add("ArgMax", {kOnnxOutput}, kLabel);
    add_attribute(last(), "axis", std::int64_t{1});
    add_attribute(last(), "keepdims", std::int64_t{0});
    graph_.clear_output();
    set_batch(*graph_.add_output(), kScores, onnx::TensorProto::FLOAT,
              {static_cast<std::int64_t>(preprocessing_.labels.size())});
    set_batch(*graph_.add_output(), kLabel, onnx::TensorProto::INT64, {});
  }

 private:
  onnx::NodeProto& last() { return *graph_.mutable_node(graph_.node_size() - 1); }

  std::string add(std::string_view type, const std::vector<std::string>& inputs,
                  const std::string& output) {
    onnx::NodeProto& node = *graph_.add_node();
    node.set_name("." + std::string(type) + output);
    node.set_op_type(std::string(type));
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return output;
  }

  std::string floats(const std::string& name, const Dims& dims, const std::vector<float>& values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    for (const float value : values) append_little_endian(*tensor.mutable_raw_data(), value);
    return name;
  }

  static void set_batch(onnx::ValueInfoProto& value, const std::string& name,
                        onnx::TensorProto::DataType type, const Dims& sizes) {
    value.set_name(name);
    onnx::TypeProto::Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    tensor.mutable_shape()->add_dim()->set_dim_param(kOnnxBatch);
    for (const std::int64_t size : sizes) tensor.mutable_shape()->add_dim()->set_dim_value(size);
  }

  onnx::GraphProto& graph_;
  const Preprocessing& preprocessing_;
  ImageLayout layout_;
};

void check_ends(const onnx::GraphProto& graph) {
  const bool is_plain = graph.input_size() == 1 && graph.input(0).name() == kOnnxInput &&
                        graph.output_size() == 1 && graph.output(0).name() == kOnnxOutput;
  if (!is_plain) {
    throw InputError(
        fmt::format("ONNX: a model for deployment has the input '{}' and the output "
                    "'{}', and no others",
                    kOnnxInput, kOnnxOutput));
  }
}

/// The beginning of the rule of a preprocessing that crops.
constexpr std::string_view kCropRule = "take the central square of 224/256 of the shorter side";

}  // namespace

std::string resize_rule(const Preprocessing& p) {
  if (!p.crops_centre)
    return fmt::format("resize to {} x {} pixels by averaging", p.height, p.width);
  return fmt::format(
      "{}, resize it to {} x {} pixels by averaging; images of that size stay as they are",
      kCropRule, p.height, p.width);
}

std::string deployed_onnx(const std::string& model, const Preprocessing& preprocessing,
                          ImageLayout layout, const ModelMetadata& metadata) {
  onnx::ModelProto deployed;
  if (!deployed.ParseFromString(model)) throw InputError("ONNX: not an ONNX model");
  check_ends(deployed.graph());
  DeployedGraph graph(*deployed.mutable_graph(), preprocessing, layout);
  graph.replace_input();
  graph.replace_output();

  const auto add = [&](const std::string& key, const std::string& value) {
    onnx::StringStringEntryProto& property = *deployed.add_metadata_props();
    property.set_key(key);
    property.set_value(value);
  };
  for (const auto& [key, value] : metadata) add(key, value);
  add("mean", fmt::format("{}", fmt::join(preprocessing.mean, " ")));
  add("std", fmt::format("{}", fmt::join(preprocessing.stddev, " ")));
  add("layout", layout == ImageLayout::kNhwc ? "NHWC" : "NCHW");
  add("size", fmt::format("{} x {} x {}", preprocessing.height, preprocessing.width,
                          preprocessing.channels));
  add("resize", resize_rule(preprocessing));
  add("labels", nlohmann::json(preprocessing.labels)
                    .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  try {
    onnx::checker::check_model(deployed);
    onnx::shape_inference::InferShapes(deployed);
  } catch (const std::exception& e) {
    throw InputError(fmt::format("ONNX: libonnx rejects the model for deployment: {}", e.what()));
  }
  return deployed.SerializeAsString();
}

Preprocessing read_preprocessing(const std::string& deployed, const std::string& path) {
  onnx::ModelProto model;
  if (!model.ParseFromString(deployed)) throw InputError(path + ": not an ONNX model");
  const auto value_of = [&](const char* key) -> const std::string& {
    for (const onnx::StringStringEntryProto& property : model.metadata_props())
      if (property.key() == key) return property.value();
    throw InputError(
        fmt::format("{}: has no metadata '{}': not written by tilewake nas", path, key));
  };
  const auto numbers_at = [&](const char* key) {
    std::vector<float> numbers;
    std::istringstream words(value_of(key));
    for (float number = 0.0F; words >> number;) numbers.push_back(number);
    const bool is_whole = words.eof();
    const bool is_finite = std::all_of(numbers.begin(), numbers.end(),
                                       [](float number) { return std::isfinite(number); });
    if (!is_whole || !is_finite || numbers.empty())
      throw InputError(fmt::format("{}: metadata '{}' is no list of numbers", path, key));
    return numbers;
  };
  Preprocessing read;
  read.mean = numbers_at("mean");
  read.stddev = numbers_at("std");
  if (read.mean.size() != read.stddev.size())
    throw InputError(path + ": metadata 'mean' and 'std' are of different length");
  for (const float deviation : read.stddev)
    if (deviation <= 0.0F) throw InputError(path + ": metadata 'std' must be above 0");
  read.channels = static_cast<int>(read.mean.size());
  read.crops_centre = value_of("resize").starts_with(kCropRule);
  try {
    read.labels = nlohmann::json::parse(value_of("labels")).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw InputError(path + ": metadata 'labels' is no list of names");
  }
  return read;
}

}  // namespace tilewake
