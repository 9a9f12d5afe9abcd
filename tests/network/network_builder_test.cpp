// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/network_builder.hpp"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/limits.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/layer_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

Layer pool_of(const std::string& name, int input) {
  Layer layer;
  layer.name = name;
  layer.op = Op::kGlobalAvgPool;
  layer.inputs = {input};
  return layer;
}

std::string error_adding(NetworkBuilder& builder, Layer layer) {
  return error_key_of([&] { builder.add(std::move(layer)); });
}

TEST(NetworkBuilderTest, LayersAreNumberedInTheOrderOfAddition) {
  NetworkBuilder builder("n", {8, 4, 4});
  EXPECT_EQ(builder.add(pool_of("a", kNetworkInput)), 0);
  EXPECT_EQ(builder.add(pool_of("b", 0)), 1);
  EXPECT_EQ(builder.find("b"), 1);
  EXPECT_EQ(builder.find("c"), NetworkBuilder::kNoLayer);
  const Network network = builder.build();
  EXPECT_EQ(network.name, "n");
  EXPECT_EQ(network.layers.size(), 2u);
}

TEST(NetworkBuilderTest, InputsPrecedeTheirLayer) {
  NetworkBuilder builder("n", {8, 4, 4});
  EXPECT_EQ(error_adding(builder, pool_of("a", 0)), "inputs");
  EXPECT_EQ(error_adding(builder, pool_of("a", -2)), "inputs");
  builder.add(pool_of("a", kNetworkInput));
  EXPECT_EQ(error_adding(builder, pool_of("b", 7)), "inputs");
}

TEST(NetworkBuilderTest, SumsProductsAndConcatsMayReadAMapTwice) {
  NetworkBuilder builder("n", {8, 4, 4});
  builder.add(pool_of("a", kNetworkInput));
  Layer layer;
  for (const Op op : {Op::kAdd, Op::kMatmul, Op::kConcat}) {
    layer.name = to_string(op);
    layer.op = op;
    layer.inputs = {0, 0};
    layer.transposed = op == Op::kMatmul;
    builder.add(layer);
  }
  layer = pool_of("twice", 0);
  layer.inputs = {0, 0};
  EXPECT_EQ(error_adding(builder, layer), "inputs");
}

TEST(NetworkBuilderTest, NamesAreUniqueAndInputIsReserved) {
  NetworkBuilder builder("n", {8, 4, 4});
  builder.add(pool_of("a", kNetworkInput));
  EXPECT_EQ(error_adding(builder, pool_of("a", 0)), "name");
  EXPECT_EQ(error_adding(builder, pool_of("input", 0)), "name");
}

TEST(NetworkBuilderTest, NamesAreSafeInCsvFilesAndSpreadsheets) {
  for (const char* good :
       {"conv1", "stage1.0.conv", "/model/conv_1:0", "_x", "7", "a b", "x+y#2", "a[0](1)@2%=3-4"}) {
    EXPECT_EQ(input_error_of([&] { check_name(good, "name"); }), "no error") << good;
  }
  for (const char* bad : {"", "a,b", "a\"b", "a'b", "a\nb", "a\tb", " a", "a ", "=1+1", "+a", "-a",
                          "@a", "a\\b", "a<b", "a&b", "a;b", "na\xc3\xafve", "a\x7f"}) {
    EXPECT_NE(input_error_of([&] { check_name(bad, "name"); }), "no error") << bad;
  }
  EXPECT_EQ(input_error_of([] { check_name(std::string(kMaxNameLength, 'x'), "name"); }),
            "no error");
  EXPECT_THAT(input_error_of([] { check_name(std::string(kMaxNameLength + 1, 'x'), "name"); }),
              HasSubstr("200"));
}

TEST(NetworkBuilderTest, InputSizesArePositiveAndBounded) {
  const auto error_of = [](const Shape& input) {
    return error_key_of([&] { NetworkBuilder("n", input); });
  };
  EXPECT_EQ(error_of({0, 4, 4}), "input");
  EXPECT_EQ(error_of({3, -4, 4}), "input");
  EXPECT_EQ(error_of({3, 4, kMaxDimension + 1}), "input");
  EXPECT_EQ(error_of({kMaxDimension, kMaxDimension, kMaxDimension}), "input");
}

TEST(NetworkBuilderTest, NumberOfLayersIsBounded) {
  NetworkBuilder builder("n", {1, 1, 1});
  for (int i = 0; i < kMaxLayers; ++i) builder.add(pool_of(std::to_string(i), i - 1));
  EXPECT_EQ(error_adding(builder, pool_of("x", 0)), "");
}

TEST(NetworkBuilderTest, MacsOfTheWholeNetworkAreBounded) {
  NetworkBuilder builder("n", {1024, 1024, 1024});
  std::string error = "no error";
  for (int i = 0; i < 1000 && error == "no error"; ++i) {  // 2^50 MACs each
    Layer layer = pool_of(std::to_string(i), i - 1);
    layer.op = Op::kConv2d;
    layer.ofm.channels = 1024;
    layer.kernel_height = layer.kernel_width = 32;
    error = error_adding(builder, std::move(layer));
  }
  EXPECT_EQ(error, "");
}

TEST(NetworkBuilderTest, NetworkWithoutLayersIsRefused) {
  NetworkBuilder builder("n", {3, 4, 4});
  EXPECT_EQ(error_key_of([&] { builder.build(); }), "layers");
}

}  // namespace
}  // namespace tilewake
