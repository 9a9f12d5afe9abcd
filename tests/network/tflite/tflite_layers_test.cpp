// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"
#include "tests/support/tflite_file.hpp"

namespace tilewake {
namespace {

using Code = TfliteFile::Code;
using Type = TfliteFile::Type;
using Fused = tfl::FusedActivation;
using tfl::Padding;

/// A residual block, a concatenation and a classifier, as both formats write them.
OnnxGraph onnx_network() {
  OnnxGraph g({1, 3, 17, 16});
  auto& stem = g.conv("x", "stem", {8, 3, 3, 3});
  set(stem, "strides", {2, 2});
  set(stem, "pads", {1, 0, 1, 1});
  auto& clip = g.add("Clip", {"stem"}, "stem.act");
  set(clip, "min", 0.0F);
  set(clip, "max", 6.0F);
  auto& depthwise = g.conv("stem.act", "dw", {8, 1, 3, 3});
  set(depthwise, "group", 8);
  set(depthwise, "pads", {1, 1, 1, 1});
  g.add("Relu", {"dw"}, "dw.act");
  g.conv("dw.act", "project", {8, 8, 1, 1});
  g.add("Add", {"project", "stem.act"}, "sum");
  g.conv("sum", "left", {4, 8, 1, 1});
  set(g.add("Concat", {"sum", "left"}, "join"), "axis", 1);
  auto& pool = g.add("MaxPool", {"join"}, "pool");
  set(pool, "kernel_shape", {2, 2});
  set(pool, "strides", {2, 2});
  auto& average = g.add("AveragePool", {"pool"}, "average");
  set(average, "kernel_shape", {3, 3});
  set(average, "pads", {1, 1, 1, 1});
  g.add("GlobalAveragePool", {"average"}, "mean");
  g.add("Flatten", {"mean"}, "flat");
  set(g.add("Gemm", {"flat", g.weights("fc.w", {10, 12}), g.weights("fc.b", {10})}, "fc"), "transB",
      1);
  g.add("Softmax", {"fc"}, "softmax");
  return g;
}

TfliteFile tflite_network() {
  TfliteFile f({1, 17, 16, 3});
  f.conv("x", "stem", {1, 9, 8, 8}, {8, 3, 3, 3}, {Padding::SAME, 2, Fused::RELU6});
  f.depthwise("stem", "dw", {1, 9, 8, 8}, 3, {Padding::SAME, 1, Fused::RELU});
  f.conv("dw", "project", {1, 9, 8, 8}, {8, 1, 1, 8});
  f.arithmetic(Code::ADD, {"project", "stem"}, "sum", {1, 9, 8, 8});
  f.conv("sum", "left", {1, 9, 8, 4}, {4, 1, 1, 8});
  f.add(Code::CONCATENATION, {"sum", "left"}, "join", {1, 9, 8, 12}, Type::CONCATENATION,
        tfl::CreateConcatenation(f.builder, 3));
  f.pool(Code::MAX_POOL_2D, "join", "pool", {1, 4, 4, 12}, 2, {Padding::VALID, 2});
  f.pool(Code::AVERAGE_POOL_2D, "pool", "average", {1, 4, 4, 12}, 3, {Padding::SAME, 1});
  f.add(Code::MEAN, {"average", f.integers("axes", {1, 2})}, "mean", {1, 12}, Type::REDUCER,
        tfl::CreateReducer(f.builder, false));
  f.dense("mean", "fc", 12, 10);
  f.add(Code::SOFTMAX, {"fc"}, "softmax", {1, 10});
  return f;
}

TEST(TfliteLayers, AreThoseOfTheSameNetworkFromOnnx) {
  EXPECT_EQ(tflite_network().layers(), onnx_network().layers());
}

TEST(TfliteLayers, ASoftmaxAtTheEndIsALayer) {
  const OnnxNetwork result = tflite_network().read();
  EXPECT_EQ(result.network.layers.back().op, Op::kSoftmax);
  EXPECT_TRUE(result.warnings.empty());
}

struct Side {
  std::int64_t begin;
  std::int64_t out;
};

/// SAME: ceil(in / stride) outputs; the smaller half of the zeros comes first.
Side same_side(std::int64_t in, std::int64_t extent, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  return {std::max<std::int64_t>((out - 1) * stride + extent - in, 0) / 2, out};
}

TEST(TfliteLayers, PaddingSameIsTheClosedFormForOddAndEvenSizes) {
  for (const std::int32_t kernel : {1, 2, 3, 5}) {
    for (const std::int32_t stride : {1, 2, 3}) {
      for (const std::int32_t dilation : {1, 2}) {
        for (std::int64_t size = 7; size <= 10; ++size) {
          const std::int64_t extent = dilation * (kernel - 1) + 1;
          const Side rows = same_side(size, extent, stride);
          const Side columns = same_side(size + 1, extent, stride);
          TfliteFile f({1, size, size + 1, 2});
          f.conv("x", "c", {1, rows.out, columns.out, 4}, {4, kernel, kernel, 2},
                 {Padding::SAME, stride, Fused::NONE, dilation});
          const Layer layer = f.read().network.layers.at(0);
          SCOPED_TRACE(text_of(layer));
          EXPECT_EQ(layer.ofm, (Shape{4, rows.out, columns.out}));
          EXPECT_EQ(layer.padding.top, rows.begin);
          EXPECT_EQ(layer.padding.left, columns.begin);
          EXPECT_EQ(layer.padding.bottom, (rows.out - 1) * stride + extent - size - rows.begin);
          EXPECT_EQ(layer.padding.right,
                    (columns.out - 1) * stride + extent - size - 1 - columns.begin);
        }
      }
    }
  }
}

TEST(TfliteLayers, FusedActivationsGoToTheirLayer) {
  const auto activation = [](Fused fused) {
    TfliteFile f;
    f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3}, {Padding::SAME, 1, fused});
    const Network network = f.read().network;
    EXPECT_EQ(network.layers.size(), 1U);
    return network.layers.at(0).activation;
  };
  EXPECT_EQ(activation(Fused::NONE), Activation::kNone);
  EXPECT_EQ(activation(Fused::RELU), Activation::kRelu);
  EXPECT_EQ(activation(Fused::RELU6), Activation::kRelu6);
  EXPECT_EQ(activation(Fused::RELU_N1_TO_1), Activation::kClip);
  EXPECT_EQ(activation(Fused::TANH), Activation::kTanh);
}

