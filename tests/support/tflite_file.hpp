// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tflite_generated.h>
#include <utility>
#include <vector>

#include "simulator/network/tflite/tflite_reader.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {

/// A TensorFlow Lite model put together operator by operator with FlatBuffers. Its input is `x`, an
/// operator is named after its output, and all axes are in the order of the format: N, rows,
/// columns, channels.
class TfliteFile {
 public:
  using Sizes = std::vector<std::int64_t>;
  using Names = std::vector<std::string>;
  using Code = tfl::BuiltinOperator;
  using Type = tfl::OptionsType;

  /// Negative sizes are free.
  explicit TfliteFile(const Sizes& input = {1, 16, 16, 3}) {
    buffers_.push_back(tfl::CreateBuffer(builder));  // stands for none
    inputs.push_back(tensor("x", input));
  }

  int tensor(const std::string& name, const Sizes& dims,
             tfl::ElementType type = tfl::ElementType::FLOAT32, std::uint32_t buffer = 0,
             flatbuffers::Offset<tfl::Quantization> quantization = 0) {
    std::vector<std::int32_t> shape;
    std::vector<std::int32_t> signature;
    for (const std::int64_t dim : dims) {
      shape.push_back(static_cast<std::int32_t>(dim < 0 ? 1 : dim));
      signature.push_back(static_cast<std::int32_t>(dim));
    }
    tensors_.push_back(tfl::CreateTensorDirect(builder, &shape, type, buffer, name.c_str(),
                                               quantization, false, 0, &signature));
    index_of_[name] = static_cast<int>(tensors_.size()) - 1;
    return index_of_[name];
  }

