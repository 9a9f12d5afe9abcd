// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_writer.hpp"

#include <limits>
#include <onnx/onnx_pb.h>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/export/onnx_interpreter.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kNumExported = num_cases(60);  // random networks

/// Largest difference between the model, run as ONNX defines it, and the network, run as its layers
/// are defined, over two images.
double difference_of(const Network& network, std::uint64_t seed) {
  const LayerWeights weights = random_weights(network, seed);
  const Shape& in = network.input;
  const std::vector<float> images = random_values(seed + 77, 2 * in.num_elements(), 1.0);
  OnnxInterpreter model(onnx_model(network, weights));
  const auto logits =
      model.run({{2, in.channels, in.height, in.width}, {images.begin(), images.end()}});
  return largest_difference(logits.values, reference_logits(network, weights, images));
}

std::string export_error(const Network& network, const LayerWeights& weights) {
  return input_error_of([&] { onnx_model(network, weights); });
}

TEST(OnnxWriter, EveryOpMeansInOnnxWhatItMeansHere) {
  EXPECT_LT(difference_of(every_exported_op(), 1), 1e-6);
}

TEST(OnnxWriter, RandomNetworksMeanInOnnxWhatTheyMeanHere) {
  for (std::uint64_t seed = 0; seed < kNumExported; ++seed) {
    const Network network = random_network(seed);
    SCOPED_TRACE(text_of(network));
    EXPECT_LT(difference_of(network, seed), 1e-6);
  }
}

TEST(OnnxWriter, RandomNetworksThatMoveChannelsMeanInOnnxWhatTheyMeanHere) {
  for (std::uint64_t seed = 0; seed < kNumExported; ++seed) {
    const Network network = random_moving_network(seed);
    SCOPED_TRACE(text_of(network));
    EXPECT_LT(difference_of(network, seed), 1e-6);
  }
}

TEST(OnnxWriter, LogitsAreVectorsUnlessTheLastMapHasPixels) {
  const auto output_of = [](const std::string& layers) {
    const Network network = network_of(layers);
    onnx::ModelProto model;
    model.ParseFromString(onnx_model(network, random_weights(network, 1)));
    std::string text;
    for (const auto& dim : model.graph().output(0).type().tensor_type().shape().dim()) {
      text += dim.has_dim_param() ? dim.dim_param() : " " + std::to_string(dim.dim_value());
    }
    return model.graph().output(0).name() + " " + text;
  };
  EXPECT_EQ(output_of("  - {name: a, op: fully_connected, out_channels: 3}\n"), "logits N 3");
  EXPECT_EQ(output_of("  - {name: a, op: global_avg_pool, activation: relu}\n"), "logits N 4");
  EXPECT_EQ(output_of("  - {name: a, op: max_pool, kernel: 3, stride: 2}\n"), "logits N 4 5 4");
}

TEST(OnnxWriter, ModelsSayTheirVersionsAndNameEveryNodeOnce) {
  for (std::uint64_t seed = 0; seed < kNumExported; ++seed) {
    const Network network = random_network(seed);
    onnx::ModelProto model;
    ASSERT_TRUE(model.ParseFromString(onnx_model(network, random_weights(network, seed))));
    EXPECT_EQ(model.ir_version(), 7);
    ASSERT_EQ(model.opset_import_size(), 1);
    EXPECT_EQ(model.opset_import(0).version(), 13);
    EXPECT_EQ(model.graph().name(), network.name);
    std::set<std::string> names;
    for (const auto& node : model.graph().node()) {
      EXPECT_TRUE(names.insert(node.name()).second) << node.name();
    }
  }
}

TEST(OnnxWriter, EqualNetworksGiveEqualBytes) {
  const Network network = every_exported_op();
  EXPECT_EQ(onnx_model(network, random_weights(network, 5)),
            onnx_model(network, random_weights(network, 5)));
}

TEST(OnnxWriter, WeightsMustFitTheLayers) {
  const Network network = network_of(
      "  - {name: stem, op: conv2d, out_channels: 6, kernel: 3, groups: 2}\n"
      "  - {name: bare, op: depthwise_conv2d, kernel: 3, bias: false}\n");
  const LayerWeights good = random_weights(network, 1);
  EXPECT_EQ(export_error(network, good), "no error");

  LayerWeights weights = good;
  weights.erase("bare");
  EXPECT_THAT(export_error(network, weights), StartsWith("ONNX: layer 'bare': "));
  weights = good;
  weights["stem"].weight.push_back(0.0F);
  EXPECT_THAT(export_error(network, weights),
              StartsWith("ONNX: layer 'stem': weight has 109 values, expected 108"));
  weights = good;
  weights["stem"].bias.clear();
  EXPECT_THAT(export_error(network, weights),
              StartsWith("ONNX: layer 'stem': bias has 0 values, expected 6"));
  weights = good;
  weights["bare"].bias = {1.0F};
  EXPECT_THAT(export_error(network, weights), StartsWith("ONNX: layer 'bare': 1 biases"));
  weights = good;
  weights["stem"].weight[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(export_error(network, weights), "ONNX: layer 'stem': weight[5] is not finite");
  weights = good;
  weights["step"] = {};
  EXPECT_THAT(export_error(network, weights), AllOf(StartsWith("ONNX: "), HasSubstr("'step'")));
}

TEST(OnnxWriter, NetworksThatOnnxCannotNameAreRefused) {
  EXPECT_EQ(export_error(Network{}, {}), "ONNX: the network has no layers");
  const auto error_of = [](const std::string& layers) {
    const Network network = network_of(layers);
    return export_error(network, random_weights(network, 1));
  };
  EXPECT_THAT(error_of("  - {name: image, op: max_pool, kernel: 3}\n"
                       "  - {name: b, op: max_pool, kernel: 3}\n"),
              AllOf(StartsWith("ONNX: layer 'image': "), HasSubstr("'image'")));
  EXPECT_THAT(error_of("  - {name: logits, op: max_pool, kernel: 3}\n"
                       "  - {name: b, op: max_pool, kernel: 3}\n"),
              AllOf(StartsWith("ONNX: layer 'b': "), HasSubstr("'logits'")));
  EXPECT_THAT(error_of("  - {name: a, op: conv2d, out_channels: 4, kernel: 1}\n"
                       "  - {name: a.weight, op: max_pool, kernel: 3}\n"
                       "  - {name: c, op: max_pool, kernel: 3}\n"),
              StartsWith("ONNX: layer 'a.weight': "));
  EXPECT_THAT(error_of("  - {name: a, op: max_pool, kernel: 3}\n"
                       "  - {name: b, op: max_pool, inputs: [input], kernel: 3}\n"),
              AllOf(StartsWith("ONNX: layer 'a': "), HasSubstr("'b'")));
}

TEST(OnnxWriter, TheLastLayerMayBeCalledLogits) {
  EXPECT_LT(
      difference_of(network_of("  - {name: logits, op: fully_connected, out_channels: 3}\n"), 2),
      1e-6);
}

}  // namespace
}  // namespace tilewake
