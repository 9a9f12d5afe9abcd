// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/file_format.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string refusal(const std::string& bytes, FileFormat expected,
                    const std::string& path = "f.bin") {
  return input_error_of([&] { refuse_foreign_format(bytes, path, expected); });
}

TEST(FileFormat, WhatIsAnotherFormatIsNamedWhereverItIsGiven) {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"},
      {"\n <!DOCTYPE HTML><html>", "HTML"},
      {"<html lang=\"en\">", "HTML"},
      {"\x89HDF\r\n\x1a\n\0\0"s, "Keras"},
      {"\x08\x01\x12\x40"s, "SavedModel"},
      {"PK\x03\x04....archive/data.pkl", "PyTorch"},
      {"PK\x03\x04....config.json", "Keras"},
      {"PK\x03\x04....model.tflite", "zip"},
      {"\x80\x02\x8a\x0al"s, "PyTorch"},
      {"\x1f\x8b\x08"s, "gzip"},
      {"\x10\0\0\0\0\0\0\0{\"weight\":{}}"s, "safetensors"},
      {"\x10\0\0\0ORTM"s, ".ort"},
      {"<?xml version=\"1.0\"?><net>", "OpenVINO"},
      {std::string(257, '\0') + "ustar", "tar"},
  };
  for (const auto& [bytes, expected] : cases) {
    for (const FileFormat format : {FileFormat::kText, FileFormat::kOnnx, FileFormat::kTflite}) {
      EXPECT_THAT(refusal(bytes, format), StartsWith("f.bin: "));
      EXPECT_THAT(refusal(bytes, format), HasSubstr(expected));
    }
  }
}

TEST(FileFormat, AModelWithTheEndingOfAnotherFormatIsNamed) {
  using namespace std::string_literals;
  const std::string tflite = "\x1c\0\0\0TFL3\x14\0"s;
  const std::string onnx = "\x08\x08\x12\x07pytorch"s;
  EXPECT_THAT(refusal(tflite, FileFormat::kText), HasSubstr(".tflite"));
  EXPECT_THAT(refusal(tflite, FileFormat::kOnnx), HasSubstr(".tflite"));
  EXPECT_THAT(refusal(onnx, FileFormat::kText), HasSubstr(".onnx"));
  EXPECT_THAT(refusal(onnx, FileFormat::kTflite), HasSubstr(".onnx"));
  EXPECT_EQ(refusal(tflite, FileFormat::kTflite), "no error");
  EXPECT_EQ(refusal(onnx, FileFormat::kOnnx), "no error");
  EXPECT_THAT(refusal("{\"layers\": []}", FileFormat::kOnnx), HasSubstr("JSON"));
  EXPECT_THAT(refusal("text\0more"s, FileFormat::kText), HasSubstr("binary"));
  EXPECT_THAT(refusal("\x0a\x10", FileFormat::kText, "frozen.pb"), HasSubstr("TensorFlow"));
}

TEST(FileFormat, TextIsLeftToItsReader) {
  for (const char* text : {"", "name: net\n", "{name: net}", "{\"name\": \"net\"}", "M, N, K\n",
                           "# <html>\n", "version: 1\n"}) {
    EXPECT_EQ(refusal(text, FileFormat::kText), "no error") << text;
  }
}

TEST(FileFormat, EndingsMayBeInCapitals) {
  EXPECT_TRUE(has_ending("a/NET.ONNX", ".onnx"));
  EXPECT_TRUE(has_ending("net.Csv", ".csv"));
  EXPECT_FALSE(has_ending("onnx", ".onnx"));
  EXPECT_EQ(network_format("NET.TFLITE"), FileFormat::kTflite);
  EXPECT_EQ(network_format("net.Onnx"), FileFormat::kOnnx);
  EXPECT_EQ(network_format("net.YAML"), FileFormat::kText);
}

}  // namespace
}  // namespace tilewake
