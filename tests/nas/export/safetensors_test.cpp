// SPDX-License-Identifier: Apache-2.0
#include "nas/export/safetensors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/common/little_endian.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"

namespace tilewake {
namespace {

std::vector<NamedTensor> some_tensors() {
  return {{"a.weight", {2, 3}, {1, 2, 3, -4, 5e-8F, 6}},
          {"b \"quoted\"", {}, {0.25F}},
          {"none", {0, 4}, {}}};
}

/// A file of this header and `num_bytes` zeros.
std::string file_of(const std::string& header, std::size_t num_bytes) {
  std::string bytes;
  append_little_endian(bytes, std::uint64_t{header.size()});
  return bytes + header + std::string(num_bytes, '\0');
}

TEST(Safetensors, TensorsAreReadAsTheyWereWritten) {
  const std::vector<NamedTensor> tensors = some_tensors();
  const auto read = read_safetensors(safetensors(tensors, {{"key", "value"}}), "w");
  ASSERT_EQ(read.size(), tensors.size());
  for (const NamedTensor& tensor : tensors) {
    const auto found = std::find_if(read.begin(), read.end(), [&](const NamedTensor& other) {
      return other.name == tensor.name;
    });
    ASSERT_NE(found, read.end()) << tensor.name;
    EXPECT_EQ(found->dims, tensor.dims);
    EXPECT_EQ(found->values, tensor.values);
  }
}

TEST(Safetensors, WhatDoesNotFitTheFileIsRefused) {
  for (const char* header :
       {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})",
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
        R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
        R"({"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[2]}})", R"({"a":7})", R"([1])", "{", "7"}) {
    EXPECT_THAT(input_error_of([&] { read_safetensors(file_of(header, 8), "w.file"); }),
                testing::HasSubstr("w.file"))
        << header;
  }
}

TEST(Safetensors, ChangedAndCutFilesAreReadOrRefused) {
  const std::string bytes = safetensors(some_tensors(), {});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(input_error_of([&] { read_safetensors(bytes.substr(0, size), "w"); }), "no error");
  Random random(1);
  int num_refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string changed = bytes;
    changed[random.below(bytes.size())] = static_cast<char>(random.below(256));
    num_refused += input_error_of([&] { read_safetensors(changed, "w"); }) == "no error" ? 0 : 1;
  }
  EXPECT_GT(num_refused, 500);
}

}  // namespace
}  // namespace tilewake
