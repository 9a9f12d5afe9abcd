// SPDX-License-Identifier: Apache-2.0
#include "nas/export/deployed_onnx.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <onnx/onnx_pb.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "nas/export/onnx_writer.hpp"
#include "nas/export/safetensors.hpp"
#include "nas/export/torchscript.hpp"
#include "tests/nas/export/deployment.hpp"
#include "tests/nas/export/onnx_interpreter.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::map<std::string, std::string> metadata_in(const std::string& model) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(model));
  std::map<std::string, std::string> metadata;
  for (const auto& property : proto.metadata_props()) metadata[property.key()] = property.value();
  return metadata;
}

TEST(DeployedOnnx, ScoresOfBytesAreThoseOfTheNetworkOnNormalisedImages) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Network network = random_mixconv_network(seed, seed % 2 == 1);
    const LayerWeights weights = random_weights(network, seed);
    const Preprocessing preprocessing = random_preprocessing(network, seed);
    for (const auto& [name, layout] : kImageLayoutNames) {
      SCOPED_TRACE(name);
      const DeployedImages images = random_deployed_images(preprocessing, layout, 2, seed);
      const OnnxInterpreter::Tensor bytes{images.dims,
                                          {images.values.begin(), images.values.end()}};
      const std::string model =
          deployed_onnx(onnx_model(network, weights), preprocessing, layout, {});
      const auto scores = OnnxInterpreter(model).run("images", bytes, "scores");
      EXPECT_EQ(scores.dims, (std::vector<std::int64_t>{2, 10}));
      const std::vector<double> expected =
          scores_of(reference_logits(network, weights, images.normalised), 10);
      EXPECT_LT(largest_difference(scores.values, expected), 1e-5);
      const auto label = OnnxInterpreter(model).run("images", bytes, "label");
      ASSERT_EQ(label.dims, (std::vector<std::int64_t>{2}));
      for (std::size_t n = 0; n < 2; ++n) {
        const auto row = expected.begin() + static_cast<std::ptrdiff_t>(10 * n);
        EXPECT_EQ(label.values[n], static_cast<double>(std::max_element(row, row + 10) - row));
      }
    }
  }
}

TEST(DeployedOnnx, MetadataSayHowToPrepareImagesAndWhatLabelsMean) {
  const Network network = random_mixconv_network(1, false);
  Preprocessing preprocessing = random_preprocessing(network, 1);
  preprocessing.mean = {0.5F, 0.25F, 0.1F, 0.75F};
  preprocessing.labels[3] = "T-shirt, \"top\"";
  const auto metadata =
      metadata_in(deployed_onnx(onnx_model(network, random_weights(network, 1)), preprocessing,
                                ImageLayout::kNchw, {{"test_accuracy", "0.5"}}));
  EXPECT_EQ(metadata.at("mean"), "0.5 0.25 0.1 0.75");
  EXPECT_EQ(metadata.at("layout"), "NCHW");
  EXPECT_EQ(metadata.at("size"), "9 x 7 x 4");
  EXPECT_EQ(metadata.at("test_accuracy"), "0.5");
  EXPECT_EQ(Json::parse(metadata.at("labels")), Json(preprocessing.labels));
}

TEST(DeployedOnnx, ModelsOfOtherEndsAreRefused) {
  const Network network = random_mixconv_network(1, false);
  const Preprocessing preprocessing = random_preprocessing(network, 1);
  const std::string model = deployed_onnx(onnx_model(network, random_weights(network, 1)),
                                          preprocessing, ImageLayout::kNhwc, {});
  EXPECT_THAT(input_error_of([&] { deployed_onnx(model, preprocessing, ImageLayout::kNhwc, {}); }),
              HasSubstr("'image'"));
  EXPECT_NE(input_error_of([&] { deployed_onnx("x", preprocessing, ImageLayout::kNhwc, {}); }), "");
}

// The format by its description: 8 bytes of length, JSON with the place of each tensor, values.
TEST(Safetensors, EveryTensorIsWhereTheHeaderSays) {
  const std::vector<NamedTensor> tensors = {
      {"a.weight", {2, 3}, {1.0F, -2.0F, 3.5F, 0.0F, 1e-30F, -1e30F}},
      {"b", {}, {7.0F}},
      {"c", {0}, {}},
      {"\"d\"", {1, 1, 2}, {4.0F, 5.0F}}};
  const std::string bytes = safetensors(tensors, {{"data", "x"}});
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  ASSERT_LE(8 + length, bytes.size());
  EXPECT_EQ(length % 8, 0U);
  const Json header = Json::parse(bytes.substr(8, length));
  EXPECT_EQ(header.at("__metadata__").at("data"), "x");
  EXPECT_EQ(header.size(), tensors.size() + 1);
  std::size_t covered = 0;
  for (const NamedTensor& tensor : tensors) {
    const Json& entry = header.at(tensor.name);
    EXPECT_EQ(entry.at("dtype"), "F32");
    EXPECT_EQ(entry.at("shape"), Json(tensor.dims));
    const std::size_t begin = entry.at("data_offsets").at(0).get<std::size_t>();
    const std::size_t end = entry.at("data_offsets").at(1).get<std::size_t>();
    std::vector<float> values((end - begin) / 4);
    if (end != begin) std::memcpy(values.data(), bytes.data() + 8 + length + begin, end - begin);
    EXPECT_EQ(values, tensor.values) << tensor.name;
    covered += end - begin;
  }
  EXPECT_EQ(8 + length + covered, bytes.size());
}

TEST(TorchScriptText, WhatNetworksOfTheSearchDoNotHaveIsRefusedByName) {
  const auto error_of = [](const std::string& layers) {
    const Network network = network_of(layers);
    return input_error_of([&] {
      torchscript(network, random_weights(network, 1), random_preprocessing(network, 1),
                  ImageLayout::kNhwc);
    });
  };
  EXPECT_THAT(error_of("  - {name: odd, op: resize, out_size: [18, 14]}\n"), HasSubstr("'odd'"));
  EXPECT_THAT(error_of("  - {name: odd, op: global_avg_pool, activation: tanh}\n"),
              HasSubstr("'odd'"));
  const Network network = network_of("  - {name: a, op: fully_connected, out_channels: 3}\n");
  EXPECT_THAT(input_error_of([&] {
                torchscript(network, {}, random_preprocessing(network, 1), ImageLayout::kNhwc);
              }),
              HasSubstr("'a'"));
}

}  // namespace
}  // namespace tilewake
