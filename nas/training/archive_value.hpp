// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/torch.h>

namespace tilewake {

// Single values in LibTorch's archives. The readers throw InputError where the value is missing or
// of another type, so that a file of another program version is refused instead of half read.

void write_value(torch::serialize::OutputArchive& archive, const std::string& key,
                 std::int64_t value);
void write_value(torch::serialize::OutputArchive& archive, const std::string& key, double value);
void write_value(torch::serialize::OutputArchive& archive, const std::string& key,
                 const std::string& value);
void write_value(torch::serialize::OutputArchive& archive, const std::string& key,
                 const std::vector<std::string>& values);
/// Copies on the CPU: a file written beside a GPU is read without one.
void write_value(torch::serialize::OutputArchive& archive, const std::string& key,
                 const std::vector<torch::Tensor>& tensors);

std::int64_t read_int(torch::serialize::InputArchive& archive, const std::string& key);
double read_double(torch::serialize::InputArchive& archive, const std::string& key);
std::string read_string(torch::serialize::InputArchive& archive, const std::string& key);
std::vector<std::string> read_strings(torch::serialize::InputArchive& archive,
                                      const std::string& key);
std::vector<torch::Tensor> read_tensors(torch::serialize::InputArchive& archive,
                                        const std::string& key);

/// Copies the tensors below `key` into `tensors`, whose number, shapes and types they must have.
void read_into(torch::serialize::InputArchive& archive, const std::string& key,
               const std::vector<torch::Tensor>& tensors);

/// "[3, 5] Float", for errors.
std::string shape_text(const torch::Tensor& tensor);

/// The archive nested below `key`.
torch::serialize::InputArchive read_archive(torch::serialize::InputArchive& archive,
                                            const std::string& key);

}  // namespace tilewake