TEST(TfliteLayers, ActivationOperatorsGoToTheLayerBefore) {
  const auto activation = [](Code code) {
    TfliteFile f;
    f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
    TfliteFile::Names inputs = {"c"};
    if (code == Code::PRELU) inputs.push_back(f.weights("slopes", {1, 1, 8}));
    if (code == Code::MAXIMUM) inputs.push_back(f.number("zero", 0.0F));
    f.add(code, inputs, "a", {1, 16, 16, 8});
    const Network network = f.read().network;
    EXPECT_EQ(network.layers.size(), 1U);
    return network.layers.at(0).activation;
  };
  EXPECT_EQ(activation(Code::RELU), Activation::kRelu);
  EXPECT_EQ(activation(Code::RELU6), Activation::kRelu6);
  EXPECT_EQ(activation(Code::MAXIMUM), Activation::kRelu);
  EXPECT_EQ(activation(Code::LOGISTIC), Activation::kSigmoid);
  EXPECT_EQ(activation(Code::HARD_SWISH), Activation::kHswish);
  EXPECT_EQ(activation(Code::LEAKY_RELU), Activation::kLeakyRelu);
  EXPECT_EQ(activation(Code::PRELU), Activation::kPrelu);
  EXPECT_EQ(activation(Code::TANH), Activation::kTanh);
  EXPECT_EQ(activation(Code::ELU), Activation::kElu);
  EXPECT_EQ(activation(Code::GELU), Activation::kGelu);
  EXPECT_EQ(activation(Code::EXP), Activation::kExp);
}

TEST(TfliteLayers, SwishAndHardSwishAreFoundInTheirParts) {
  TfliteFile swish;
  swish.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
  swish.add(Code::LOGISTIC, {"c"}, "s", {1, 16, 16, 8});
  swish.arithmetic(Code::MUL, {"c", "s"}, "y", {1, 16, 16, 8});
  EXPECT_EQ(swish.read().network.layers.at(0).activation, Activation::kSwish);

  TfliteFile hard;
  hard.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
  hard.arithmetic(Code::ADD, {"c", hard.number("three", 3.0F)}, "t", {1, 16, 16, 8}, Fused::RELU6);
  hard.arithmetic(Code::MUL, {"c", "t"}, "p", {1, 16, 16, 8});
  hard.arithmetic(Code::MUL, {"p", hard.number("sixth", 1.0F / 6)}, "y", {1, 16, 16, 8});
  const Network network = hard.read().network;
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.layers[0].activation, Activation::kHswish);
}

TEST(TfliteLayers, QuantizedConstantsHaveTheirRealValue) {
  TfliteFile f;
  f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
  const std::vector<float> scale = {0.5F};
  const std::vector<std::int64_t> zero = {-4};
  const auto quantization =
      tfl::CreateQuantizationDirect(f.builder, nullptr, nullptr, &scale, &zero);
  f.values("three", std::vector<std::int8_t>{2}, {}, tfl::ElementType::INT8, quantization);
  f.arithmetic(Code::ADD, {"c", "three"}, "t", {1, 16, 16, 8}, Fused::RELU6);
  f.arithmetic(Code::MUL, {"c", "t"}, "p", {1, 16, 16, 8});
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.layers[0].activation, Activation::kHswish);
}

TEST(TfliteLayers, ADepthwiseConvolutionWithAMultiplierIsAGroupedOne) {
  TfliteFile f({1, 16, 16, 4});
  f.depthwise("x", "dw", {1, 16, 16, 8}, 3, {});
  const Layer layer = f.read().network.layers.at(0);
  EXPECT_EQ(layer.op, Op::kConv2d);
  EXPECT_EQ(layer.groups, 4);
  EXPECT_EQ(layer.num_macs(), 16 * 16 * 8 * 9);
}

