// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tflite_file.hpp"

namespace tilewake {
namespace {

using Code = TfliteFile::Code;
using Type = TfliteFile::Type;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The beginning says file, operator and tensor.
void expect_refused(const std::string& expected, const std::function<void(TfliteFile&)>& build) {
  TfliteFile f;
  build(f);
  const std::string error = f.error();
  EXPECT_THAT(error, StartsWith("m.tflite: " + expected));
  EXPECT_THAT(error, Not(HasSubstr("\n")));
}

TEST(TfliteRefusals, UnknownOperatorsAreNamedWithIndexAndTensor) {
  expect_refused("operator 1 SVDF 'y': ", [](TfliteFile& f) {
    f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
    f.add(Code::SVDF, {"c"}, "y", {1, 10});
  });
  expect_refused("operator 0 TRANSPOSE_CONV 'up': ", [](TfliteFile& f) {  // no options
    f.add(Code::TRANSPOSE_CONV, {"x"}, "up", {1, 32, 32, 8});
  });
  expect_refused("operator 0 CUSTOM 'edgetpu-custom-op' 'y': ", [](TfliteFile& f) {
    f.custom_name = "edgetpu-custom-op";
    f.add(Code::CUSTOM, {"x"}, "y", {1, 10});
  });
  expect_refused("operator 0 operator code 900 'y': ", [](TfliteFile& f) {
    f.add(static_cast<Code>(900), {"x"}, "y", {1, 10});
  });
}

TEST(TfliteRefusals, WhatALayerCannotDoIsNamed) {
  expect_refused("operator 0 CONV_2D 'c': ", [](TfliteFile& f) {  // computed weights
    f.inputs.push_back(f.tensor("w", {8, 3, 3, 3}));
    f.add(Code::CONV_2D, {"x", "w"}, "c", {1, 16, 16, 8}, Type::CONV_2D,
          tfl::CreateConv2D(f.builder, tfl::Padding::SAME, 1, 1));
  });
  expect_refused("operator 0 CONV_2D 'c': ", [](TfliteFile& f) {  // no options
    f.add(Code::CONV_2D, {"x", f.weights("w", {8, 3, 3, 3})}, "c", {1, 16, 16, 8});
  });
  expect_refused("operator 0 CONV_2D 'c': ", [](TfliteFile& f) {  // options of another operator
    f.add(Code::CONV_2D, {"x", f.weights("w", {8, 3, 3, 3})}, "c", {1, 16, 16, 8}, Type::POOL_2D,
          tfl::CreatePool2D(f.builder));
  });
  expect_refused("operator 0 PAD 'p': ", [](TfliteFile& f) {  // a table of two axes
    f.add(Code::PAD,
          {"x", f.values("pads", std::vector<std::int32_t>{0, 0, 0, 5}, {2, 2},
                         tfl::ElementType::INT32)},
          "p", {1, 16, 16, 8});
  });
  expect_refused("operator 0 CONCATENATION 'y': ", [](TfliteFile& f) {  // no such axis
    f.add(Code::CONCATENATION, {"x", "x"}, "y", {1, 32, 16, 3}, Type::CONCATENATION,
          tfl::CreateConcatenation(f.builder, 9));
  });
}

TEST(TfliteRefusals, BytesThatAreNoModelAreRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("TFL3"), std::string(100, '\0'),
        std::string("\x1c\0\0\0TFL3\xff\xff\xff\xff\xff\xff\xff\xff", 16)}) {
    EXPECT_THAT(input_error_of([&] { read_tflite(bytes, "m.tflite"); }), StartsWith("m.tflite: "));
  }
}

TEST(TfliteRefusals, AnInputOrOutputOfTheGraphThatIsLeftOutIsRefused) {
  expect_refused("the graph's inputs have tensor -1", [](TfliteFile& f) {
    f.inputs.push_back(-1);
    f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
  });
  expect_refused("the graph's outputs have tensor -1", [](TfliteFile& f) {
    f.conv("x", "c", {1, 16, 16, 8}, {8, 3, 3, 3});
    f.outputs = {"c", ""};
  });
}

/// Vectors may share their bytes, so a small file can stand for many objects.
TEST(TfliteRefusals, AFileThatStandsForMoreThanItHoldsIsRefusedQuickly) {
  flatbuffers::FlatBufferBuilder builder;
  const std::vector<std::int32_t> many(3000, 0);
  const auto vector = builder.CreateVector(many);
  const auto op = tfl::CreateOperator(builder, 0, vector, vector);
  const std::vector<flatbuffers::Offset<tfl::Operator>> operators(3000, op);
  const std::vector<flatbuffers::Offset<tfl::OperatorCode>> codes = {
      tfl::CreateOperatorCode(builder)};
  const std::vector<flatbuffers::Offset<tfl::Tensor>> tensors = {tfl::CreateTensor(builder)};
  const std::vector<flatbuffers::Offset<tfl::SubGraph>> graphs = {
      tfl::CreateSubGraphDirect(builder, &tensors, nullptr, nullptr, &operators)};
  tfl::FinishModelBuffer(builder, tfl::CreateModelDirect(builder, 3, &codes, &graphs));
  const std::string bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                          builder.GetSize());
  EXPECT_LT(bytes.size(), 100'000U);
  EXPECT_THAT(input_error_of([&] { read_tflite(bytes, "m.tflite"); }), StartsWith("m.tflite: "));
}

}  // namespace
}  // namespace tilewake