  /// Constants. Weights are zeros, one byte each.
  std::string weights(const std::string& name, const Sizes& dims,
                      tfl::ElementType type = tfl::ElementType::INT8) {
    std::int64_t count = 1;
    for (const std::int64_t dim : dims) count *= dim;
    tensor(name, dims, type, buffer(std::vector<std::uint8_t>(static_cast<std::size_t>(count))));
    return name;
  }
  /// The data of the last constant under another name.
  std::string alias(const std::string& name, const Sizes& dims,
                    tfl::ElementType type = tfl::ElementType::INT8) {
    tensor(name, dims, type, static_cast<std::uint32_t>(buffers_.size()) - 1);
    return name;
  }
  template <typename T>
  std::string values(const std::string& name, const std::vector<T>& given, const Sizes& dims,
                     tfl::ElementType type,
                     flatbuffers::Offset<tfl::Quantization> quantization = 0) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(given.data());
    const std::uint32_t at = buffer({bytes, bytes + given.size() * sizeof(T)});
    tensor(name, dims, type, at, quantization);
    return name;
  }
  std::string integers(const std::string& name, const std::vector<std::int32_t>& given) {
    return values(name, given, {static_cast<std::int64_t>(given.size())}, tfl::ElementType::INT32);
  }
  std::string number(const std::string& name, float value, const Sizes& dims = {}) {
    return values(name, std::vector<float>{value}, dims, tfl::ElementType::FLOAT32);
  }

  /// An operator after the others. The last one is the output of the graph unless `outputs` says
  /// otherwise. An empty name is an input left out.
  template <typename T = tfl::Options>
  void add(Code code, const Names& from, const std::string& output, const Sizes& dims,
           Type type = Type::NONE, flatbuffers::Offset<T> options = 0) {
    add_many(code, from, {{output, dims}}, type, options);
  }
  template <typename T = tfl::Options>
  void add_many(Code code, const Names& names,
                const std::vector<std::pair<std::string, Sizes>>& results, Type type = Type::NONE,
                flatbuffers::Offset<T> options = 0) {
    std::vector<std::int32_t> from;
    std::vector<std::int32_t> to;
    for (const std::string& name : names) from.push_back(name.empty() ? -1 : index_of_.at(name));
    for (const auto& [name, dims] : results) to.push_back(tensor(name, dims));
    last_ = to[0];
    const int number = static_cast<int>(code);
    codes_.push_back(tfl::CreateOperatorCodeDirect(
        builder, static_cast<std::int8_t>(number < 127 ? number : 127),
        custom_name.empty() ? nullptr : custom_name.c_str(), 1, code));
    operators_.push_back(
        tfl::CreateOperatorDirect(builder, static_cast<std::uint32_t>(codes_.size()) - 1, &from,
                                  &to, type, flatbuffers::Offset<tfl::Options>(options.o)));
  }

  struct Window {
    tfl::Padding padding = tfl::Padding::SAME;
    std::int32_t stride = 1;
    tfl::FusedActivation activation = tfl::FusedActivation::NONE;
    std::int32_t dilation = 1;
  };

  /// With new weights of out x rows x columns x in, and a bias.
  void conv(const std::string& input, const std::string& output, const Sizes& dims,
            const Sizes& weight, const Window& window) {
    add(Code::CONV_2D, {input, weights(output + ".w", weight), weights(output + ".b", {weight[0]})},
        output, dims, Type::CONV_2D,
        tfl::CreateConv2D(builder, window.padding, window.stride, window.stride, window.activation,
                          window.dilation, window.dilation));
  }
  void conv(const std::string& input, const std::string& output, const Sizes& dims,
            const Sizes& weight) {
    conv(input, output, dims, weight, Window());
  }
  /// With new weights of 1 x kernel x kernel x out.
  void depthwise(const std::string& input, const std::string& output, const Sizes& dims,
                 std::int64_t kernel, const Window& window) {
    add(Code::DEPTHWISE_CONV_2D,
        {input, weights(output + ".w", {1, kernel, kernel, dims[3]}),
         weights(output + ".b", {dims[3]})},
        output, dims, Type::DEPTHWISE_CONV_2D,
        tfl::CreateDepthwiseConv2D(builder, window.padding, window.stride, window.stride, 1,
                                   window.activation, window.dilation, window.dilation));
  }
  void pool(Code code, const std::string& input, const std::string& output, const Sizes& dims,
            std::int32_t kernel, const Window& window) {
    add(code, {input}, output, dims, Type::POOL_2D,
        tfl::CreatePool2D(builder, window.padding, window.stride, window.stride, kernel, kernel,
                          window.activation));
  }
  void arithmetic(Code code, const Names& from, const std::string& output, const Sizes& dims,
                  tfl::FusedActivation activation = tfl::FusedActivation::NONE) {
    const Type type = code == Code::ADD   ? Type::ADD
                      : code == Code::SUB ? Type::SUB
                      : code == Code::MUL ? Type::MUL
                                          : Type::DIV;
    add(code, from, output, dims, type, tfl::CreateArithmetic(builder, activation));
  }
  void dense(const std::string& input, const std::string& output, std::int64_t in, std::int64_t out,
             tfl::FusedActivation activation = tfl::FusedActivation::NONE) {
    add(Code::FULLY_CONNECTED,
        {input, weights(output + ".w", {out, in}), weights(output + ".b", {out})}, output, {1, out},
        Type::FULLY_CONNECTED, tfl::CreateFullyConnected(builder, activation));
  }

  /// Ends the file; only once.
  std::string bytes() {
    std::vector<std::int32_t> ends;
    for (const std::string& name : outputs) ends.push_back(name.empty() ? -1 : index_of_.at(name));
    if (ends.empty()) ends.push_back(last_);
    const auto graph = tfl::CreateSubGraphDirect(builder, &tensors_, &inputs, &ends, &operators_);
    const std::vector<flatbuffers::Offset<tfl::SubGraph>> graphs = {graph};
    tfl::FinishModelBuffer(
        builder, tfl::CreateModelDirect(builder, 3, &codes_, &graphs, "made by a test", &buffers_));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
  }
  OnnxNetwork read(const Sizes& input_shape = {}) {
    return read_tflite(bytes(), "m.tflite", input_shape);
  }
  std::string error(const Sizes& input_shape = {}) {
    return input_error_of([&] { read(input_shape); });
  }
  std::string layers() { return text_of(read().network); }

  flatbuffers::FlatBufferBuilder builder;
  std::vector<std::int32_t> inputs;
  Names outputs;
  std::string custom_name;  // of the operators that are added from now on

 private:
  std::uint32_t buffer(const std::vector<std::uint8_t>& data) {
    buffers_.push_back(tfl::CreateBufferDirect(builder, &data));
    return static_cast<std::uint32_t>(buffers_.size()) - 1;
  }

  std::vector<flatbuffers::Offset<tfl::Buffer>> buffers_;
  std::vector<flatbuffers::Offset<tfl::Tensor>> tensors_;
  std::vector<flatbuffers::Offset<tfl::OperatorCode>> codes_;
  std::vector<flatbuffers::Offset<tfl::Operator>> operators_;
  std::map<std::string, int> index_of_;
  std::int32_t last_ = 0;
};

}  // namespace tilewake