TEST(TfliteLayers, AConvolutionOfSomeInputChannelsIsAGroupedOne) {
  TfliteFile f({1, 16, 16, 8});
  f.conv("x", "c", {1, 16, 16, 16}, {16, 3, 3, 4});
  const Layer layer = f.read().network.layers.at(0);
  EXPECT_EQ(layer.groups, 2);
  EXPECT_EQ(layer.num_weights(), 16 * 9 * 4);
}

TEST(TfliteLayers, Float16WeightsBehindADequantizeAreWeights) {
  TfliteFile f;
  f.weights("half", {8, 3, 3, 3}, tfl::ElementType::FLOAT16);
  f.add(Code::DEQUANTIZE, {"half"}, "w", {8, 3, 3, 3});
  f.add(Code::CONV_2D, {"x", "w"}, "c", {1, 16, 16, 8}, Type::CONV_2D,
        tfl::CreateConv2D(f.builder, Padding::SAME, 1, 1));
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.layers[0].num_weights(), 8 * 27);
  EXPECT_FALSE(network.layers[0].bias);
}

TEST(TfliteLayers, OneConstantMayBeTheWeightsOfSeveralLayers) {
  TfliteFile f({1, 16, 16, 8});
  f.weights("shared", {8, 3, 3, 8});
  for (const char* names : {"xa", "ab"}) {
    f.add(Code::CONV_2D, {std::string(1, names[0]), "shared", ""}, std::string(1, names[1]),
          {1, 16, 16, 8}, Type::CONV_2D, tfl::CreateConv2D(f.builder, Padding::SAME, 1, 1));
  }
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers[0].num_weights(), network.layers[1].num_weights());
}

TEST(TfliteLayers, TensorsOfOneBufferCountOnce) {
  TfliteFile f({1, 16, 16, 8});
  f.weights("first", {8, 3, 3, 8});
  f.alias("second", {8, 3, 3, 8});
  f.add(Code::CONV_2D, {"x", "first", ""}, "a", {1, 16, 16, 8}, Type::CONV_2D,
        tfl::CreateConv2D(f.builder, Padding::SAME, 1, 1));
  f.add(Code::CONV_2D, {"a", "second", ""}, "b", {1, 16, 16, 8}, Type::CONV_2D,
        tfl::CreateConv2D(f.builder, Padding::SAME, 1, 1));
  EXPECT_EQ(f.read().network.num_params(), 8 * 9 * 8);
}

TEST(TfliteLayers, APadBeforeAWindowIsItsPadding) {
  TfliteFile f;
  f.add(Code::PAD,
        {"x", f.values("pads", std::vector<std::int32_t>{0, 0, 0, 1, 2, 2, 0, 0}, {4, 2},
                       tfl::ElementType::INT32)},
        "padded", {1, 17, 20, 3});
  f.conv("padded", "c", {1, 8, 9, 8}, {8, 3, 3, 3}, {Padding::VALID, 2});
  const Layer layer = f.read().network.layers.at(0);
  EXPECT_EQ(layer.ofm, (Shape{8, 8, 9}));
  EXPECT_EQ(layer.padding, (tilewake::Padding{0, 2, 1, 1}));
}

TEST(TfliteLayers, AFactorAChannelIsPartOfTheConvolutionBefore) {
  TfliteFile f;
  f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
  f.arithmetic(Code::MUL, {"c", f.weights("gamma", {8})}, "scaled", {1, 16, 16, 8});
  f.arithmetic(Code::ADD, {"scaled", f.weights("beta", {8})}, "y", {1, 16, 16, 8}, Fused::RELU);
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.layers[0].activation, Activation::kRelu);
}

TEST(TfliteLayers, AVectorTimesAMapScalesItsChannels) {
  TfliteFile f({1, 16, 16, 8});
  f.add(Code::MEAN, {"x", f.integers("axes", {1, 2})}, "mean", {1, 1, 1, 8}, Type::REDUCER,
        tfl::CreateReducer(f.builder, true));
  f.conv("mean", "gate", {1, 1, 1, 8}, {8, 1, 1, 8});
  f.arithmetic(Code::MUL, {"x", "gate"}, "y", {1, 16, 16, 8});
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 3U);
  EXPECT_EQ(network.layers[0].op, Op::kGlobalAvgPool);
  EXPECT_EQ(network.layers[2].op, Op::kMul);
  EXPECT_EQ(network.layers[2].ofm, (Shape{8, 16, 16}));
}

TEST(TfliteLayers, AFullyConnectedLayerThatKeepsItsDimensionsIsAConvolution) {
  TfliteFile f({1, 4, 4, 8});
  f.add(Code::FULLY_CONNECTED, {"x", f.weights("w", {16, 8}), ""}, "y", {1, 4, 4, 16},
        Type::FULLY_CONNECTED, tfl::CreateFullyConnected(f.builder, Fused::NONE, 0, true));
  const Layer layer = f.read().network.layers.at(0);
  EXPECT_EQ(layer.op, Op::kConv2d);
  EXPECT_EQ(layer.ofm, (Shape{16, 4, 4}));
}

}  // namespace
}  // namespace tilewake
