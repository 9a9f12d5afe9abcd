// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_weights.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <onnx/onnx_pb.h>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/export/deployed_onnx.hpp"
#include "nas/export/onnx_writer.hpp"
#include "simulator/network/onnx/onnx_names.hpp"
#include "tests/nas/export/deployment.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using testing::HasSubstr;

LayerWeights weights_in_model(const std::string& bytes) {
  return onnx_weights(bytes, "m.onnx", read_onnx(bytes, "m.onnx"));
}

void expect_equal_weights(const LayerWeights& found, const LayerWeights& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, weight] : expected) {
    EXPECT_EQ(found.at(name).weight, weight.weight) << name;
    EXPECT_EQ(found.at(name).bias, weight.bias) << name;
  }
}

/// A convolution and a fully connected layer, with weights that a float16 represents exactly.
Network small_classifier() {
  return network_of(R"(
  - {name: stem, op: conv2d, out_channels: 6, kernel: 3, stride: 2, activation: relu}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 5}
)");
}

LayerWeights coarse_weights(const Network& network) {
  LayerWeights weights = random_weights(network, 3);
  for (auto& [name, weight] : weights) {
    for (std::vector<float>* values : {&weight.weight, &weight.bias})
      for (float& value : *values) value = static_cast<float>(static_cast<int>(value * 64)) / 64;
  }
  return weights;
}

/// The bytes of small_classifier() after `change`.
std::string changed_model(const std::function<void(onnx::GraphProto&)>& change) {
  onnx::ModelProto model;
  const Network network = small_classifier();
  EXPECT_TRUE(model.ParseFromString(onnx_model(network, coarse_weights(network))));
  change(*model.mutable_graph());
  return model.SerializeAsString();
}

onnx::NodeProto& node_of(onnx::GraphProto& graph, const std::string& op) {
  for (onnx::NodeProto& node : *graph.mutable_node())
    if (node.op_type() == op) return node;
  throw std::logic_error("no such node");
}

onnx::TensorProto& tensor_named(onnx::GraphProto& graph, const std::string& name) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer())
    if (tensor.name() == name) return tensor;
  throw std::logic_error("no such tensor");
}

/// IEEE 754 binary16 of a number that it represents exactly, not denormal.
std::uint16_t half_of(float value) {
  if (value == 0.0F) return 0;
  int exponent = 0;
  const float fraction = std::frexp(std::abs(value), &exponent);  // 0.5 to 1
  const auto bits = static_cast<int>(fraction * 2048.0F) - 1024;
  return static_cast<std::uint16_t>((value < 0.0F ? 0x8000 : 0) | (exponent + 14) << 10 | bits);
}

TEST(OnnxWeights, WeightsThatAreWrittenAreRead) {
  std::vector<Network> networks = {every_exported_op(), small_classifier()};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    networks.push_back(random_mixconv_network(seed, /*with_squeeze_excite=*/true));
    networks.push_back(random_moving_network(seed));
  }
  for (const Network& network : networks) {
    LayerWeights weights = random_weights(network, 5);
    std::string bytes = onnx_model(network, weights);
    // Average pools with dilation are written as convolutions.
    const OnnxNetwork read = read_onnx(bytes, "m.onnx");
    const LayerWeights found = onnx_weights(bytes, "m.onnx", read);
    for (const auto& [name, weight] : weights) {
      ASSERT_TRUE(found.contains(name)) << name;
      EXPECT_EQ(found.at(name).weight, weight.weight) << name;
      EXPECT_EQ(found.at(name).bias, weight.bias) << name;
    }
  }
}

TEST(OnnxWeights, ElementTypesOfEqualValuesGiveEqualWeights) {
  const LayerWeights expected = coarse_weights(small_classifier());
  for (const int type :
       {onnx::TensorProto::FLOAT, onnx::TensorProto::DOUBLE, onnx::TensorProto::FLOAT16}) {
    const std::string bytes = changed_model([&](onnx::GraphProto& graph) {
      for (onnx::TensorProto& tensor : *graph.mutable_initializer()) {
        if (tensor.data_type() != onnx::TensorProto::FLOAT) continue;
        const std::string raw = tensor.raw_data();
        tensor.clear_raw_data();
        tensor.set_data_type(type);
        for (std::size_t i = 0; i < raw.size(); i += sizeof(float)) {
          float value = 0.0F;
          std::memcpy(&value, raw.data() + i, sizeof value);
          if (type == onnx::TensorProto::FLOAT) tensor.add_float_data(value);
          if (type == onnx::TensorProto::DOUBLE) tensor.add_double_data(value);
          if (type == onnx::TensorProto::FLOAT16) tensor.add_int32_data(half_of(value));
        }
      }
    });
    expect_equal_weights(weights_in_model(bytes), expected);
  }
}

