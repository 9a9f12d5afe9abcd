// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tflite_file.hpp"

namespace tilewake {
namespace {

using Code = TfliteFile::Code;
using Type = TfliteFile::Type;

TEST(TfliteShapes, ComputedByTheModelAreFollowed) {
  TfliteFile f({-1, 8, 8, 4});
  f.conv("x", "c", {-1, 8, 8, 4}, {4, 1, 1, 4});
  f.add(Code::SHAPE, {"c"}, "sizes", {4});
  f.add(Code::STRIDED_SLICE,
        {"sizes", f.integers("b", {0}), f.integers("e", {1}), f.integers("s", {1})}, "batch", {},
        Type::STRIDED_SLICE, tfl::CreateStridedSlice(f.builder, 0, 0, 0, 0, 1));
  f.add(Code::PACK,
        {"batch", f.values("rest", std::vector<std::int32_t>{-1}, {}, tfl::ElementType::INT32)},
        "shape", {2}, Type::PACK, tfl::CreatePack(f.builder, 2, 0));
  f.add(Code::RESHAPE, {"c", "shape"}, "flat", {-1, 256});
  f.dense("flat", "fc", 256, 10);
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 2U);
  EXPECT_EQ(network.layers[1].op, Op::kFullyConnected);
  EXPECT_EQ(network.layers[1].num_macs(), 2560);
}

TEST(TfliteShapes, FreeSizesAreBoundByTheCallerAsChannelsRowsColumns) {
  TfliteFile f({-1, -1, -1, 3});
  f.conv("x", "c", {-1, -1, -1, 8}, {8, 3, 3, 3});
  EXPECT_EQ(f.read({1, 3, 20, 30}).network.layers.at(0).ofm, (Shape{8, 20, 30}));
}

TEST(TfliteShapes, ABatchIsThatOfTheNetworkAndLayersAreThoseOfOneImage) {
  const auto network = [](std::int32_t batch) {
    TfliteFile f({batch, 8, 8, 4});
    f.conv("x", "c", {batch, 8, 8, 4}, {4, 3, 3, 4});
    f.add(Code::RESHAPE, {"c", f.integers("to", {batch, 256})}, "flat", {batch, 256});
    f.dense("flat", "fc", 256, 10);
    return f.read().network;
  };
  const Network four = network(4);
  EXPECT_EQ(four.batch, 4);
  EXPECT_EQ(text_of(four.layers.at(1)), text_of(network(1).layers.at(1)));
}

TEST(TfliteShapes, AnInputReshapedToAMapIsThatMap) {
  TfliteFile f({1, 1960});
  f.add(Code::RESHAPE, {"x", f.integers("to", {-1, 49, 40, 1})}, "map", {1, 49, 40, 1});
  f.conv("map", "c", {1, 49, 40, 8}, {8, 10, 8, 1});
  const Network network = f.read().network;
  EXPECT_EQ(network.input, (Shape{1, 49, 40}));
}

TEST(TfliteShapes, AnInputWithChannelsFirstIsTransposedForNothing) {
  TfliteFile f({1, 3, 20, 30});
  f.add(Code::TRANSPOSE, {"x", f.integers("order", {0, 2, 3, 1})}, "map", {1, 20, 30, 3});
  f.conv("map", "c", {1, 20, 30, 8}, {8, 3, 3, 3});
  const Network network = f.read().network;
  EXPECT_EQ(network.input, (Shape{3, 20, 30}));
  EXPECT_EQ(network.layers.size(), 1U);
}

TEST(TfliteShapes, SqueezeAndExpandDimsMoveNothing) {
  TfliteFile f({1, 4, 4, 8});
  f.pool(Code::AVERAGE_POOL_2D, "x", "pool", {1, 1, 1, 8}, 4, {tfl::Padding::VALID, 4});
  const std::vector<std::int32_t> axes = {1, 2};
  f.add(Code::SQUEEZE, {"pool"}, "vector", {1, 8}, Type::SQUEEZE,
        tfl::CreateSqueezeDirect(f.builder, &axes));
  f.add(Code::EXPAND_DIMS, {"vector", f.integers("axis", {1})}, "row", {1, 1, 8});
  f.dense("row", "fc", 8, 3);
  EXPECT_EQ(f.read().network.layers.size(), 2U);
}

/// Of the parts that are split off.
std::vector<std::int64_t> first_channels(TfliteFile& file) {
  std::vector<std::int64_t> result;
  for (const Layer& layer : file.read().network.layers) {
    if (layer.op == Op::kChannelSplit) result.push_back(layer.first_channel);
  }
  return result;
}

TEST(TfliteShapes, PartsOfChannelsAreSplitOff) {
  TfliteFile equal({1, 4, 4, 8});
  equal.add_many(Code::SPLIT, {equal.integers("axis", {3}), "x"},
                 {{"a", {1, 4, 4, 4}}, {"b", {1, 4, 4, 4}}});
  equal.arithmetic(Code::ADD, {"a", "b"}, "y", {1, 4, 4, 4});
  EXPECT_EQ(first_channels(equal), (std::vector<std::int64_t>{0, 4}));

  TfliteFile sizes({1, 4, 4, 8});
  sizes.add_many(Code::SPLIT_V,
                 {"x", sizes.integers("sizes", {3, 5}), sizes.integers("axis", {-1})},
                 {{"a", {1, 4, 4, 3}}, {"b", {1, 4, 4, 5}}});
  sizes.conv("a", "c", {1, 4, 4, 5}, {5, 1, 1, 3});
  sizes.arithmetic(Code::ADD, {"c", "b"}, "y", {1, 4, 4, 5});
  EXPECT_EQ(first_channels(sizes), (std::vector<std::int64_t>{0, 3}));

  TfliteFile slice({1, 4, 4, 8});
  slice.add(Code::STRIDED_SLICE,
            {"x", slice.integers("b", {0, 0, 0, 2}), slice.integers("e", {0, 0, 0, 6}),
             slice.integers("s", {1, 1, 1, 1})},
            "a", {1, 4, 4, 4}, Type::STRIDED_SLICE, tfl::CreateStridedSlice(slice.builder, 7, 7));
  slice.conv("a", "c", {1, 4, 4, 8}, {8, 1, 1, 4});
  EXPECT_EQ(first_channels(slice), (std::vector<std::int64_t>{2}));
}

TEST(TfliteShapes, GroupsThatAreTransposedAreAChannelShuffle) {
  TfliteFile f({1, 4, 4, 8});
  f.conv("x", "c", {1, 4, 4, 8}, {8, 1, 1, 8});
  f.add(Code::RESHAPE, {"c", f.integers("apart", {1, 4, 4, 2, 4})}, "groups", {1, 4, 4, 2, 4});
  f.add(Code::TRANSPOSE, {"groups", f.integers("order", {0, 1, 2, 4, 3})}, "swapped",
        {1, 4, 4, 4, 2});
  f.add(Code::RESHAPE, {"swapped", f.integers("together", {1, 4, 4, 8})}, "shuffled", {1, 4, 4, 8});
  f.conv("shuffled", "d", {1, 4, 4, 8}, {8, 1, 1, 8});
  const Network network = f.read().network;
  ASSERT_EQ(network.layers.size(), 3U);
  EXPECT_EQ(network.layers[1].op, Op::kChannelShuffle);
  EXPECT_EQ(network.layers[1].groups, 2);
}

/// Two heads of a detector, joined as lists of boxes, of which an operator picks some.
TEST(TfliteShapes, WhatSelectsBoxesIsLeftOutWithOneWarning) {
  TfliteFile f({1, 8, 8, 4});
  f.conv("x", "a", {1, 8, 8, 8}, {8, 3, 3, 4});
  f.pool(Code::MAX_POOL_2D, "a", "p", {1, 4, 4, 8}, 2, {tfl::Padding::VALID, 2});
  f.conv("a", "boxes_a", {1, 8, 8, 12}, {12, 1, 1, 8});
  f.conv("p", "boxes_b", {1, 4, 4, 12}, {12, 1, 1, 8});
  f.add(Code::RESHAPE, {"boxes_a", f.integers("to_a", {1, -1, 4})}, "list_a", {1, 192, 4});
  f.add(Code::RESHAPE, {"boxes_b", f.integers("to_b", {1, -1, 4})}, "list_b", {1, 48, 4});
  f.add(Code::CONCATENATION, {"list_a", "list_b"}, "all", {1, 240, 4}, Type::CONCATENATION,
        tfl::CreateConcatenation(f.builder, 1));
  f.add(Code::LOGISTIC, {"all"}, "scores", {1, 240, 4});
  f.custom_name = "TFLite_Detection_PostProcess";
  f.add(Code::CUSTOM, {"scores"}, "found", {1, 10, 4});
  const OnnxNetwork result = f.read();
  EXPECT_EQ(result.network.layers.back().ofm.num_elements(), 240 * 4);
  EXPECT_EQ(result.warnings.size(), 1U);
}

/// The sizes of a list of boxes may be computed.
TEST(TfliteShapes, ComputedSizesMayHaveAFreeBatch) {
  TfliteFile f({-1, 8, 8, 4});
  f.conv("x", "a", {-1, 8, 8, 12}, {12, 3, 3, 4});
  f.add(Code::SHAPE, {"a"}, "sizes", {4});
  f.add(Code::STRIDED_SLICE,
        {"sizes", f.integers("b", {0}), f.integers("e", {1}), f.integers("s", {1})}, "batch", {},
        Type::STRIDED_SLICE, tfl::CreateStridedSlice(f.builder, 0, 0, 0, 0, 1));
  f.values("four", std::vector<std::int32_t>{4}, {}, tfl::ElementType::INT32);
  f.values("rest", std::vector<std::int32_t>{-1}, {}, tfl::ElementType::INT32);
  f.add(Code::PACK, {"batch", "rest", "four"}, "shape", {3}, Type::PACK,
        tfl::CreatePack(f.builder, 3, 0));
  f.add(Code::RESHAPE, {"a", "shape"}, "list", {-1, 192, 4});
  EXPECT_EQ(f.read().network.layers.back().ofm.num_elements(), 768);
}

TEST(TfliteShapes, ALogisticOnALastMapIsItsActivation) {
  TfliteFile f;
  f.conv("x", "c", {1, 16, 16, 1}, {1, 3, 3, 3});
  f.add(Code::LOGISTIC, {"c"}, "mask", {1, 16, 16, 1});
  const OnnxNetwork result = f.read();
  EXPECT_EQ(result.network.layers.at(0).activation, Activation::kSigmoid);
  EXPECT_TRUE(result.warnings.empty());
}

TEST(TfliteShapes, LayersAreNamedAfterTheFirstPartOfTheirTensor) {
  TfliteFile f;
  f.conv("x", "model/conv1/Relu;model/bn/FusedBatchNormV3", {1, 16, 16, 8}, {8, 3, 3, 3});
  const Network network = f.read().network;
  EXPECT_EQ(network.name, "m");
  EXPECT_EQ(network.layers.at(0).name, "model/conv1/Relu");
}

TEST(TfliteShapes, OneSizeOfASplitMayBeWhatIsLeft) {
  TfliteFile file({1, 4, 4, 8});
  file.add_many(Code::SPLIT_V, {"x", file.integers("sizes", {3, -1}), file.integers("axis", {3})},
                {{"a", {1, 4, 4, 3}}, {"b", {1, 4, 4, 5}}});
  file.conv("a", "c", {1, 4, 4, 5}, {5, 1, 1, 3});
  file.arithmetic(Code::ADD, {"c", "b"}, "y", {1, 4, 4, 5});
  EXPECT_EQ(first_channels(file), (std::vector<std::int64_t>{0, 3}));
  TfliteFile full({1, 4, 4, 8});
  full.add_many(Code::SPLIT_V, {"x", full.integers("sizes", {8, -1}), full.integers("axis", {3})},
                {{"a", {1, 4, 4, 8}}, {"b", {1, 4, 4, 8}}});
  full.arithmetic(Code::ADD, {"a", "b"}, "y", {1, 4, 4, 8});
  EXPECT_NE(full.error(), "no error");
}

TEST(TfliteShapes, AValueBecomesAnInputWithTheSizesOfTheFile) {
  const auto read_from = [](ModelOptions options) {
    TfliteFile file;
    file.conv("x", "d", {1, 16, 16, 8}, {8, 3, 3, 3});
    file.conv("d", "e", {1, 16, 16, 4}, {4, 1, 1, 8});
    options.from = {"e"};
    return read_tflite(file.bytes(), "m.tflite", options).network;
  };
  const Network network = read_from({});
  EXPECT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(network.num_macs(), 8 * 4 * 16 * 16);
  ModelOptions given;
  given.input_shapes.push_back({"d", {1, 8, 16, 16}});
  EXPECT_EQ(text_of(read_from(given)), text_of(network));
}

}  // namespace
}  // namespace tilewake