TEST(OnnxWeights, TransposedMatricesGiveEqualWeights) {
  const std::string bytes = changed_model([](onnx::GraphProto& graph) {
    onnx::NodeProto& gemm = node_of(graph, "Gemm");
    gemm.clear_attribute();
    onnx::TensorProto& tensor = tensor_named(graph, gemm.input(1));
    const std::string raw = tensor.raw_data();
    std::string transposed(raw.size(), '\0');
    for (std::size_t o = 0; o < 5; ++o)
      for (std::size_t i = 0; i < 6; ++i)
        transposed.replace((i * 5 + o) * 4, 4, raw, (o * 6 + i) * 4, 4);
    tensor.set_raw_data(transposed);
    tensor.set_dims(0, 6);
    tensor.set_dims(1, 5);
  });
  expect_equal_weights(weights_in_model(bytes), coarse_weights(small_classifier()));
}

TEST(OnnxWeights, SecondNamesOfATensorHaveItsValues) {
  const std::string bytes = changed_model([](onnx::GraphProto& graph) {
    onnx::NodeProto second;
    second.set_op_type("Identity");
    second.add_input(node_of(graph, "Conv").input(2));
    second.add_output("second");
    node_of(graph, "Conv").set_input(2, "second");
    const auto nodes = graph.node();
    graph.clear_node();
    *graph.add_node() = second;
    graph.mutable_node()->MergeFrom(nodes);
  });
  expect_equal_weights(weights_in_model(bytes), coarse_weights(small_classifier()));
}

TEST(OnnxWeights, ParametersThatWouldBeLostAreRefusedByNode) {
  const auto refusal = [](const std::function<void(onnx::GraphProto&)>& change) {
    return input_error_of([&] { weights_in_model(changed_model(change)); });
  };
  EXPECT_THAT(refusal([](onnx::GraphProto& graph) {
                onnx::TensorProto& factor = *graph.add_initializer();
                factor.set_name("factor");
                factor.set_data_type(onnx::TensorProto::FLOAT);
                factor.add_float_data(0.5F);
                onnx::NodeProto scale;
                scale.set_name("scale");
                scale.set_op_type("Mul");
                scale.add_input(kOnnxInput);
                scale.add_input("factor");
                scale.add_output("scaled");
                onnx::NodeProto& conv = node_of(graph, "Conv");
                conv.set_input(0, "scaled");
                const auto nodes = graph.node();
                graph.clear_node();
                *graph.add_node() = scale;
                graph.mutable_node()->MergeFrom(nodes);
              }),
              HasSubstr("scale"));
  EXPECT_THAT(refusal([](onnx::GraphProto& graph) {
                onnx::TensorProto& tensor = tensor_named(graph, node_of(graph, "Conv").input(1));
                tensor.mutable_raw_data()->replace(0, 4, "\xff\xff\xff\xff");
              }),
              HasSubstr("finite"));
  EXPECT_THAT(refusal([](onnx::GraphProto& graph) {
                onnx::TensorProto& tensor = tensor_named(graph, node_of(graph, "Conv").input(1));
                tensor.clear_raw_data();
                tensor.set_data_location(onnx::TensorProto::EXTERNAL);
                onnx::StringStringEntryProto& place = *tensor.add_external_data();
                place.set_key("location");
                place.set_value("weights.bin");
              }),
              HasSubstr("another file"));
}

TEST(OnnxWeights, ModelsForDeploymentAreRefused) {
  const Network network = small_classifier();
  const Preprocessing preprocessing = random_preprocessing(network, 1);
  const std::string deployed = deployed_onnx(onnx_model(network, coarse_weights(network)),
                                             preprocessing, ImageLayout::kNchw, {});
  EXPECT_THAT(input_error_of([&] { weights_in_model(deployed); }), HasSubstr("preprocessing"));
}

TEST(OnnxWeights, PreprocessingIsReadAsItWasWritten) {
  const Network network = small_classifier();
  const Preprocessing written = random_preprocessing(network, 2);
  const std::string deployed =
      deployed_onnx(onnx_model(network, coarse_weights(network)), written, ImageLayout::kNhwc, {});
  const Preprocessing read = read_preprocessing(deployed, "m.onnx");
  EXPECT_EQ(read.mean, written.mean);
  EXPECT_EQ(read.stddev, written.stddev);
  EXPECT_EQ(read.labels, written.labels);
  const std::string plain = onnx_model(network, coarse_weights(network));
  EXPECT_THAT(input_error_of([&] { read_preprocessing(plain, "m.onnx"); }), HasSubstr("'mean'"));
}

}  // namespace
}  // namespace tilewake
